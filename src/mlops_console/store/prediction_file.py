"""The file `predictions.db`: how it is made, opened, and brought from its first format to this one."""

import contextlib
import json
import os
import sqlite3
import threading
from itertools import chain
from pathlib import Path
from typing import Any

from mlops_console.core.errors import StoreError
from mlops_console.store.database import BUSY_TIMEOUT

_FORMAT = 1  # in user_version; 0 is a file with a row for each predicted row
_PORTION = 1_000  # rows of the first format that one transaction converts
_LOG_PAGES = 8_000  # of SQLite's own log before they are taken into the file: pages written again and again count once
_STATEMENTS = 16  # that a connection keeps prepared: each may have thousands of values

# The index of times has all that is counted, so that nobody counts by reading inputs.
_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS requests (
        id INTEGER PRIMARY KEY, environment TEXT NOT NULL, request_id TEXT NOT NULL, at REAL NOT NULL,
        revision INTEGER NOT NULL, model TEXT NOT NULL, latency REAL NOT NULL, rows INTEGER NOT NULL,
        inputs TEXT NOT NULL, outputs TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS requests_time ON requests (environment, at, rows)",
    "CREATE INDEX IF NOT EXISTS requests_id ON requests (request_id)",
    """
    CREATE TABLE IF NOT EXISTS labels (
        request_id TEXT NOT NULL, row INTEGER NOT NULL, label TEXT NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (request_id, row)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS labels_time ON labels (at)",
)


def open_to_read(path: Path) -> sqlite3.Connection | None:
    """A connection that can't write; None where nothing was written yet in this format."""
    if not path.exists():
        return None
    db = _connect(path, "ro")
    db.text_factory = _text
    try:
        if _format(db, path) == _FORMAT:
            return db
    except BaseException:
        db.close()
        raise
    db.close()
    return None


def open_to_write(path: Path) -> sqlite3.Connection:
    """A connection to the file, which is made or converted where needed."""
    if not path.exists():
        _make(path)
    db = _connect(path, "rw")
    try:
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
        if _format(db, path) != _FORMAT:
            _convert(db)
    except BaseException:
        db.close()
        raise
    return db


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        cached_statements=_STATEMENTS,
    )


def _text(content: bytes) -> str:
    """What SQLite calls for a text: one that is damaged must not keep anybody from reading the others."""
    return content.decode(errors="replace")


def _format(db: sqlite3.Connection, path: Path) -> int:
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found > _FORMAT:
        raise StoreError(
            f"{path} was made by a newer mlops-console (its format is {found}, this program knows up to {_FORMAT}).",
            "Upgrade mlops-console.",
        )
    return found


def _make(path: Path) -> None:
    """Make the file aside and link it into its place whole: of several servers that try, the first one wins."""
    aside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    with contextlib.closing(_connect(aside, "rwc")) as db:
        db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("PRAGMA journal_mode=WAL")
        for statement in _SCHEMA:
            db.execute(statement)
        db.execute(f"PRAGMA user_version={_FORMAT}")
    try:
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
        aside.unlink()
    except OSError as error:
        raise StoreError(
            f"{path} can't be made: {error.strerror}.", "Check the permissions and the mount of that folder."
        ) from None


def _convert(db: sqlite3.Connection) -> None:
    """Make requests of one row of what the first format has, in short transactions: another server may do the same."""
    db.execute("PRAGMA journal_mode=WAL")
    for statement in _SCHEMA:
        db.execute(statement)
    while _convert_portion(db):
        pass
    db.execute("PRAGMA auto_vacuum=INCREMENTAL")
    db.execute("VACUUM")


def _convert_portion(db: sqlite3.Connection) -> bool:
    """Convert the oldest rows; whether there may be more. Rows that can't be read are left behind."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'predictions'").fetchone():
            db.execute(f"PRAGMA user_version={_FORMAT}")
            return False
        rows = db.execute(
            "SELECT id, environment, at, revision, inputs, output FROM predictions ORDER BY id LIMIT ?", (_PORTION,)
        ).fetchall()
        if not rows:
            db.execute("DROP TABLE predictions")
            return True
        found = [
            (environment, at, revision, inputs, outputs)
            for _, environment, at, revision, given, answered in rows
            if (inputs := _in_lists(given)) is not None and (outputs := _in_lists(answered)) is not None
        ]
        if found:
            marks = ", ".join(["(?, '', ?, ?, '', 0, 1, ?, ?)"] * len(found))
            db.execute(
                "INSERT INTO requests (environment, request_id, at, revision, model, latency, rows, inputs, outputs) "
                f"VALUES {marks}",
                [*chain.from_iterable(found)],
            )
        db.execute("DELETE FROM predictions WHERE id <= ?", (rows[-1][0],))
        return True


def _in_lists(text: str) -> str | None:
    """An object of values as an object of lists of one value; None if it is none."""
    try:
        values: Any = json.loads(text)
    except ValueError:
        return None
    return json.dumps({name: [value] for name, value in values.items()}) if isinstance(values, dict) else None
