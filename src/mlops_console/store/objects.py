"""The object store: files by the SHA-256 of their content, written once and never changed."""

import contextlib
import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from io import BufferedRandom
from pathlib import Path
from typing import IO

from mlops_console.core.errors import StoreError

SETTLED = 3600.0  # seconds after which an object that nothing refers to is not one whose record is on its way

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FICLONE = 0x40049409  # linux/fs.h
_BLOCK = 1 << 20


class Objects:
    """The folder `.mlops/objects`, laid out as `ab/cdef…`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise StoreError(f"{sha256!r} is no SHA-256.", "Name objects by their 64 hexadecimal digits.")
        return self.folder / sha256[:2] / sha256[2:]

    def put_bytes(self, content: bytes) -> str:
        """Keep `content`; its SHA-256."""
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.path(sha256)
        if not _refreshed(target):
            with _incoming(target) as incoming:
                incoming.write(content)
        return sha256

    def put_file(self, source: Path) -> tuple[str, int]:
        """Keep a copy of a file; its SHA-256 and size in bytes."""
        with source.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self.keep_file(source, sha256)
        return sha256, self.path(sha256).stat().st_size

    def read_checked(self, sha256: str) -> bytes:
        """The content of an object.

        Raises:
            StoreError: it is missing or can't be read, or its content no longer has this SHA-256.
        """
        try:
            content = self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise self._missing(sha256) from None
        except OSError as error:
            raise self._unreadable(sha256, error) from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise self._damaged(sha256)
        return content

    def keep_file(self, source: Path, sha256: str) -> None:
        """Keep a copy of a file whose SHA-256 is known; it shares its blocks where the file system can.

        Raises:
            StoreError: it has another content now.
            OSError: it can't be read, or the disk is full.
        """
        target = self.path(sha256)
        if _refreshed(target):
            return
        with _incoming(target) as incoming, source.open("rb") as file:
            if not _cloned(file, incoming):
                shutil.copyfileobj(file, incoming, _BLOCK)
            incoming.seek(0)
            if hashlib.file_digest(incoming, "sha256").hexdigest() != sha256:
                raise StoreError(f"{source} was written to while it was read.", "Run it again.")

    def put_pieces(self, sha256: str, pieces: Iterable[bytes]) -> None:
        """Keep content that comes piece by piece.

        Raises:
            StoreError: it has another SHA-256.
            OSError: the disk is full.
        """
        with _incoming(self.path(sha256)) as incoming:
            digest = hashlib.sha256()
            for piece in pieces:
                incoming.write(piece)
                digest.update(piece)
            if digest.hexdigest() != sha256:
                raise StoreError(f"What came as object {sha256[:12]}… has another SHA-256.", "Run it again.")

    def restore(self, sha256: str, target: Path, executable: bool = False) -> None:
        """Put a copy of an object at `target`, whole or not at all.

        Where the file system can, the copy shares the blocks of the object until one of them is written to; it is never
        a link, through which a program could change what is kept.

        Raises:
            StoreError: the object is missing, unreadable or damaged.
            OSError: `target` can't be written.
        """
        self.check(sha256)
        with (
            _incoming(target, 0o777 if executable else 0o666, durable=False) as incoming,
            self.path(sha256).open("rb") as file,
        ):
            if not _cloned(file, incoming):
                shutil.copyfileobj(file, incoming, _BLOCK)

    def discard_damaged(self, sha256: str) -> None:
        """Take an object away whose content is wrong, so that it can be put anew."""
        try:
            self.check(sha256)
        except StoreError:
            self.path(sha256).unlink(missing_ok=True)

    def has(self, sha256: str) -> bool:
        """Whether an object is there; not whether it is whole."""
        return self.path(sha256).is_file()

    def check(self, sha256: str) -> None:
        """Raise `StoreError` if an object is missing, unreadable or damaged."""
        try:
            with self.path(sha256).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise self._missing(sha256) from None
        except OSError as error:
            raise self._unreadable(sha256, error) from None
        if found != sha256:
            raise self._damaged(sha256)

    def unneeded(self, needed: Collection[str]) -> list[Path]:
        """The files of objects that nothing needs, and what writers that died have left.

        Those of the last hour are not among them: the record that refers to one may still be in a spool.
        """
        return [
            path
            for path in self.folder.glob("[0-9a-f][0-9a-f]/*")
            if path.parent.name + path.name not in needed and _age(path) > SETTLED
        ]

    def sweep(self, needed: Callable[[], Collection[str]]) -> int:
        """Delete the objects that nothing needs (see `unneeded`); the bytes that are free then.

        Args:
            needed: asked once the candidates are known, so that one that was referred to meanwhile stays.
        """
        candidates = self.unneeded(frozenset())
        wanted = needed()
        return sum(_removed(path) for path in candidates if path.parent.name + path.name not in wanted)

    def _missing(self, sha256: str) -> StoreError:
        return StoreError(
            f"Object {sha256[:12]}… is missing from {self.folder}.", "Bring the folder back from a backup."
        )

    def _unreadable(self, sha256: str, error: OSError) -> StoreError:
        return StoreError(
            f"Object {sha256[:12]}… in {self.folder} can't be read: {error.strerror}.",
            "Check its permissions and the disk, or bring it back from a backup.",
        )

    def _damaged(self, sha256: str) -> StoreError:
        return StoreError(
            f"Object {sha256[:12]}… in {self.folder} is damaged: its content has another SHA-256.",
            "Bring the file back from a backup, or store it anew.",
        )


def _refreshed(target: Path) -> bool:
    """Whether an object is there; if so it counts as new from now on."""
    try:
        os.utime(target)
    except (FileNotFoundError, PermissionError):  # another user's is replaced by one of ours
        return False
    return True


def _removed(path: Path) -> int:
    """Delete an object; its bytes, or none if it is put again at this very moment: then it stays.

    Once it is aside, whoever puts it finds none and writes it anew; whoever did so before has made it new.
    """
    aside = path.with_name(f".incoming-swept-{path.name}")
    try:
        path.rename(aside)
        found = aside.stat()
        if time.time() - found.st_mtime <= SETTLED:
            aside.rename(path)
            return 0
        aside.unlink()
    except FileNotFoundError:  # another purge was quicker
        return 0
    return found.st_size


def _age(path: Path) -> float:
    """Seconds since an object was last put; of one that is gone, none."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _cloned(source: IO[bytes], target: IO[bytes]) -> bool:
    """Make a file share the blocks of another, as Btrfs, XFS and bcachefs can; whether that went."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _incoming(target: Path, mode: int = 0o444, durable: bool = True) -> Iterator[BufferedRandom]:
    """A temporary file beside the target, moved there whole when all of it is written.

    Args:
        durable: whether it must be whole also after the machine has lost its power.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.parent / f".incoming-{os.urandom(8).hex()}"
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
