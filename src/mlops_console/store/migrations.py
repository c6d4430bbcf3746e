"""Numbered, forward-only migrations: `schema/0001_….sql`, `0002_….sql`, …

The number in the file name is the store's `PRAGMA user_version` after it. All that are missing are applied in one
`BEGIN IMMEDIATE` transaction, so that any number of processes may open a new workspace at the same moment.
"""

import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path

from mlops_console.store import chunks

_FOLDER = Path(__file__).with_name("schema")


@functools.cache
def _scripts() -> dict[int, Path]:
    return {int(path.name[:4]): path for path in sorted(_FOLDER.glob("[0-9]*.sql"))}


def newest() -> int:
    return max(_scripts())


def version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection, before: Callable[[int], None] | None = None) -> None:
    """Bring the store to the newest format; nothing is changed where one script fails.

    Args:
        before: called with the old format before anything is changed, unless another process was quicker.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        found = version(db)
        if before is not None and found < newest():
            before(found)
        for number, script in _scripts().items():
            if number <= found:
                continue
            for statement in _statements(script.read_text(encoding="utf-8")):
                db.execute(statement)
            if number in _CONVERSIONS:
                _CONVERSIONS[number](db)
            db.execute(f"PRAGMA user_version={number}")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _pack_points(db: sqlite3.Connection) -> None:
    """Format 1 had a row for each point."""
    for series in db.execute("SELECT key FROM series").fetchall():
        rows = db.execute(
            "SELECT step, value, at FROM points WHERE series_key = ? ORDER BY step", (series[0],)
        ).fetchall()
        if rows:
            values = [chunks.number(row[1]) for row in rows]
            chunks.write(db, series[0], chunks.Columns([row[0] for row in rows], values, [row[2] for row in rows]))
    db.execute("DROP TABLE points")


_CONVERSIONS: dict[int, Callable[[sqlite3.Connection], None]] = {2: _pack_points}


def _statements(script: str) -> list[str]:
    """The statements of a script. (`executescript` would commit the transaction first.)"""
    statements, pending = [], ""
    for line in script.splitlines():
        pending += line + "\n"
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
