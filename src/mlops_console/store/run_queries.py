"""Which runs, in which order: a page of keys, found by the way that reads least.

There are two ways. Where some condition of the filter holds for few runs only, those are gathered from its index and
sorted. Elsewhere the index of the order is walked, and each run on the way is tested, until the page is full.
"""

import json
import math
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from mlops_console.core.filters import Both, Comparison, Field, Filter, Membership, Order
from mlops_console.store import filters

_GATHERED = 20  # a walk meets n runs of N for a page in some 75 N / n µs, n are gathered and sorted in 4 n µs

_BOUNDING = ("=", "<", "<=", ">", ">=")
_WALKED = ("started", "name")  # own fields whose order an index has, and which every run has


@dataclass(frozen=True, slots=True)
class _Term:
    expression: str
    descending: bool
    never_null: bool = True  # SQLite walks an index only where it is not asked to put nulls elsewhere
    nulls_last: bool = True

    def turned(self) -> "_Term":
        return replace(self, descending=not self.descending, nulls_last=not self.nulls_last)

    def __str__(self) -> str:
        nulls = "" if self.never_null else " NULLS LAST" if self.nulls_last else " NULLS FIRST"
        return f"{self.expression} {'DESC' if self.descending else 'ASC'}{nulls}"


@dataclass(frozen=True, slots=True)
class _Segment:
    """Some of the runs, in order; the segments after each other are all of them."""

    source: str  # FROM and WHERE
    values: tuple[object, ...]
    order: tuple[_Term, ...]
    order_values: tuple[object, ...] = ()
    key: str = "r.key"

    def keys(self, db: sqlite3.Connection, limit: int, offset: int) -> list[int]:
        ordering = ", ".join(map(str, self.order))
        text = f"SELECT {self.key} {self.source} ORDER BY {ordering} LIMIT ? OFFSET ?"
        return [row[0] for row in db.execute(text, (*self.values, *self.order_values, limit, offset))]

    def count(self, db: sqlite3.Connection) -> int:
        return int(db.execute(f"SELECT count(*) {self.source}", self.values).fetchone()[0])

    def turned(self) -> "_Segment":
        return replace(self, order=tuple(term.turned() for term in self.order))


def page_keys(
    db: sqlite3.Connection,
    found: Filter | None,
    order: Order,
    *,
    deleted: bool,
    limit: int,
    offset: int,
    total: int | None = None,
) -> list[int]:
    """The keys of one page.

    Args:
        total: how many runs match, if that is known: then a page near the end is read from the end.
    """
    segments = _segments(db, found, order, deleted, total)
    if total is None or offset <= total // 2:
        return _slice(db, segments, limit, offset, total)
    limit = min(limit, total - offset)
    if limit <= 0:
        return []
    turned = [segment.turned() for segment in reversed(segments)]
    return _slice(db, turned, limit, total - offset - limit, total)[::-1]


def count(db: sqlite3.Connection, found: Filter | None, *, deleted: bool) -> int:
    """How many runs match."""
    if isinstance(found, Comparison) and found.field.kind == "metrics" and not deleted:
        candidates = _candidates(found)
        if candidates:  # the index tells how many; those in the trash are few
            text, bound = candidates
            every = int(db.execute(f"SELECT count(*) FROM ({text})", bound).fetchone()[0])
            return every - (count(db, found, deleted=True) if _trash_holds(db) else 0)
    condition, values = _condition(found, deleted)
    few, _ = (None, 0) if deleted else _smallest(db, found)
    source = f"FROM ({few[0]}) c CROSS JOIN runs r ON r.key = c.run_key" if few else "FROM runs r"
    values = [*(few[1] if few else ()), *values]
    return int(db.execute(f"SELECT count(*) {source} WHERE {condition}", values).fetchone()[0])


def matching(found: Filter | None, *, deleted: bool = False) -> filters.Sql:
    """A condition on `runs r`, with its bound values."""
    return _condition(found, deleted)


