"""Runs as a table shows them: only the fields asked for are read; and groups of runs with their figures."""

import functools
import itertools
import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from mlops_console.core.filters import Field, parse_filter
from mlops_console.core.runs import FieldNames, RunGroup, RunRow, RunStatus, Spread
from mlops_console.store import filters, run_queries
from mlops_console.store.runs import RunQuery, page_keys

_RECENT = 50  # runs whose names are the default columns
_OWN = (
    *("r.key", "r.id", "r.name", "e.name", "r.status", "r.created_at", "r.started_at", "r.ended_at"),
    *("r.heartbeat_at", "r.job_id", "r.pipeline", "r.user"),
)  # in the order of RunRow


def rows(db: sqlite3.Connection, query: RunQuery, fields: Sequence[Field], total: int | None = None) -> list[RunRow]:
    """One page of the runs that match, with these fields; quicker near the end if `total` is given.

    Raises:
        FilterError: the filter or the order makes no sense.
    """
    keys = page_keys(db, query, total)
    found = [_value(field) for field in fields]
    columns = ", ".join([*_OWN, *(text for text, _ in found)])
    bound = [value for _, values in found for value in values]
    marks = ", ".join("?" * len(keys))
    found_rows = db.execute(
        f"SELECT {columns} FROM runs r JOIN experiments e ON e.key = r.experiment_key WHERE r.key IN ({marks})",
        (*bound, *keys),
    ).fetchall()
    by_key = dict(_read(found_rows, fields))
    return [by_key[key] for key in keys]


def groups(db: sqlite3.Connection, query: RunQuery, by: Field, fields: Sequence[Field]) -> list[RunGroup]:
    """The runs that match, grouped by a field; the largest group first.

    Each figure is over the runs of the group that have it as a finite number; None where none has.

    Raises:
        FilterError: the filter makes no sense.
    """
    sums: dict[Any, _Sums] = {}
    for value, *numbers in _ungrouped(db, query, by, fields):
        group = sums.get(value)
        if group is None:
            group = sums[value] = _Sums(len(fields))
        group.add(numbers)
    found = [RunGroup(_plain(by, value), group.n, group.figures()) for value, group in sums.items()]
    return sorted(found, key=lambda group: (-group.n, str(group.value)))


def field_names(db: sqlite3.Connection, most: int = 1000) -> FieldNames:
    """Every name that runs of this store have used, in order of the alphabet; at most so many of a kind."""
    return FieldNames(*(tuple(_distinct(db, table, most)) for table in filters.TABLES.values()))


def recent_names(db: sqlite3.Connection, most: int = 30) -> FieldNames:
    """The names that the newest runs have used, the most frequent first."""
    recent = (
        "SELECT key FROM runs r WHERE deleted_at IS NULL "
        f"ORDER BY coalesce(started_at, created_at) DESC LIMIT {_RECENT}"
    )
    found = [
        db.execute(
            f"SELECT name FROM {table} WHERE run_key IN ({recent}) GROUP BY name "
            "ORDER BY name LIKE 'system/%', count(*) DESC, name LIMIT ?",
            (most,),
        )
        for table in filters.TABLES.values()
    ]
    return FieldNames(*(tuple(row[0] for row in names) for names in found))


def field_values(db: sqlite3.Connection, field: Field, beginning: str = "", most: int = 50) -> list[str]:
    """Distinct values of a param, a tag or a text field of a run, for completion."""
    match field.kind:
        case "params" | "tags":
            column = filters.column(field).replace("x.", "")
            found = _loose_scan(db, filters.TABLES[field.kind], column, "name = ? AND ", (field.key,), most * 4)
            texts = [str(_plain(field, value)) for value in found]
        case "status":
            texts = [str(status) for status in RunStatus]
        case "name":
            texts = [str(name) for name in _loose_scan(db, "runs", "name", "deleted_at IS NULL AND ", (), most * 4)]
        case "experiment":
            rows = db.execute("SELECT name FROM experiments WHERE deleted_at IS NULL ORDER BY name LIMIT 500")
            texts = [row[0] for row in rows]
        case "dataset":
            texts = [row[0] for row in db.execute("SELECT name FROM datasets ORDER BY name LIMIT 500")]
        case "user" | "branch" | "pipeline" as kind:
            recent = f"SELECT {filters.own(kind)} AS value FROM runs r ORDER BY r.key DESC LIMIT 2000"
            rows = db.execute(f"SELECT DISTINCT value FROM ({recent}) WHERE value IS NOT NULL ORDER BY value")
            texts = [row[0] for row in rows]
        case _:
            texts = []
    wanted = beginning.casefold()
    return [text for text in texts if text.casefold().startswith(wanted)][:most]


