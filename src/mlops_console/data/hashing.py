"""The content of files and folders as SHA-256: in parallel, and only of what has changed since the last time."""

import gc
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mlops_console.core.errors import JobStopped, StoreError, UsageError
from mlops_console.core.text import safe_line
from mlops_console.core.triggers import IGNORED
from mlops_console.store import file_hashes
from mlops_console.store.file_hashes import Stamp
from mlops_console.store.workspace import Workspace

LEFT_OUT = IGNORED  # folders of deps whose content changes by itself
_EMPTY = hashlib.sha256().hexdigest()
_BLOCK = 1 << 20  # bytes
_THREADS = min(8, 2 * (os.cpu_count() or 1))
_PORTION = 200  # small files
_TELL_EVERY = 0.2  # seconds
_SAVE_EVERY = 2.0  # seconds of work that a kill may undo
# A file that was written this shortly before it is read may be written again with the same mtime: kernels count in
# steps of up to 10 ms, some file systems in whole seconds.
_FINE, _COARSE = 20_000_000, 2_000_000_000  # nanoseconds


class HashedFile(NamedTuple):
    """A file, with its path relative to the project."""

    path: str
    sha256: str
    size: int  # bytes
    executable: bool


@dataclass(frozen=True, slots=True)
class Tree:
    """A file or a folder by its content.

    Attributes:
        sha256: of a folder, that of the names and contents of all its files, and of the names of its empty folders.
        empty: the folders below it that hold nothing; told only of a tree that was hashed as a whole.
    """

    path: str
    sha256: str
    is_folder: bool
    files: tuple[HashedFile, ...]
    empty: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the hashing of one tree is."""

    path: str
    done: int  # bytes
    total: int  # bytes
    files: int
    begun: float  # on the monotonic clock

    @property
    def left(self) -> float | None:
        """Seconds it will still take; None while nothing can be said."""
        passed = time.monotonic() - self.begun
        return passed / self.done * (self.total - self.done) if self.done and passed > 1 else None


class _Found(NamedTuple):
    path: str
    stamp: Stamp
    executable: bool


class _Hashed(NamedTuple):
    """`settled`: its stamp will tell when it is written to again."""

    file: _Found
    sha256: str
    settled: bool


class Hasher:
    """Hashes what is below the folder of a workspace.

    Args:
        folder: below this one instead; paths stay relative to it, and links into the workspace are followed.
        progress: called now and then while there is much to read.
        stopping: asked between two blocks of a file; once it is true, `JobStopped` is raised. What was hashed until
            then is remembered.
    """

    def __init__(
        self,
        workspace: Workspace,
        progress: Callable[[Progress], None] = lambda _: None,
        stopping: Callable[[], bool] = lambda: False,
        folder: Path | None = None,
    ) -> None:
        self._workspace = workspace
        self._root = folder or workspace.root
        self._progress = progress
        self._stopping = stopping

    def tree(self, path: str, *, whole: bool = False) -> Tree | None:
        """The file or folder at a path of the project; None where there is nothing.

        Symbolic links are followed, where they stay inside of the project.

        Args:
            whole: with all that is there. Otherwise folders called .git, .mlops and __pycache__ are left out, and
                empty ones don't count.

        Raises:
            UsageError: it can't be read, is neither file nor folder, or a link leads out of the project.
            JobStopped: see `stopping`.
        """
        with _no_collections():
            return self._tree(os.path.normpath(path), whole)

    def _tree(self, path: str, whole: bool) -> Tree | None:
        place = self._root / path
        empty: list[str] | None = [] if whole else None
        try:
            found = list(self._walk(place, path, empty))
            is_folder = place.is_dir()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(f"{error.filename or path} can't be read: {error.strerror}.", "Mend that.") from None
        hashes = self._hashes(path, found, whole)
        files = tuple(HashedFile(f.path, hashes[f.path], f.stamp.size, f.executable) for f in found)
        if not is_folder:
            return Tree(path, files[0].sha256, False, files)
        listed = [(file.path, file.sha256) for file in files] + [empty_entry(folder) for folder in empty or ()]
        return Tree(path, listing_sha256(path, listed), True, files, tuple(empty or ()))

    def _walk(self, place: Path, path: str, empty: list[str] | None) -> Iterator[_Found]:
        """Every file at or below a place, in the order of their paths.

        Args:
            empty: gets the folders that hold nothing; with None some folders are left out.
        """
        info = place.stat()
        if place.is_symlink() or self._is_behind_a_link(place.parent, path):
            self._check_link(place, path)
        if not stat.S_ISDIR(info.st_mode):
            yield _file(path, info)
            return
        yield from self._walk_folder(place, path, (), empty)

    def _walk_folder(
        self, folder: Path, path: str, above: tuple[tuple[int, int], ...], empty: list[str] | None
    ) -> Iterator[_Found]:
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except FileNotFoundError:
            if above:  # it was taken away a moment ago
                return
            raise
        if not entries and above and empty is not None:
            _check_name(path)
            empty.append(path)
        for entry in entries:
            below = entry.name if path == "." else f"{path}/{entry.name}"
            if entry.is_symlink():
                self._check_link(Path(entry.path), below)
            try:
                info = entry.stat()
            except FileNotFoundError:
                if not Path(entry.path).is_symlink():
                    continue  # it was taken away a moment ago
                raise UsageError(f"{below} is a symbolic link to nothing.", "Take it away.") from None
            if not stat.S_ISDIR(info.st_mode):
                yield _file(below, info)
            elif empty is not None or entry.name not in LEFT_OUT:
                here = (info.st_dev, info.st_ino)
                if here in above:
                    raise UsageError(f"{below} is a link to a folder above it.", "Take it away.")
                yield from self._walk_folder(Path(entry.path), below, (*above, here), empty)

    def _is_behind_a_link(self, above: Path, path: str) -> bool:
        return os.path.realpath(above) != os.path.normpath(f"{os.path.realpath(self._root)}/{os.path.dirname(path)}")  # noqa: PTH120

    def _check_link(self, place: Path, path: str) -> None:
        target = Path(os.path.realpath(place))
        if not target.is_relative_to(self._workspace.root.resolve()):
            raise UsageError(
                f"{safe_line(path)} is a symbolic link to {safe_line(target)}, which is outside of the project.",
                "Put the file itself there; what is outside can't be watched or kept.",
            )

    def _hashes(self, path: str, found: Sequence[_Found], whole: bool) -> dict[str, str]:
        with self._workspace.store.read() as db:
            known = file_hashes.known(db, path)
        hashes = {f.path: known[f.path][1] for f in found if f.path in known and known[f.path][0] == f.stamp}
        missing = [f for f in found if f.path not in hashes]
        gone = known.keys() - {f.path for f in found}
        if gone and not whole:  # what was left out was not looked for
            gone = {other for other in gone if not is_left_out(other, path)}
        if missing:
            hashes |= _Work(self._workspace, self._root, path, missing, self._progress, self._stopping).done()
        if gone:
            with suppress(StoreError), self._workspace.store.write() as tx:
                file_hashes.forget(tx, gone)
        return hashes


class _Work:
    """Reading what is not known yet of one tree: large files in threads, small ones by the hundred in this one."""

    def __init__(
        self,
        workspace: Workspace,
        root: Path,
        path: str,
        files: Sequence[_Found],
        progress: Callable[[Progress], None],
        stopping: Callable[[], bool],
    ) -> None:
        self._workspace = workspace
        self._prefix = f"{root}/"
        self._path = path
        self._files = files
        self._progress = progress
        self._stopping = stopping
        self._total = sum(file.stamp.size for file in files)
        self._begun = time.monotonic()
        self._read = 0  # bytes
        self._told = self._saved = self._begun
        self._hashes: dict[str, str] = {}
        self._fresh: list[tuple[str, Stamp, str]] = []  # to be remembered

    def done(self) -> dict[str, str]:
        small = [file for file in self._files if file.stamp.size < _BLOCK]
        large = sorted((f for f in self._files if f.stamp.size >= _BLOCK), key=lambda f: -f.stamp.size)
        try:
            with ThreadPoolExecutor(_THREADS, "hash") as pool:
                reading = [pool.submit(self._hash, file) for file in large]
                for begin in range(0, len(small), _PORTION):
                    for file in small[begin : begin + _PORTION]:
                        self._note(self._hash(file))
                    self._look_up()
                for done in reading:
                    while not done.done():
                        wait((done,), 0.1)
                        self._look_up()
                    self._note(done.result())
                    self._look_up()
        except BaseException:
            self._stopping = lambda: True  # the threads need not go on
            raise
        finally:
            self._save()
        return self._hashes

    def _hash(self, file: _Found) -> _Hashed:
        begun = time.time_ns()
        try:
            descriptor = os.open(self._prefix + file.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                before = _stamp(os.fstat(descriptor))
                sha256 = self._digest(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise UsageError(f"{file.path} can't be read: {error.strerror}.", "Mend that.") from None
        guard = _COARSE if before.mtime_ns % 1_000_000_000 == 0 else _FINE
        return _Hashed(file, sha256, settled=before == file.stamp and before.mtime_ns + guard < begun)

    def _digest(self, descriptor: int) -> str:
        block = os.read(descriptor, _BLOCK)
        digest = hashlib.sha256(block)
        while len(block) == _BLOCK:
            if self._stopping():
                raise JobStopped(f"The hashing of {self._path} was stopped.")
            self._read += _BLOCK  # of several threads one may be lost: it is for people only
            block = os.read(descriptor, _BLOCK)
            digest.update(block)
        return digest.hexdigest()

    def _note(self, found: _Hashed) -> None:
        self._read += found.file.stamp.size % _BLOCK
        self._hashes[found.file.path] = found.sha256
        if found.settled:
            self._fresh.append((found.file.path, found.file.stamp, found.sha256))

    def _look_up(self) -> None:
        """Between two pieces of work: tell how far it is, keep what is known, see whether to stop."""
        if self._stopping():
            raise JobStopped(f"The hashing of {self._path} was stopped.")
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY:
            self._told = now
            read = min(self._read, self._total)
            self._progress(Progress(self._path, read, self._total, len(self._files), self._begun))
        if now - self._saved >= _SAVE_EVERY:
            self._saved = now
            self._save()

    def _save(self) -> None:
        fresh, self._fresh = self._fresh, []
        if fresh:
            with (
                suppress(StoreError),
                self._workspace.store.write() as tx,
            ):  # where none can be written they are read anew
                file_hashes.remember(tx, fresh)


def is_left_out(path: str, tree: str) -> bool:
    """Whether a file of a tree is below one of the folders that are left out of deps."""
    skipped = 0 if tree == "." else len(tree) + 1
    return not LEFT_OUT.isdisjoint(path[skipped:].split("/")[:-1])


def empty_entry(folder: str) -> tuple[str, str]:
    """An empty folder as an entry of a listing, told from a file by its last letter."""
    return f"{folder}/", _EMPTY


def listing_sha256(folder: str, files: Sequence[tuple[str, str]]) -> str:
    """Of the pairs (path, SHA-256) of all files of a folder, in the order of their paths."""
    digest = hashlib.sha256(b"mlops-console folder, format 1\n")
    skipped = 0 if folder == "." else len(folder) + 1
    for path, sha256 in sorted(files):
        digest.update(f"{sha256} {path[skipped:]}\0".encode())
    return digest.hexdigest()


@contextmanager
def _no_collections() -> Iterator[None]:
    """Hundreds of thousands of tuples are made, none of them in a circle: looking for some took half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _file(path: str, info: os.stat_result) -> _Found:
    if not stat.S_ISREG(info.st_mode):
        raise UsageError(f"{path} is neither a file nor a folder.", "Take it away, or name what it is made from.")
    _check_name(path)
    return _Found(path, _stamp(info), bool(info.st_mode & stat.S_IXUSR))


def _check_name(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UsageError(f"The name of {path!r} is no UTF-8.", "Give the file another name.") from None


def _stamp(info: os.stat_result) -> Stamp:
    return Stamp(info.st_size, info.st_mtime_ns, info.st_ino)
