"""The prediction log: served rows, in a file of their own so that traffic never slows the store."""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from mlops_console.core.drift import Prediction
from mlops_console.store.database import BUSY_TIMEOUT, explained

_SCHEMA = """
CREATE TABLE IF NOT EXISTS predictions (
    id INTEGER PRIMARY KEY, environment TEXT NOT NULL, at REAL NOT NULL, revision INTEGER NOT NULL,
    inputs TEXT NOT NULL, output TEXT NOT NULL
) STRICT
"""
_INDEX = "CREATE INDEX IF NOT EXISTS predictions_time ON predictions (environment, at)"


class PredictionLog:
    """The file `predictions.db`; it is made by the first write. One connection a call: callers batch.

    Every method raises StoreError where the file can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, environment: str, rows: Iterable[Prediction]) -> None:
        """Add rows in one transaction."""
        with self._open("rwc") as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute(_SCHEMA)
            db.execute(_INDEX)
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "INSERT INTO predictions (environment, at, revision, inputs, output) VALUES (?, ?, ?, ?, ?)",
                [(environment, r.at, r.revision, json.dumps(dict(r.inputs)), json.dumps(r.output)) for r in rows],
            )
            db.execute("COMMIT")

    def stream(self, environment: str, start: float, end: float, step: int = 1) -> Iterator[Prediction]:
        """Every `step`-th row with `start` < at <= `end`, oldest first, one at a time: the memory of one row."""
        if not self.path.exists():
            return
        with self._open("ro") as db:
            for at, revision, inputs, output in db.execute(
                "SELECT at, revision, inputs, output FROM predictions WHERE environment = ? AND at > ? AND at <= ? "
                "AND id % ? = 0 ORDER BY at",
                (environment, start, end, step),
            ):
                yield Prediction(at, revision, json.loads(inputs), json.loads(output))

    def count(self, environment: str, start: float, end: float) -> int:
        """How many rows were answered with `start` < at <= `end`."""
        if not self.path.exists():
            return 0
        with self._open("ro") as db:
            found = db.execute(
                "SELECT count(*) FROM predictions WHERE environment = ? AND at > ? AND at <= ?",
                (environment, start, end),
            ).fetchone()
        return int(found[0])

    def first_at(self, environment: str) -> float | None:
        """When the first row of an environment was answered; None without any."""
        if not self.path.exists():
            return None
        with self._open("ro") as db:
            found = db.execute("SELECT min(at) FROM predictions WHERE environment = ?", (environment,)).fetchone()
        return None if found[0] is None else float(found[0])

    def counts(self, environment: str, end: float, spans: int, seconds: float) -> tuple[int, ...]:
        """How many rows were answered in each of the last `spans` times `seconds` before `end`, oldest first."""
        found = [0] * spans
        if self.path.exists():
            with self._open("ro") as db:
                for ago, rows in db.execute(
                    "SELECT CAST((?2 - at) / ?3 AS INTEGER) AS ago, count(*) FROM predictions "
                    "WHERE environment = ?1 AND at > ?2 - ?3 * ?4 AND at <= ?2 GROUP BY ago",
                    (environment, end, seconds, spans),
                ):
                    found[-1 - min(ago, spans - 1)] += rows
        return tuple(found)

    @contextlib.contextmanager
    def _open(self, mode: str) -> Iterator[sqlite3.Connection]:
        with explained(self.path):
            connection = sqlite3.connect(
                f"{self.path.as_uri()}?mode={mode}", uri=True, timeout=BUSY_TIMEOUT, isolation_level=None
            )
            with contextlib.closing(connection) as db:
                yield db
