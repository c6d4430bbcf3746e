"""`runs`: the runs that match a filter, as a DataFrame."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_console.core.filters import AGGREGATES, parse_field
from mlops_console.core.runs import Run
from mlops_console.store.runs import RunQuery, page
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking import process
from mlops_console.tracking.start import locate

if TYPE_CHECKING:
    import pandas as pd

LIMIT = 10_000
_PAGE = 1000
_OWN = ("id", "name", "experiment", "status", "started", "ended", "duration", "user", "git", "branch", "error")


def runs(
    filter: str = "",
    order_by: str = "-started",
    limit: int = LIMIT,
    *,
    columns: Sequence[str] | None = None,
    workspace: str | Path | Workspace | None = None,
) -> "pd.DataFrame":
    """The runs that match, one a row.

    Args:
        filter: as everywhere: `metrics.val/auc > 0.9 and params.lr < 0.1`.
        order_by: a field, with "-" before it for descending: `-metrics.val/auc.max`.
        limit: at most so many rows.
        columns: which ones, as fields: `name`, `params.lr`, `tags.team`, `metrics.val/auc`, `metrics.val/auc.max`
            (first, last, min, max, mean, count). By default the run's own, and of all that any of the runs has:
            `params.*`, `metrics.*` (the last value) and `tags.*`.
        workspace: as for `start_run`.

    Returns:
        Times are in UTC, `duration` is in seconds; a column of numbers is one of numbers, a run without it has NaN.

    Raises:
        FilterError: the filter, the order or a column makes no sense.
        StoreError: the store can't be read.
    """
    import pandas as pd

    found = open_workspace(locate(workspace))
    for run in list(process.runs):
        if run._root == found.root:
            process.clerk(found.root).drain(run._journal)
    rows = list(_read(found, filter, order_by, limit))
    fields = list(columns) if columns is not None else _all_fields(rows)
    return pd.DataFrame({field: _column(rows, field) for field in fields})


def _read(workspace: Workspace, filter: str, order_by: str, limit: int) -> Iterator[Run]:
    """All pages, in one read transaction, so that they fit together."""
    try:
        with workspace.store.read() as db:
            for offset in range(0, limit, _PAGE):
                size = min(_PAGE, limit - offset)
                part = page(db, RunQuery(filter, order_by, size, offset)).runs
                yield from part
                if len(part) < size:
                    return
    finally:
        workspace.store.close()


def _all_fields(rows: Sequence[Run]) -> list[str]:
    params = sorted({f"params.{name}" for run in rows for name in run.params})
    metrics = sorted({f"metrics.{name}" for run in rows for name in run.metrics})
    tags = sorted({f"tags.{name}" for run in rows for name in run.tags})
    return [*_OWN, *params, *metrics, *tags]


def _column(rows: Sequence[Run], name: str) -> "pd.Series[Any]":
    import pandas as pd

    kind, _, key = name.partition(".")
    if kind == "metrics":
        return pd.Series([_metric(run, key) for run in rows], dtype="float64")
    if kind in ("params", "tags") and key:
        values = [(run.params if kind == "params" else run.tags).get(key) for run in rows]
        return pd.Series(values, dtype=None if values else "object")
    if name not in _OWN:
        parse_field(name)  # raises with the known ones
    if name in ("started", "ended"):
        return pd.Series(pd.to_datetime([_own(run, name) for run in rows], unit="s", utc=True))
    return pd.Series([_own(run, name) for run in rows], dtype="float64" if name == "duration" else "object")


def _metric(run: Run, key: str) -> float:
    """`key` may be odd enough to end like an aggregate: a metric of that very name comes first."""
    summary = run.metrics.get(key)
    if summary is not None:
        return summary.last
    name, _, aggregate = key.rpartition(".")
    summary = run.metrics.get(name)
    return float(getattr(summary, aggregate)) if summary and aggregate in AGGREGATES else float("nan")


def _own(run: Run, name: str) -> Any:
    match name:
        case "status":
            return str(run.status)
        case "started":
            return run.started_at
        case "ended":
            return run.ended_at
        case "duration":
            ended = run.ended_at
            return None if run.started_at is None or ended is None else ended - run.started_at
        case "user":
            return run.provenance.user
        case "git":
            return run.provenance.git_commit
        case "branch":
            return run.provenance.git_branch
        case other:
            return getattr(run, other)