def _slice(
    db: sqlite3.Connection, segments: Sequence[_Segment], limit: int, offset: int, total: int | None
) -> list[int]:
    keys: list[int] = []
    skip = offset
    for segment in segments:
        found = segment.keys(db, limit - len(keys), skip)
        keys += found
        if len(keys) >= limit or (total is not None and offset + len(keys) >= total):
            break
        skip = 0 if found else skip and max(0, skip - segment.count(db))
    return keys


def _segments(
    db: sqlite3.Connection, found: Filter | None, order: Order, deleted: bool, total: int | None
) -> list[_Segment]:
    walked, others = ([], found) if deleted else _split(found, order)
    condition, values = _condition(found, deleted)
    smallest, size = (None, 0) if deleted else _smallest(db, others)
    if deleted or (smallest and size <= _few(db)):
        source = f"FROM ({smallest[0]}) c CROSS JOIN runs r ON r.key = c.run_key" if smallest else "FROM runs r"
        return [_sorted(f"{source} WHERE {condition}", (*(smallest[1] if smallest else ()), *values), order)]
    kind = order.field.kind
    if kind in _WALKED:
        term = _Term(filters.own(kind), order.descending)
        return [_Segment(f"FROM runs r WHERE {condition}", tuple(values), (term, _tie(order)))]
    if kind not in ("metrics", "params", "tags"):
        return [_sorted(f"FROM runs r WHERE {condition}", tuple(values), order)]
    walk = _walk(db, order, walked, others)
    if walked:
        return [walk]  # a run without the metric does not match
    if found is None and total is not None and walk.count(db) >= total:
        return [walk]
    rest = _Segment(
        f"FROM runs r WHERE {condition} AND NOT EXISTS "
        f"(SELECT 1 FROM {filters.TABLES[kind]} x WHERE x.run_key = r.key AND {_has(order.field)})",
        (*values, order.field.key),
        (_tie(order),),
    )
    return [walk, rest]


def _walk(db: sqlite3.Connection, order: Order, bounds: Sequence[Comparison], others: Filter | None) -> _Segment:
    """The runs that have the metric, param or tag of the order, by its index."""
    field, column = order.field, filters.column(order.field)
    source = f"FROM {filters.TABLES[field.kind]} x"
    within = _has(field) + "".join(f" AND {column} {bound.operator} ?" for bound in bounds)
    values = (field.key, *(bound.value for bound in bounds))
    by = (_Term(column, order.descending), _Term("x.run_key", order.descending))
    if others is None and not _trash_holds(db):  # the index says it all
        return _Segment(f"{source} WHERE {within}", values, by, key="x.run_key")
    tests, tested = _condition(others, deleted=False)
    return _Segment(
        f"{source} CROSS JOIN runs r ON r.key = x.run_key WHERE {within} AND {tests}", (*values, *tested), by
    )


def _has(field: Field) -> str:
    return f"x.name = ? AND {filters.column(field)} IS NOT NULL"


def _split(found: Filter | None, order: Order) -> tuple[list[Comparison], Filter | None]:
    """The conditions on the metric that the runs are ordered by, which bound a walk of its index; and all others."""
    walked: list[Comparison] = []
    others: Filter | None = None
    for part in _conjuncts(found):
        if _bounds_a_walk(part, order):
            walked.append(part)
        else:
            others = part if others is None else Both(others, part)
    return walked, others


def _bounds_a_walk(part: Filter, order: Order) -> TypeGuard[Comparison]:
    return (
        isinstance(part, Comparison)
        and part.operator in _BOUNDING
        and part.field.kind == order.field.kind == "metrics"
        and part.field.key == order.field.key
        and filters.column(part.field) == filters.column(order.field)
    )


def _few(db: sqlite3.Connection) -> int:
    """How many runs are quicker gathered and sorted than met on a walk."""
    return math.isqrt(_GATHERED * int(db.execute("SELECT coalesce(max(key), 0) FROM runs").fetchone()[0]))


