"""Silences: which alerts nobody is told of for a while."""

import sqlite3
import time

from mlops_console.core.alerts import Silence
from mlops_console.core.errors import NotFoundError
from mlops_console.store.changes import Topic, announce


def add(tx: sqlite3.Connection, rule: str, subject: str, until: float, actor: str, note: str) -> Silence:
    now = time.time()
    cursor = tx.execute(
        "INSERT INTO silences (rule, subject, until, actor, note, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (rule, subject, until, actor, note, now),
    )
    announce(tx, Topic.ALERTS, subject)
    return Silence(int(cursor.lastrowid or 0), rule, subject, until, actor, note, now)


def end(tx: sqlite3.Connection, silence_id: int, now: float) -> None:
    """It ends now instead of later."""
    tx.execute("UPDATE silences SET until = min(until, ?) WHERE id = ?", (now, silence_id))
    announce(tx, Topic.ALERTS, silence_id)


def active(db: sqlite3.Connection, now: float) -> list[Silence]:
    """Those that silence something now, the one that ends first first."""
    rows = db.execute("SELECT * FROM silences WHERE until > ? ORDER BY until, id", (now,))
    return [found for found in map(_silence, rows) if found.holds(now)]


def listing(db: sqlite3.Connection, limit: int = 200) -> list[Silence]:
    """Those that have ended too, the newest first."""
    rows = db.execute("SELECT * FROM silences ORDER BY id DESC LIMIT ?", (limit,))
    return [_silence(row) for row in rows]


def get(db: sqlite3.Connection, silence_id: int) -> Silence:
    """One silence.

    Raises:
        NotFoundError: there is none.
    """
    row = db.execute("SELECT * FROM silences WHERE id = ?", (silence_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no silence {silence_id}.", "'mlops-console alert silences' shows them.")
    return _silence(row)


def _silence(row: sqlite3.Row) -> Silence:
    return Silence(row["id"], row["rule"], row["subject"], row["until"], row["actor"], row["note"], row["created_at"])
