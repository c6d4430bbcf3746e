"""The head of the ledger, kept in a file of its own beside the store: `.mlops/ledger.head`.

It is written after each transaction that has added to the ledger, once that is safe on the disk. Whatever is killed or
loses its power in between, the file lags behind the ledger then, and never leads: where it does, entries were cut off.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mlops_console.core.errors import StoreError, UsageError
from mlops_console.core.ledger import Head

NAME = "ledger.head"


class Writer(sqlite3.Connection):
    """A connection that knows the head which its transaction has given to the ledger."""

    head: Head | None = None


def read(store: Path) -> Head | None:
    """The head that is kept beside a store; None where none was kept yet.

    Raises:
        StoreError: the file holds no head, or can't be read.
    """
    path = store.with_name(NAME)
    try:
        return Head.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (UsageError, UnicodeDecodeError):
        raise StoreError(
            f"{path} holds no head of a ledger.", "No mlops-console writes it so: find out who did, and take it away."
        ) from None
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror}.", "Check its permissions.") from None


def keep(store: Path, db: sqlite3.Connection, head: Head) -> None:
    """Write the head of a transaction that was committed, unless a newer one is there, or one that the ledger no longer
    has: that stays for `ledger verify` to tell, as does a damaged file.

    A file that can't be written costs nothing but its lag: what was committed holds.
    """
    with contextlib.suppress(OSError, sqlite3.Error):
        _make_durable(store)
        with _alone(store.parent):
            if _follows(store, db, head):
                aside = store.with_name(f".{NAME}.part")
                with aside.open("w", encoding="utf-8") as file:
                    file.write(f"{head}\n")
                    file.flush()
                    os.fsync(file.fileno())
                aside.replace(store.with_name(NAME))


def _follows(store: Path, db: sqlite3.Connection, head: Head) -> bool:
    try:
        known = read(store)
    except StoreError:
        return False
    if known is None:
        return True
    row = db.execute("SELECT hash FROM ledger WHERE seq = ?", (known.seq,)).fetchone()
    return known.seq < head.seq and row is not None and row["hash"] == known.hash


def _make_durable(store: Path) -> None:
    """A commit is in SQLite's log, which may not be on the disk yet. Where there is no log any more, the store is."""
    with contextlib.suppress(FileNotFoundError):
        log = os.open(store.with_name(f"{store.name}-wal"), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(log)
        finally:
            os.close(log)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time: of two that have committed one after the other, either may come here first."""
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