def _trash_holds(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM runs WHERE deleted_at IS NOT NULL LIMIT 1").fetchone() is not None


def _sorted(source: str, values: tuple[object, ...], order: Order) -> _Segment:
    expression, order_values = filters.sort_key(order.field)
    return _Segment(
        source, values, (_Term(expression, order.descending, never_null=False), _tie(order)), tuple(order_values)
    )


def _tie(order: Order) -> _Term:
    return _Term("r.key", order.descending)


def _condition(found: Filter | None, deleted: bool) -> filters.Sql:
    trash = "r.deleted_at IS NOT NULL" if deleted else "r.deleted_at IS NULL"
    if found is None:
        return trash, []
    text, values = filters.where(found)
    return f"{trash} AND {text}", values


def _smallest(db: sqlite3.Connection, found: Filter | None) -> tuple[filters.Sql | None, int]:
    """Of the conditions that all must hold, the one that holds for the fewest runs by its index, and for how many."""
    most = _few(db) + 1
    best: tuple[filters.Sql | None, int] = None, most + 1
    for part in _conjuncts(found):
        candidate = _candidates(part)
        if candidate is not None:
            text, values = candidate
            size = db.execute(f"SELECT count(*) FROM ({text} LIMIT {most})", values).fetchone()[0]
            if size < best[1]:
                best = candidate, size
    return best


def _conjuncts(found: Filter | None) -> Iterable[Filter]:
    while isinstance(found, Both):
        yield from _conjuncts(found.right)
        found = found.left
    if found is not None:
        yield found


def _candidates(part: Filter) -> filters.Sql | None:
    """The runs for which a condition may hold (those for which it holds are among them), as an index has them."""
    choices: tuple[object, ...]
    if isinstance(part, Membership):
        operator, choices = "=", part.values
    elif isinstance(part, Comparison) and part.operator in _BOUNDING:
        operator, choices = part.operator, (part.value,)
    else:
        return None
    field, marks = part.field, ", ".join("?" * len(choices))
    test = f"IN ({marks})" if operator == "=" else f"{operator} ?"
    numbers = all(isinstance(choice, float) for choice in choices)
    match field.kind:
        case "metrics" if field.aggregate in filters.INDEXED:
            text = f"SELECT x.run_key FROM series x WHERE x.name = ? AND {filters.column(field)} {test}"
            return text, [field.key, *choices]
        case "params" if numbers:
            text = f"SELECT x.run_key FROM params x WHERE x.name = ? AND {filters.column(field)} {test}"
            return f"{text} AND x.number IS NOT NULL", [field.key, *choices]
        case "params" if operator == "=" and all(isinstance(choice, str) for choice in choices):
            texts = [text for choice in choices for text in (choice, json.dumps(choice))]
            marks = ", ".join("?" * len(texts))
            text = f"SELECT x.run_key FROM params x WHERE x.name = ? AND {filters.column(field)} IN ({marks})"
            return text, [field.key, *texts]
        case "tags":
            return f"SELECT x.run_key FROM tags x WHERE x.name = ? AND x.value {test}", [field.key, *choices]
        case "name" if operator == "=":
            return f"SELECT key AS run_key FROM runs WHERE deleted_at IS NULL AND name {test}", list(choices)
        case "id" | "status" if operator == "=":
            return f"SELECT key AS run_key FROM runs WHERE {field.kind} {test}", list(choices)
        case "experiment" if operator == "=":
            named = f"SELECT key FROM experiments WHERE name {test}"
            text = f"SELECT key AS run_key FROM runs WHERE deleted_at IS NULL AND experiment_key IN ({named})"
            return text, list(choices)
        case "started" if operator in (">", ">="):
            text = (
                f"SELECT key AS run_key FROM runs WHERE deleted_at IS NULL AND coalesce(started_at, created_at) {test}"
            )
            return text, list(choices)
    return None
