"""The prediction log: served requests and their true labels, in a file of their own so that traffic never slows the
store.
"""

import contextlib
import functools
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

from mlops_console.core.predictions import Label, LoggedRequest, Prediction
from mlops_console.store.database import explained
from mlops_console.store.prediction_file import open_to_read, open_to_write

# Many rows are one statement, not one each: a thread that writes gives way to the others of its process at every
# statement, and where they are busy it waits for milliseconds until it is its turn again.
_AT_ONCE = 1_000  # rows of a statement
_DELETED = 1_000  # rows that one transaction deletes
_GIVEN_BACK = 256  # pages that one statement gives back to the file system
_SPARE = 10  # one page of so many may be free, for what comes next

_GOLDEN = 2_654_435_769  # 2^32 over the golden ratio
_COLUMNS = "request_id, at, revision, model, latency, rows, inputs, outputs"
_OLD = "SELECT id FROM requests WHERE environment = ? AND at < ? ORDER BY at LIMIT ?"
_OLDEST = "SELECT id FROM requests ORDER BY id LIMIT ?"
_STRAYS = (
    "SELECT request_id, row FROM labels WHERE at < ? "
    "AND NOT EXISTS (SELECT 1 FROM requests WHERE request_id = labels.request_id) ORDER BY at LIMIT ?"
)
_OLDEST_LABELS = "SELECT request_id, row FROM labels ORDER BY at LIMIT ?"


class EncodedRequest(NamedTuple):
    """A request on its way into the log; inputs and outputs are JSON objects of lists."""

    id: str
    at: float
    revision: int
    model: str
    latency: float
    rows: int
    inputs: str
    outputs: str


class LabelledRequest(NamedTuple):
    """A request with the labels that have come for it: by row, what was true and when that was told."""

    request: LoggedRequest
    wanted: Sequence[int]  # the rows of it that are in the sample
    labels: dict[int, tuple[Any, float]]


