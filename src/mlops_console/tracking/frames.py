"""`runs`: the runs that match a filter, as a DataFrame."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_console.core.filters import Field, parse_field
from mlops_console.store import export
from mlops_console.store.database import Connection
from mlops_console.store.runs import RunQuery, page_keys
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking import process
from mlops_console.tracking.start import locate

if TYPE_CHECKING:
    import pandas as pd

LIMIT = 10_000


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
    try:
        with found.store.read() as db:  # one state of the store
            keys = page_keys(db, RunQuery(filter, order_by, limit))
            read = _every(db, keys) if columns is None else {name: _one(db, keys, name) for name in columns}
    finally:
        found.store.close()
    return pd.DataFrame({name: _series(keys, name, values) for name, values in read.items()})


def _every(db: Connection, keys: Sequence[int]) -> dict[str, export.Values]:
    found: dict[str, export.Values] = {name: {} for name in export.OWN}
    for key, row in zip(keys, export.own(db, keys), strict=True):
        for values, value in zip(found.values(), row, strict=True):
            values[key] = value
    for kind, of_kind in export.tables(db, keys).items():
        found |= {f"{kind}.{name}": of_kind[name] for name in sorted(of_kind)}
    return found


def _one(db: Connection, keys: Sequence[int], name: str) -> export.Values:
    """A column by its name, which may be odd enough to end like an aggregate: what has that very name comes first."""
    if name in export.OWN:
        return {key: value for key, (value,) in zip(keys, export.own(db, keys, [name]), strict=True)}
    field = parse_field(name)  # raises with the known ones
    kind, _, exact = name.partition(".")
    if field.aggregate and field.key != exact:
        return export.values(db, keys, field) | export.values(db, keys, Field(kind, exact))
    return export.values(db, keys, field)


def _series(keys: Sequence[int], name: str, values: export.Values) -> "pd.Series[Any]":
    import numpy as np
    import pandas as pd

    found = [values.get(key) for key in keys]
    kind = name.partition(".")[0]
    if kind == "metrics" or name == "duration":
        return pd.Series(np.array(found, dtype="float64"))
    if name in ("started", "ended"):
        return pd.Series(pd.to_datetime(np.array(found, dtype="float64"), unit="s", utc=True))
    if kind in ("params", "tags"):
        texts = {value: json.loads(value) for value in set(values.values())} if kind == "params" else {}
        return pd.Series([texts.get(value, value) for value in found], dtype=None if found else "object")
    return pd.Series(found, dtype="object")
