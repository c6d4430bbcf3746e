"""Connections to the store: one short writer at a time, any number of readers.

Writes go through `Store.write`, a `BEGIN IMMEDIATE` transaction that commits as a whole or not at all. Reads go through
`Store.read`, a connection per thread that can't write. Both translate SQLite's errors into `StoreError`.

A store is made once, where there never was one. A file that is removed while somebody uses it is told, and never made
anew in silence; another one that is moved into its place, as by `restore`, is taken up at the next use.
"""

import contextlib
import functools
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

from mlops_console.core.errors import StoreError, UsageError
from mlops_console.core.text import safe_line
from mlops_console.store import ledger_head, migrations
from mlops_console.store.identity import user_name
from mlops_console.store.ledger_head import Writer

Connection = sqlite3.Connection  # for the signatures of those who may not import sqlite3 themselves
C = TypeVar("C", bound=sqlite3.Connection)
P = ParamSpec("P")
R = TypeVar("R")

BUSY_TIMEOUT = 30.0  # seconds that a writer waits for another
_READ_CACHE = 8_192  # KiB of pages that a thread which reads may keep


class _Connections(threading.local):
    """Those of one thread, each with the file that it has open: its device and number."""

    reader: tuple[tuple[int, int], sqlite3.Connection] | None = None
    writer: tuple[tuple[int, int], Writer] | None = None


class Store:
    """The SQLite file of a workspace. Opening it makes it or upgrades it where needed.

    Raises:
        StoreError: the file is no store, was made by a newer version, is gone, or can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own = _Connections()
        self._prepare()

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that holds the write lock from its beginning."""
        with explained(self.path):
            tx = self._writer()
            tx.head = None
            tx.execute("BEGIN IMMEDIATE")
            try:
                yield tx
                tx.execute("COMMIT")
            except BaseException:
                if tx.in_transaction:  # a full disk may have ended it already
                    tx.execute("ROLLBACK")
                raise
        if tx.head is not None:
            ledger_head.keep(self.path, tx, tx.head)

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A read-only connection of this thread. What one `with` sees is one state of the store."""
        with explained(self.path):
            db = self._reader()
            if db.in_transaction:
                yield db
                return
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("COMMIT")

    def data_version(self) -> int:
        """A number that changes when another connection has written: a cheap "is there news?"."""
        with explained(self.path):
            version = int(self._reader().execute("PRAGMA data_version").fetchone()[0])
        assert self._own.reader is not None
        (_, number), _ = self._own.reader  # of the file: another one in its place counts anew, and is news
        return number << 32 | version

    def close(self) -> None:
        """Close the connections of this thread."""
        for held in (self._own.reader, self._own.writer):
            if held is not None:
                held[1].close()
        self._own.reader = self._own.writer = None

    def _file(self) -> tuple[int, int]:
        """Which file is at the path just now.

        Raises:
            StoreError: there is none any more.
        """
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise _gone(self.path) from None
        return found.st_dev, found.st_ino

    def _prepare(self) -> None:
        """Make the store or upgrade it. Without a need for either nothing is written: a read-only disk will do."""
        with explained(self.path):
            if not self.path.exists():
                self._refuse_second()
                self._make()
            found = migrations.version(self._reader())
            if found > migrations.newest():
                raise StoreError(
                    f"{self.path} was made by a newer mlops-console (its format is {found}, this program knows up to "
                    f"{migrations.newest()}).",
                    "Upgrade mlops-console.",
                )
            if found < migrations.newest():
                migrations.migrate(self._writer(), before=self._keep_format)

    def _refuse_second(self) -> None:
        """An empty store in the place of one that was removed would hide that all is lost."""
        # What is only there after one; objects, logs, spools and predictions may be kept before it is made.
        traces = (f"{self.path.name}-wal", f"{self.path.stem}-format-*.backup.db", "ledger.head")
        if (
            any(next(self.path.parent.glob(trace), None) for trace in traces) and not self.path.exists()
        ):  # another process may have made it, and left them, in between
            raise _gone(self.path)

    def _keep_format(self, found: int) -> None:
        """Called with the write lock: so nobody upgrades the store while it is copied, nor copies an upgraded one."""
        backup(self.path, self.path.with_name(f"{self.path.stem}-format-{found}.backup.db"))

    def _make(self) -> None:
        """Make the store aside and move it into place whole: of many processes that try, the first one wins."""
        aside = self.path.with_name(f".{self.path.name}.{os.getpid()}-{threading.get_ident()}")
        with contextlib.closing(_connect(aside.as_uri(), Connection)) as db:
            db.execute("PRAGMA journal_mode=WAL")
            migrations.migrate(db)
        with contextlib.suppress(FileExistsError):
            os.link(aside, self.path)
        aside.unlink()

    def _writer(self) -> Writer:
        file, held = self._file(), self._own.writer
        if held is not None:
            if held[0] == file:
                return held[1]
            held[1].close()
        writer = _connect(f"{self.path.as_uri()}?mode=rw", Writer)
        writer.execute("PRAGMA synchronous=NORMAL")
        writer.execute("PRAGMA foreign_keys=ON")
        self._own.writer = file, writer
        return writer

    def _reader(self) -> sqlite3.Connection:
        held = self._own.reader
        if held is not None and held[1].in_transaction:
            return held[1]  # what one `with` sees is one state of one file
        file = self._file()
        if held is not None:
            if held[0] == file:
                return held[1]
            held[1].close()
        uri = f"{self.path.as_uri()}?mode=ro{'&immutable=1' if self._is_on_a_read_only_disk() else ''}"
        reader = _connect(uri, Connection)
        reader.execute("PRAGMA query_only=ON")
        reader.execute(f"PRAGMA cache_size={-_READ_CACHE}")
        reader.create_function("regexp", 2, _regexp, deterministic=True)
        self._own.reader = file, reader
        return reader

    def _is_on_a_read_only_disk(self) -> bool:
        """There SQLite can't make the index of the log either; a store without a log needs none."""
        log = self.path.with_name(self.path.name + "-wal")
        return not os.access(self.path.parent, os.W_OK) and not log.exists()


