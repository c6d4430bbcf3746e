"""The feed from which a console learns what to redraw: one row per thing that has changed."""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum

_KEPT = 10_000


class Topic(StrEnum):
    RUNS = "runs"
    SERIES = "series"
    STAGES = "stages"
    JOBS = "jobs"
    WORKERS = "workers"
    MODELS = "models"
    DATASETS = "datasets"
    ENVIRONMENTS = "environments"
    DRIFT = "drift"
    ALERTS = "alerts"
    LEDGER = "ledger"
    VIEWS = "views"
    TRIGGERS = "triggers"


@dataclass(frozen=True, slots=True)
class FeedItem:
    seq: int
    topic: Topic
    ref: str


def announce(tx: sqlite3.Connection, topic: Topic, ref: object = "") -> None:
    """Say in this transaction that something has changed; `ref` is its id or name."""
    cursor = tx.execute("INSERT INTO changes (topic, ref) VALUES (?, ?)", (topic, str(ref)))
    seq = cursor.lastrowid or 0
    if seq % 1000 == 0:
        tx.execute("DELETE FROM changes WHERE seq <= ?", (seq - _KEPT,))


def latest(db: sqlite3.Connection) -> int:
    """The number of the newest change; 0 if there was none."""
    return int(db.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()[0])


def since(db: sqlite3.Connection, seq: int) -> list[FeedItem]:
    """All changes after number `seq`, oldest first."""
    rows = db.execute("SELECT seq, topic, ref FROM changes WHERE seq > ? ORDER BY seq", (seq,))
    return [FeedItem(row["seq"], Topic(row["topic"]), row["ref"]) for row in rows]
