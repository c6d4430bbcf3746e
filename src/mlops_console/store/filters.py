"""Filters and orders as SQL over `runs r`. Every value is bound, never written into the text."""

import itertools
from collections.abc import Iterable

from mlops_console.core.filters import Both, Comparison, Either, Field, Filter, Membership, Not, Pattern

_OWN = {
    "status": "r.status",
    "name": "r.name",
    "id": "r.id",
    "experiment": "(SELECT e.name FROM experiments e WHERE e.key = r.experiment_key)",
    "started": "r.started_at",
    "ended": "r.ended_at",
    "duration": "max(coalesce(r.ended_at, (julianday('now') - 2440587.5) * 86400.0) - r.started_at, 0)",
    "user": "r.user",
    "git": "r.git_commit",
    "branch": "r.git_branch",
    "pipeline": "r.pipeline",
}
_DATASETS = (
    "SELECT 1 FROM run_inputs i JOIN dataset_versions v ON v.key = i.dataset_version_key "
    "JOIN datasets d ON d.key = v.dataset_key WHERE i.run_key = r.key AND d.name"
)

TABLES = {"metrics": "series", "params": "params", "tags": "tags"}
# By run: SQLite knows no better than to walk an index of all runs of a name.
BY_RUN = {"metrics": "series x INDEXED BY sqlite_autoindex_series_1", "params": "params x", "tags": "tags x"}
INDEXED = ("", "last", "min", "max", "mean")  # the summaries of a metric that have an index

Sql = tuple[str, list[object]]


def where(found: Filter) -> Sql:
    """A condition that is true for the runs that match, and its bound values.

    A comparison with a field that a run does not have is false, and so its `not` is true.
    """
    match found:
        case Not(inner):
            text, values = where(inner)
            return f"NOT {text}", values
        case Both():
            return _join("AND", _chain(found, Both))
        case Either():
            return _join("OR", _chain(found, Either))
        case Membership(field, choices):
            numbers, texts = [tuple(c for c in choices if isinstance(c, kind)) for kind in (float, str)]
            if numbers and texts:
                return _join("OR", [Membership(field, numbers), Membership(field, texts)])
            marks = ", ".join("?" * len(choices))
            return _exists(field, f"IN ({marks})", list(choices), numeric=bool(numbers))
        case Comparison(field, operator, value):
            if isinstance(value, Pattern):
                text, values = _exists(field, "REGEXP ?", [value.source], numeric=False)
                return (text if operator == "~" else f"NOT {text}"), values
            if operator in ("~", "!~"):
                pattern = "%" + str(value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
                text, values = _exists(field, "LIKE ? ESCAPE '\\'", [pattern], numeric=False)
                return (text if operator == "~" else f"NOT {text}"), values
            return _exists(field, f"{operator} ?", [value], numeric=isinstance(value, float))


def own(kind: str) -> str:
    """A run's own field to sort by; a queued run stands where it was queued."""
    return "coalesce(r.started_at, r.created_at)" if kind == "started" else _OWN[kind]


def column(field: Field) -> str:
    """The figure of a metric, param or tag in a row of its table, called `x`, as the index of that table has it."""
    if field.kind == "metrics":
        return _summary(field)
    return "coalesce(x.number, x.value)" if field.kind == "params" else "x.value"


def sort_key(field: Field) -> Sql:
    """What to sort `runs r` by, and its bound values; NULL for a run without the field."""
    if field.kind in TABLES:
        return f"(SELECT {column(field)} FROM {BY_RUN[field.kind]} WHERE x.run_key = r.key AND x.name = ?)", [field.key]
    if field.kind == "dataset":
        return f"({_DATASETS.replace('SELECT 1', 'SELECT min(d.name)').removesuffix(' AND d.name')})", []
    return own(field.kind), []


def _chain(found: Filter, kind: type[Both] | type[Either]) -> list[Filter]:
    """`a or b or c`, which is read as (a or b) or c, as a list: SQLite nests brackets some 30 deep only."""
    parts: list[Filter] = []
    while isinstance(found, kind):
        parts.append(found.right)
        found = found.left
    return [found, *reversed(parts)]


def _join(word: str, parts: Iterable[Filter]) -> Sql:
    texts, values = zip(*map(where, parts), strict=True)
    return f"({f' {word} '.join(texts)})", list(itertools.chain.from_iterable(values))


def _exists(field: Field, comparison: str, values: list[object], *, numeric: bool) -> Sql:
    match field.kind:
        case "metrics":
            test = f"x.name = ? AND {_summary(field)} {comparison}"
            return (
                f"EXISTS (SELECT 1 FROM {BY_RUN['metrics']} WHERE x.run_key = r.key AND {test})",
                [field.key, *values],
            )
        case "params":
            column = (
                "p.number"
                if numeric
                else "(CASE WHEN json_type(p.value) = 'text' THEN p.value ->> '$' ELSE p.value END)"
            )
            text = f"EXISTS (SELECT 1 FROM params p WHERE p.run_key = r.key AND p.name = ? AND {column} {comparison})"
            return text, [field.key, *values]
        case "tags":
            return (
                f"EXISTS (SELECT 1 FROM tags t WHERE t.run_key = r.key AND t.name = ? AND t.value {comparison})",
                [field.key, *values],
            )
        case "dataset":
            return f"EXISTS ({_DATASETS} {comparison})", values
        case own:
            return f"coalesce({_OWN[own]} {comparison}, 0)", values


def _summary(field: Field) -> str:
    match field.aggregate:
        case "mean":
            return "(x.total / nullif(x.finite, 0))"
        case "":
            return "x.last"
        case aggregate:
            return f"x.{aggregate}"