def backup(source: Path, target: Path) -> None:
    """A consistent copy of a database that may be in use, by SQLite's online backup.

    Raises:
        StoreError: it can't be read, or the copy can't be written.
    """
    partial = target.with_name(target.name + ".part")
    partial.unlink(missing_ok=True)
    with (
        explained(source),
        contextlib.closing(_connect(f"{source.as_uri()}?mode=ro", Connection)) as old,
        contextlib.closing(_connect(partial.as_uri(), Connection)) as new,
    ):
        old.backup(new)
    partial.replace(target)


def _connect(uri: str, kind: type[C]) -> C:
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None, factory=kind)
    db.row_factory = sqlite3.Row
    return db


def _regexp(source: str, text: object) -> bool:
    """What SQLite calls for `text REGEXP source`."""
    from mlops_console.core.filters import matches

    return matches(source, None if text is None else str(text))


def damage_told(what: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """For what makes an object of a row: a value that this program would never have written there is a StoreError."""

    def telling(read: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(read)
        def told(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return read(*args, **kwargs)
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                raise StoreError(
                    f"The store is damaged: {what} in it can't be read ({safe_line(error, 200)}).",
                    "Bring back a backup of it.",
                ) from error

        return told

    return telling


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """SQLite's errors as `StoreError`; a number that it can't take as `UsageError`."""
    try:
        yield
    except OverflowError:
        raise UsageError(
            "There is no such number: the store knows none of more than 64 bits.", "Give it less."
        ) from None
    except sqlite3.DatabaseError as error:
        raise _explain(error, path) from error


def _explain(error: sqlite3.DatabaseError, path: Path) -> StoreError:
    text = str(error)
    if "locked" in text or "busy" in text:
        return StoreError(
            f"The store {path} stayed locked by another process for {BUSY_TIMEOUT:.0f} s.",
            "Find it with 'fuser' on that file, or try again.",
        )
    if "readonly" in text or "unable to open" in text:
        return StoreError(f"The store {path} can't be written.", _way_in(path))
    if "full" in text:
        return StoreError(f"The disk of {path} is full.", "Free some space; nothing was half written.")
    if "malformed" in text or "not a database" in text:
        return StoreError(f"{path} is no SQLite database or is damaged.", "Bring back a backup of it.")
    return StoreError(f"The store {path} failed: {text}.", "Run the command again with --debug for the details.")


def _gone(path: Path) -> StoreError:
    return StoreError(
        f"The store {path} is gone: something has removed it.",
        f"Put the file back, or a backup in its place with 'mlops-console restore FILE'; to begin anew, move "
        f"{path.parent} away.",
    )


def _way_in(path: Path) -> str:
    try:
        owner = path.parent.stat().st_uid
    except OSError:
        owner = os.geteuid()
    if owner == os.geteuid():
        return "Check the permissions and the mount of that folder."
    return f"It is {user_name(owner)}'s: docs/operations.md says how several people share one."