class PredictionLog:
    """The file `predictions.db`; it is made by the first write.

    One thread calls `append` and `prune`, which share a connection, until `close`; all else has a connection for each
    call and may come from anywhere. `damaged` counts the requests that readers had to pass over.

    Every method raises StoreError where the file can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        self._writer: sqlite3.Connection | None = None
        self._written: tuple[int, int] | None = None  # which file the connection is of

    def append(self, environment: str, requests: Sequence[EncodedRequest]) -> None:
        """Add requests. Of each thousand either all are there or none."""
        with self._kept_writer() as db:
            for part in _portions(requests):
                db.execute(_insertion(len(part)), (environment, *chain.from_iterable(part)))

    def prune(self, environment: str, before: float, most_bytes: int) -> bool:
        """Delete some of what is too much, in a short transaction; whether there may be more to do.

        That is, in this order: requests of the environment that are older than `before`, with their labels; labels as
        old whose request is not there; the oldest requests of all environments while what is stored takes more than
        `most_bytes`; and of the space that is free then, what is more than a tenth of the file.
        """
        if not self.path.exists():
            return False
        with self._kept_writer() as db:
            return (
                _delete_requests(db, _OLD, (environment, before, _DELETED))
                or _delete_labels(db, _STRAYS, (before, _DELETED))
                or (_used(db) > most_bytes and _delete_oldest(db))
                or _give_back(db)
            )

    def close(self) -> None:
        """Close the connection that `append` and `prune` share; the next call opens another one."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def add_labels(self, labels: Iterable[Label]) -> int:
        """Store labels, all or none; one for the same row replaces the one before. How many of them are of requests in
        the log: the others are kept as well, as a request is written a moment after it was answered.
        """
        now, known = time.time(), 0
        remaining = iter(labels)
        with explained(self.path), contextlib.closing(open_to_write(self.path)) as db, db:
            db.execute("BEGIN IMMEDIATE")
            while part := list(islice(remaining, _AT_ONCE)):
                values = [(label.request_id, label.row, json.dumps(label.value)) for label in part]
                db.execute(_labelling(len(part)), (now, *chain.from_iterable(values)))
                known += db.execute(_counting(len(part)), [label.request_id for label in part]).fetchone()[0]
        return known

    def models(self, ids: Sequence[str]) -> dict[str, str]:
        """The version that has answered each of these requests, as far as they are in the log."""
        found: dict[str, str] = {}
        with self._reading() as db:
            for part in _portions(ids):
                found |= dict(_rows(db, _answering(len(part)), part))
        return found

    def answered(
        self, environment: str, revision: int, start: float, end: float, step: int = 1
    ) -> Iterator[LabelledRequest]:
        """The requests that a revision has answered with `start` < at <= `end`, oldest first, with what of them is in
        an even sample of the environment's rows: one of each `step` in turn, wherever among them.
        """
        with self._reading() as db:
            for part in _sampled(db, environment, start, end, step):
                assert db is not None
                keys = list(part)
                labels = self._labels(db, keys)
                for key, *content in db.execute(_contents(len(keys)), (revision, *keys)):
                    request = self._read(content)
                    if request is not None:
                        yield LabelledRequest(request, part[key], labels.get(key, {}))

    def newest(self, environment: str, limit: int, revision: int | None = None) -> list[LoggedRequest]:
        """The newest requests, of one revision or of all, newest first."""
        found: list[LoggedRequest] = []
        with self._reading() as db:
            for (key,) in _rows(
                db,
                "SELECT id FROM requests WHERE environment = ?1 AND (?2 IS NULL OR revision = ?2) ORDER BY at DESC",
                (environment, revision),
            ):
                if len(found) == limit:
                    break
                request = self._request(db, key)
                if request is not None:
                    found.append(request)
        return found

    def labelled(self, environment: str, start: float, end: float) -> Iterator[tuple[Prediction, Any]]:
        """The rows with `start` < at <= `end` whose label is known, oldest first, with it."""
        with self._reading() as db:
            found = _rows(
                db,
                "SELECT r.id, l.row, l.label FROM requests r JOIN labels l USING (request_id) "
                "WHERE r.environment = ? AND r.at > ? AND r.at <= ? ORDER BY r.at, r.id, l.row",
                (environment, start, end),
            )
            for key, labels in groupby(found, key=lambda row: row[0]):
                request = self._request(db, key)
                if request is not None:
                    for _, row, label in labels:
                        if row < request.rows:
                            yield _prediction(request, row), json.loads(label)

    def count(self, environment: str, start: float, end: float) -> int:
        """How many rows were answered with `start` < at <= `end`."""
        return (
            self._figure(
                "SELECT coalesce(sum(rows), 0) FROM requests WHERE environment = ? AND at > ? AND at <= ?",
                (environment, start, end),
            )
            or 0
        )

    def count_labelled(self, environment: str, start: float, end: float) -> int:
        """How many of the rows that were answered with `start` < at <= `end` have a label."""
        return (
            self._figure(
                "SELECT count(*) FROM requests r JOIN labels l USING (request_id) "
                "WHERE r.environment = ? AND r.at > ? AND r.at <= ? AND l.row < r.rows",
                (environment, start, end),
            )
            or 0
        )

    def start_of_newest(self, environment: str, revision: int | None, rows: int, end: float) -> float | None:
        """When the newest `rows` rows of a revision, or of all, that were answered up to `end` begin: no later than the
        oldest of their requests, which is whole. None without any.
        """
        oldest: float | None = None
        with self._reading() as db:
            for at, count in _rows(
                db,
                "SELECT at, rows FROM requests WHERE environment = ?1 AND (?2 IS NULL OR revision = ?2) AND at <= ?3 "
                "ORDER BY at DESC",
                (environment, revision, end),
            ):
                oldest = at
                rows -= count
                if rows <= 0:
                    break
        return oldest

    def first_at(self, environment: str) -> float | None:
        """When the first row of an environment was answered; None without any."""
        found: float | None = self._figure("SELECT min(at) FROM requests WHERE environment = ?", (environment,))
        return found

    def counts(self, environment: str, end: float, spans: int, seconds: float) -> tuple[int, ...]:
        """How many rows were answered in each of the last `spans` times `seconds` before `end`, oldest first."""
        found = [0] * spans
        with self._reading() as db:
            for ago, rows in _rows(
                db,
                "SELECT CAST((?2 - at) / ?3 AS INTEGER) AS ago, sum(rows) FROM requests "
                "WHERE environment = ?1 AND at > ?2 - ?3 * ?4 AND at <= ?2 GROUP BY ago",
                (environment, end, seconds, spans),
            ):
                found[-1 - min(ago, spans - 1)] += rows
        return tuple(found)

    def _figure(self, query: str, values: tuple[object, ...]) -> Any:
        with self._reading() as db:
            return next(_rows(db, query, values), (None,))[0]

    def _request(self, db: sqlite3.Connection | None, key: int) -> LoggedRequest | None:
        """A whole request; None if it is damaged."""
        assert db is not None
        return self._read(db.execute(f"SELECT {_COLUMNS} FROM requests WHERE id = ?", (key,)).fetchone())

    def _read(self, content: Sequence[Any]) -> LoggedRequest | None:
        request_id, at, revision, model, latency, rows, inputs, outputs = content
        columns, answers = _lists(inputs, rows), _lists(outputs, rows)
        if columns is None or answers is None:
            self.damaged += 1
            return None
        return LoggedRequest(request_id, at, revision, model, latency, rows, columns, answers)

    def _labels(self, db: sqlite3.Connection, keys: Sequence[int]) -> dict[int, dict[int, tuple[Any, float]]]:
        """The labels of requests by request and row; those that are damaged are not there."""
        found: dict[int, dict[int, tuple[Any, float]]] = {}
        for key, row, label, at in db.execute(_labels_of(len(keys)), keys):
            try:
                found.setdefault(key, {})[row] = json.loads(label), at
            except ValueError:
                self.damaged += 1
        return found

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection that sees one state of the file; None where there is nothing to read yet."""
        with explained(self.path):
            db = open_to_read(self.path)
            if db is None:
                yield None
                return
            with contextlib.closing(db):
                db.execute("BEGIN")
                yield db

    @contextlib.contextmanager
    def _kept_writer(self) -> Iterator[sqlite3.Connection]:
        """The writing thread's connection: opened anew after an error, and where the file has given way to another."""
        with explained(self.path):
            if self._writer is not None and self._written != _identity(self.path):
                self.close()
            if self._writer is None:
                self._writer = open_to_write(self.path)
                self._written = _identity(self.path)
            try:
                yield self._writer
            except sqlite3.DatabaseError:
                self.close()
                raise


