"""How far each spool segment has been taken in; moved on in the same transaction as its points."""

import sqlite3


def position(db: sqlite3.Connection, name: str) -> int:
    """The first slot of the segment that is not in the store yet; 0 for one that nobody has begun."""
    row = db.execute("SELECT position FROM spools WHERE name = ?", (name,)).fetchone()
    return int(row["position"]) if row else 0


def advance(tx: sqlite3.Connection, name: str, position: int) -> None:
    """Everything before slot `position` is in the store with this transaction."""
    tx.execute(
        "INSERT INTO spools (name, position) VALUES (?, ?) ON CONFLICT DO UPDATE SET position = excluded.position",
        (name, position),
    )


def names(db: sqlite3.Connection) -> list[str]:
    return [row["name"] for row in db.execute("SELECT name FROM spools")]


def forget(tx: sqlite3.Connection, name: str) -> None:
    """The segment's file is gone."""
    tx.execute("DELETE FROM spools WHERE name = ?", (name,))
