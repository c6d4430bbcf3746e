"""What servers have counted of live rows, a row for each slot of time, revision and process."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

_BETWEEN = "environment = ?1 AND revision = ?2 AND start < ?4 AND (start + end) / 2 >= ?3 AND (start + end) / 2 < ?4"


class LiveSlot(NamedTuple):
    """`end`: of its last row so far, seconds since the epoch; `rows`: that were answered; `counts`: as
    `drift.live.counts` packs them."""

    revision: int
    start: float
    process: str
    end: float
    rows: int
    counts: bytes


def put(tx: sqlite3.Connection, environment: str, slots: Iterable[LiveSlot]) -> None:
    """Write slots, each in the place of what its process has written of it before."""
    tx.executemany(
        "INSERT INTO live_slots (environment, revision, start, process, end, rows, counts) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
        "SET end = excluded.end, rows = excluded.rows, counts = excluded.counts",
        [(environment, *slot) for slot in slots],
    )


def between(db: sqlite3.Connection, environment: str, revision: int, start: float, end: float) -> list[LiveSlot]:
    """The slots whose middle lies between, oldest first: `start` <= middle < `end`."""
    rows = db.execute(
        f"SELECT revision, start, process, end, rows, counts FROM live_slots WHERE {_BETWEEN} ORDER BY start, process",
        (environment, revision, start, end),
    )
    return [LiveSlot(*row) for row in rows]


def count(db: sqlite3.Connection, environment: str, revision: int, start: float, end: float) -> int:
    """How many rows there are in the slots whose middle lies between."""
    found: int = db.execute(
        f"SELECT coalesce(sum(rows), 0) FROM live_slots WHERE {_BETWEEN}", (environment, revision, start, end)
    ).fetchone()[0]
    return found


def newest(db: sqlite3.Connection, environment: str, revision: int, before: float, rows: int) -> list[LiveSlot]:
    """The newest slots that begin before a time, as many as it takes to have `rows` of them, newest first."""
    found: list[LiveSlot] = []
    for row in db.execute(
        "SELECT revision, start, process, end, rows, counts FROM live_slots WHERE environment = ? AND revision = ? "
        "AND start < ? ORDER BY start DESC, process",
        (environment, revision, before),
    ):
        found.append(LiveSlot(*row))
        rows -= found[-1].rows
        if rows <= 0:
            break
    return found


def first_start(db: sqlite3.Connection, environment: str, revision: int) -> float | None:
    """When the first slot begins that is kept of a revision."""
    found: float | None = db.execute(
        "SELECT min(start) FROM live_slots WHERE environment = ? AND revision = ?", (environment, revision)
    ).fetchone()[0]
    return found


def prune(
    tx: sqlite3.Connection, environment: str, before: float, most_bytes: int, most_rows: int | None = None
) -> None:
    """Delete slots that ended before a time, and the oldest that are too much.

    Args:
        most_bytes: what all slots of the environment may take.
        most_rows: of each revision; None for any number.
    """
    tx.execute("DELETE FROM live_slots WHERE environment = ? AND end < ?", (environment, before))
    tx.execute(
        "DELETE FROM live_slots WHERE environment = ?1 AND (revision, start, process) IN ("
        "SELECT revision, start, process FROM (SELECT revision, start, process, "
        "sum(length(counts)) OVER (ORDER BY start DESC, process) AS bytes, "
        "sum(rows) OVER (PARTITION BY revision ORDER BY start DESC, process) - rows AS newer "
        "FROM live_slots WHERE environment = ?1) WHERE bytes > ?2 OR newer >= ?3)",
        (environment, most_bytes, 2**62 if most_rows is None else most_rows),
    )