def _rows(db: sqlite3.Connection | None, query: str, values: Sequence[object]) -> Iterator[tuple[Any, ...]]:
    if db is not None:
        yield from db.execute(query, values)


def _sampled(
    db: sqlite3.Connection | None, environment: str, start: float, end: float, step: int
) -> Iterator[dict[int, list[int]]]:
    """The requests that have a row of the sample, oldest first, with which of their rows are in it; some thousand rows
    at a time."""
    part: dict[int, list[int]] = {}
    passed = size = 0  # rows
    for key, rows in _rows(
        db,
        "SELECT id, rows FROM requests WHERE environment = ? AND at > ? AND at <= ? ORDER BY at, id",
        (environment, start, end),
    ):
        wanted = list(range(rows)) if step == 1 else _chosen(passed, rows, step)
        passed += rows
        if wanted:
            part[key] = wanted
            size += rows
        if size >= _AT_ONCE:
            yield part
            part, size = {}, 0
    if part:
        yield part


def _chosen(first: int, rows: int, step: int) -> list[int]:
    """Which of a request's rows are in the sample, of which the first one is row `first` of all.

    Of every `step` rows one is, at a place that moves by the golden ratio: always the same one would be misled by
    traffic that alternates.
    """
    found = []
    for block in range(first // step, (first + rows - 1) // step + 1):
        row = block * step + ((block * _GOLDEN % 2**32) * step >> 32) - first
        if 0 <= row < rows:
            found.append(row)
    return found


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _portions(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]


@functools.lru_cache(32)
def _insertion(rows: int) -> str:
    row = f"(?1{', ?' * len(EncodedRequest._fields)})"
    return f"INSERT INTO requests (environment, {_COLUMNS}) VALUES {', '.join([row] * rows)}"


def _labelling(rows: int) -> str:
    return f"INSERT OR REPLACE INTO labels (at, request_id, row, label) VALUES {', '.join(['(?1, ?, ?, ?)'] * rows)}"


def _counting(ids: int) -> str:
    return (
        f"SELECT count(*) FROM (VALUES {', '.join(['(?)'] * ids)}) AS given "
        "WHERE EXISTS (SELECT 1 FROM requests WHERE request_id = given.column1)"
    )


@functools.lru_cache(32)
def _contents(ids: int) -> str:
    return f"SELECT id, {_COLUMNS} FROM requests WHERE revision = ? AND id IN ({_marks(ids)}) ORDER BY at, id"


@functools.lru_cache(32)
def _labels_of(ids: int) -> str:
    return (
        "SELECT r.id, l.row, l.label, l.at FROM requests r JOIN labels l USING (request_id) "
        f"WHERE r.id IN ({_marks(ids)})"
    )


def _marks(count: int) -> str:
    return ", ".join(["?"] * count)


def _answering(ids: int) -> str:
    return f"SELECT request_id, model FROM requests WHERE request_id IN ({', '.join(['?'] * ids)}) ORDER BY id"


def _prediction(request: LoggedRequest, row: int) -> Prediction:
    inputs = {name: values[row] for name, values in request.inputs.items()}
    return Prediction(request.at, request.revision, inputs, {name: v[row] for name, v in request.outputs.items()})


def _lists(text: str, rows: int) -> dict[str, list[Any]] | None:
    """An object with a list of a value for each row by name; None if the text is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    whole = isinstance(found, dict) and all(isinstance(v, list) and len(v) == rows for v in found.values())
    return found if whole else None


def _delete_requests(db: sqlite3.Connection, which: str, values: tuple[object, ...]) -> bool:
    """Delete the requests whose ids a query gives, with their labels; whether there were any."""
    if not db.execute(which, values).fetchone():
        return False
    with db:
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            f"DELETE FROM labels WHERE request_id IN (SELECT request_id FROM requests WHERE id IN ({which}))", values
        )
        db.execute(f"DELETE FROM requests WHERE id IN ({which})", values)
    return True


def _delete_labels(db: sqlite3.Connection, which: str, values: tuple[object, ...]) -> bool:
    """Delete the labels that a query names; whether there were any."""
    if not db.execute(which, values).fetchone():
        return False
    db.execute(f"DELETE FROM labels WHERE (request_id, row) IN ({which})", values)
    return True


def _delete_oldest(db: sqlite3.Connection) -> bool:
    """Delete the requests that were written first; where there are none, the labels that were."""
    return _delete_requests(db, _OLDEST, (_DELETED,)) or _delete_labels(db, _OLDEST_LABELS, (_DELETED,))


def _used(db: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    pages, free = _pages(db)
    return (pages - free) * int(db.execute("PRAGMA page_size").fetchone()[0])


def _give_back(db: sqlite3.Connection) -> bool:
    """Shorten the file where more of it is free than is kept for what comes next."""
    pages, free = _pages(db)
    if free <= pages // _SPARE:
        return False
    db.executescript(f"PRAGMA incremental_vacuum({_GIVEN_BACK})")  # `execute` would do no more than its first step
    return _pages(db)[0] < pages


def _pages(db: sqlite3.Connection) -> tuple[int, int]:
    """How many pages the file has, and how many of them are free."""
    pages, free = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
    return int(pages), int(free)
