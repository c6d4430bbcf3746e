"""Runs and points for those who take all of them: by the column, and by the chunk."""

import functools
import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_console.core.filters import AGGREGATES, Field
from mlops_console.store import chunks, filters
from mlops_console.store.chunks import Columns

_PORTION = 5000  # runs that one query asks for

OWN = {  # a run's own columns, of the runs `r` and their experiments `e`
    "id": "r.id",
    "name": "r.name",
    "experiment": "e.name",
    "status": "r.status",
    "started": "r.started_at",
    "ended": "r.ended_at",
    "duration": "max(r.ended_at - r.started_at, 0)",  # the clock may have been put back
    "user": "r.user",
    "git": "r.git_commit",
    "branch": "r.git_branch",
    "error": "r.error",
}

Values = dict[int, Any]  # by the key of a run; one that has none is not in it


@dataclass(slots=True)
class Names:
    """What some runs have used; of each param, whether all its values are numbers."""

    params: dict[str, bool] = field(default_factory=dict)
    metrics: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)


def names(db: sqlite3.Connection, keys: Sequence[int]) -> Names:
    """The names that these runs have used."""
    found = Names()
    for part, marks in _portions(keys):
        text = f"SELECT DISTINCT name, number IS NOT NULL FROM params WHERE run_key IN ({marks})"
        for name, is_number in _tuples(db, text, part):
            found.params[name] = bool(is_number) and found.params.get(name, True)
        for kind, known in (("metrics", found.metrics), ("tags", found.tags)):
            # "+": or else SQLite walks the index of all runs by name
            text = f"SELECT DISTINCT +name FROM {filters.BY_RUN[kind]} WHERE run_key IN ({marks})"
            known |= {name for (name,) in _tuples(db, text, part)}
    return found


def records(db: sqlite3.Connection, keys: Sequence[int]) -> list[dict[str, Any]]:
    """All of these runs but their points, by column: `OWN`, `params.K`, `metrics.K.max` (all summaries), `tags.K`."""
    found = {key: dict(zip(OWN, row, strict=True)) for key, row in zip(keys, own(db, keys), strict=True)}
    summaries = ", ".join(filters.column(Field("metrics", aggregate=aggregate)) for aggregate in AGGREGATES)
    for part, marks in _portions(keys):
        for key, name, value in _tuples(
            db, f"SELECT run_key, name, value FROM params WHERE run_key IN ({marks})", part
        ):
            found[key][f"params.{name}"] = _param(value)
        series = f"SELECT run_key, name, {summaries} FROM {filters.BY_RUN['metrics']} WHERE run_key IN ({marks})"
        for key, name, *figures in _tuples(db, series, part):
            numbers = [math.nan if figure is None else figure for figure in figures]
            found[key].update(zip(_titles(name), numbers, strict=True))
        for key, name, value in _tuples(db, f"SELECT run_key, name, value FROM tags WHERE run_key IN ({marks})", part):
            found[key][f"tags.{name}"] = value
    return list(found.values())


@functools.lru_cache(maxsize=10_000)
def _titles(metric: str) -> list[str]:
    return [f"metrics.{metric}.{aggregate}" for aggregate in AGGREGATES]


@functools.lru_cache(maxsize=10_000)
def _param(stored: str) -> Any:
    return json.loads(stored)


def tables(db: sqlite3.Connection, keys: Sequence[int]) -> dict[str, dict[str, Values]]:
    """`params` (as JSON texts), `metrics` (their last values) and `tags` of these runs, each by name."""
    found: dict[str, dict[str, Values]] = {"params": {}, "metrics": {}, "tags": {}}
    for part, marks in _portions(keys):
        for kind, of_kind in found.items():
            text = f"SELECT run_key, name, {'last' if kind == 'metrics' else 'value'} FROM {filters.BY_RUN[kind]}"
            for key, name, value in _tuples(db, f"{text} WHERE run_key IN ({marks})", part):
                if name in of_kind:
                    of_kind[name][key] = value
                else:
                    of_kind[name] = {key: value}
    return found


def values(db: sqlite3.Connection, keys: Sequence[int], wanted: Field) -> Values:
    """One field of these runs. Params are JSON texts; a metric that is NaN is None."""
    found: Values = {}
    for part, marks in _portions(keys):
        if wanted.kind in filters.TABLES:
            column = "x.value" if wanted.kind == "params" else filters.column(wanted)
            source = f"FROM {filters.BY_RUN[wanted.kind]} WHERE x.run_key IN ({marks}) AND x.name = ?"
            found.update(_tuples(db, f"SELECT x.run_key, {column} {source}", [*part, wanted.key]))
        else:
            text, bound = filters.sort_key(wanted)
            found.update(_tuples(db, f"SELECT r.key, {text} FROM runs r WHERE r.key IN ({marks})", [*bound, *part]))
    return found


def own(db: sqlite3.Connection, keys: Sequence[int], names: Iterable[str] = OWN) -> Iterator[tuple[Any, ...]]:
    """Some of the runs' `OWN` columns, in the order of the keys."""
    columns = ", ".join(OWN[name] for name in names)
    text = f"SELECT r.key, {columns} FROM runs r JOIN experiments e ON e.key = r.experiment_key"
    for part, marks in _portions(keys):
        found = {key: rest for key, *rest in _tuples(db, f"{text} WHERE r.key IN ({marks})", part)}
        yield from (tuple(found[key]) for key in part)


def points(db: sqlite3.Connection, key: int, metrics: Sequence[str] = ()) -> Iterator[tuple[str, Columns]]:
    """The points of a run, chunk by chunk, in the order of their metrics and steps; of these metrics, or of all."""
    only = f"AND s.name IN ({', '.join('?' * len(metrics))})" if metrics else ""
    for row in db.execute(
        "SELECT s.name, c.first_step, c.count, c.stride, c.data FROM series s CROSS JOIN chunks c "
        f"ON c.series_key = s.key WHERE s.run_key = ? {only} ORDER BY s.name, c.first_step",
        (key, *metrics),
    ):
        yield row["name"], chunks.unpack(row)


def _portions(keys: Sequence[int]) -> Iterator[tuple[Sequence[int], str]]:
    for begin in range(0, len(keys), _PORTION):
        part = keys[begin : begin + _PORTION]
        yield part, ", ".join("?" * len(part))


def _tuples(db: sqlite3.Connection, text: str, bound: Sequence[object]) -> sqlite3.Cursor:
    cursor = db.cursor()
    cursor.row_factory = None  # plain tuples are three times quicker to make
    return cursor.execute(text, bound)