class _Sums:
    """Sums of a group, with each figure's first value taken off, so that large ones with small differences stay
    exact.
    """

    def __init__(self, fields: int) -> None:
        self.n = 0
        self._counts = [0] * fields
        self._shifts = [0.0] * fields
        self._sums = [0.0] * fields
        self._squares = [0.0] * fields

    def add(self, numbers: Sequence[float | None]) -> None:
        self.n += 1
        for at, number in enumerate(numbers):
            if number is None or not isinstance(number, int | float) or not math.isfinite(number):
                continue
            if not self._counts[at]:
                self._shifts[at] = number
            self._counts[at] += 1
            self._sums[at] += number - self._shifts[at]
            self._squares[at] += (number - self._shifts[at]) ** 2

    def figures(self) -> tuple[Spread | None, ...]:
        return tuple(self._figure(at) if count else None for at, count in enumerate(self._counts))

    def _figure(self, at: int) -> Spread:
        n, total = self._counts[at], self._sums[at]
        variance = max(0.0, (self._squares[at] - total * total / n) / (n - 1)) if n > 1 else math.nan
        return Spread(n, self._shifts[at] + total / n, math.sqrt(variance))


def _ungrouped(
    db: sqlite3.Connection, query: RunQuery, by: Field, fields: Sequence[Field]
) -> Iterator[tuple[Any, ...]]:
    condition, values = run_queries.matching(parse_filter(query.filter, time.time()), deleted=query.deleted)
    keys = [filters.sort_key(field) for field in (by, *fields)]
    columns = ", ".join(text for text, _ in keys)
    bound = [value for _, found in keys for value in found]
    for row in db.execute(f"SELECT {columns} FROM runs r WHERE {condition}", (*bound, *values)):
        yield tuple(row)


def _value(field: Field) -> filters.Sql:
    """A field of `runs r` to select; a metric that is NaN as a text, as NULL is one that is not there."""
    if field.kind == "metrics":
        column, source = f"coalesce({filters.column(field)}, 'nan')", filters.BY_RUN["metrics"]
    elif field.kind in filters.TABLES:
        column, source = "x.value", filters.BY_RUN[field.kind]
    else:
        return filters.sort_key(field)
    return f"(SELECT {column} FROM {source} WHERE x.run_key = r.key AND x.name = ?)", [field.key]


def _figure(stored: Any) -> Any:
    return math.nan if stored == "nan" else stored


@functools.lru_cache(maxsize=4096)
def _param(stored: str | None) -> Any:
    return None if stored is None else json.loads(stored)


_READ: dict[str, Callable[[Any], Any]] = {"metrics": _figure, "params": _param}
_STATUS = {str(status): status for status in RunStatus}
_STATUS_AT = RunRow._fields.index("status")


def _read(found: Sequence[Sequence[Any]], fields: Sequence[Field]) -> Iterable[tuple[int, RunRow]]:
    """Column by column, as most of them are as they are stored."""
    if not found:
        return []
    keys, *columns = zip(*found, strict=True)
    own, values = columns[: len(_OWN) - 1], columns[len(_OWN) - 1 :]
    own[_STATUS_AT] = tuple(map(_STATUS.__getitem__, own[_STATUS_AT]))
    for at, field in enumerate(fields):
        if field.kind in _READ:
            values[at] = tuple(map(_READ[field.kind], values[at]))
    each = zip(*values, strict=True) if values else itertools.repeat(())
    return zip(keys, map(RunRow, *own, each), strict=True)


def _plain(field: Field, value: Any) -> Any:
    """A value as it is sorted by, as what it is: texts of params are JSON, and whole numbers are so written."""
    if field.kind != "params":
        return value
    if isinstance(value, str):
        return json.loads(value)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _distinct(db: sqlite3.Connection, table: str, most: int) -> list[str]:
    return [str(name) for name in _loose_scan(db, table, "name", "", (), most)]


def _loose_scan(
    db: sqlite3.Connection, table: str, column: str, condition: str, values: tuple[object, ...], most: int
) -> list[Any]:
    """The distinct values of a column that an index begins with, by one look into the index for each of them."""
    first = f"SELECT min({column}) FROM {table} WHERE {condition}{column} IS NOT NULL"
    following = f"SELECT min({column}) FROM {table} WHERE {condition}{column} > found.value"
    text = (
        f"WITH RECURSIVE found (value) AS ({first} UNION ALL SELECT ({following}) FROM found "
        "WHERE found.value IS NOT NULL) SELECT value FROM found WHERE value IS NOT NULL LIMIT ?"
    )
    return [row[0] for row in db.execute(text, (*values, *values, most))]
