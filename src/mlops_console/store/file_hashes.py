"""The SHA-256 of files of the project, remembered while a file stays as it was."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple


class Stamp(NamedTuple):
    """By what a file that has not been touched is known."""

    size: int  # bytes
    mtime_ns: int
    inode: int


def known(db: sqlite3.Connection, path: str) -> dict[str, tuple[Stamp, str]]:
    """The stamp and SHA-256 of a file and of all files below it, by path."""
    cursor = db.cursor()
    cursor.row_factory = None  # plain tuples: there may be 100,000
    rows = cursor.execute(
        "SELECT path, size, mtime_ns, inode, sha256 FROM file_hashes "
        "WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0') OR ?1 = '.'",  # "0" comes right after "/"
        (path,),
    )
    return {found: (Stamp(size, mtime, inode), sha256) for found, size, mtime, inode, sha256 in rows}


def remember(tx: sqlite3.Connection, found: Iterable[tuple[str, Stamp, str]]) -> None:
    tx.executemany(
        "INSERT OR REPLACE INTO file_hashes (path, size, mtime_ns, inode, sha256) VALUES (?, ?, ?, ?, ?)",
        [(path, *stamp, sha256) for path, stamp, sha256 in found],
    )


def forget(tx: sqlite3.Connection, paths: Iterable[str]) -> None:
    """They are gone."""
    tx.executemany("DELETE FROM file_hashes WHERE path = ?", [(path,) for path in paths])
