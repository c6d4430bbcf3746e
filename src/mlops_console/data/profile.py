"""What is in each column, in a few figures."""

import heapq
import math
from typing import TYPE_CHECKING, Any

from mlops_console.core.datasets import dtype_name, kind_of

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
TOP = 20  # categories
_LENGTH = 200  # characters of a category


def schema(frame: "pd.DataFrame") -> dict[str, str]:
    """Column name -> dtype, as NumPy calls it; "object" for text."""
    return {name: dtype_name(frame[name].dtype) for name in frame.columns}


def profile(frame: "pd.DataFrame") -> dict[str, dict[str, Any]]:
    """The figures of each column, ready for JSON.

    All have `kind`, `count` (values that are there), `missing` and `unique`. A numeric one has `mean`, `std`, `min`,
    `max` and `quantiles` (share -> value), a categorical one `top` ([category, count], the most frequent first). A
    figure that has no meaning, such as the mean of nothing, is None.
    """
    return {name: profile_column(frame[name]) for name in frame.columns}


def profile_column(column: "pd.Series[Any]") -> dict[str, Any]:
    """The figures of one column, as in `profile`."""
    missing = int(column.isna().sum())
    kind = kind_of(dtype_name(column.dtype))
    figures = {"kind": kind, "count": len(column) - missing, "missing": missing}
    if kind == "numeric":
        return figures | _numbers(column)
    return figures | (_texts(column) if _is_text(column) else _others(column))


def _numbers(column: "pd.Series[Any]") -> dict[str, Any]:
    """One sort for the unique ones and the quantiles."""
    import numpy as np

    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    absent = np.isnan(values)
    if absent.any():
        values = values[~absent]
    if not len(values):
        return {"unique": 0} | dict.fromkeys(("mean", "std", "min", "max")) | {"quantiles": {}}
    ordered = np.sort(values)
    unique, least, greatest = 1 + np.count_nonzero(ordered[1:] != ordered[:-1]), ordered[0], ordered[-1]
    with np.errstate(invalid="ignore", over="ignore"):
        mean, std = values.mean(), values.std(ddof=1) if len(values) > 1 else 0.0
        found = _quantiles(ordered)
    return {
        "unique": int(unique),
        "mean": _finite(mean),
        "std": _finite(std),
        "min": _finite(least),
        "max": _finite(greatest),
        "quantiles": {str(share): _finite(value) for share, value in zip(QUANTILES, found, strict=True)},
    }


def _quantiles(ordered: Any) -> Any:
    """As `numpy.quantile` finds them, which looks for the places of values that it does not know to be in order."""
    import numpy as np

    places = (len(ordered) - 1) * np.array(QUANTILES)
    below = places.astype(np.int64)
    low, high, share = ordered[below], ordered[np.minimum(below + 1, len(ordered) - 1)], places - below
    return np.where(share < 0.5, low + (high - low) * share, high - (high - low) * (1 - share))


def _is_text(column: "pd.Series[Any]") -> bool:
    import pandas as pd

    if isinstance(column.dtype, pd.StringDtype):
        return True
    return column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) == "string"


def _texts(column: "pd.Series[Any]") -> dict[str, Any]:
    """Long texts are cut after they are counted: there are fewer of them then."""
    import numpy as np
    import pandas as pd

    if isinstance(column.dtype, pd.StringDtype) and column.dtype.storage == "pyarrow":
        counts = column.value_counts(sort=False)
    else:  # the quicker way for texts that are Python's
        codes, found = pd.factorize(column)
        counts = pd.Series(np.bincount(codes[codes >= 0], minlength=len(found)), index=found)
    if len(counts) and int(counts.index.str.len().max()) > _LENGTH:
        counts = counts.groupby(counts.index.str[:_LENGTH]).sum()
    return {"unique": len(counts), "top": _top(counts)}


def _others(column: "pd.Series[Any]") -> dict[str, Any]:
    """Truth values, dates, and columns of values of several kinds. Categories that no row has don't count."""
    counts = column.dropna().astype(object).map(lambda value: str(value)[:_LENGTH]).value_counts()
    return {"unique": len(counts), "top": _top(counts)}


def _top(counts: "pd.Series[int]") -> list[list[Any]]:
    """The most frequent ones, without a sort of all."""
    import numpy as np

    numbers = counts.to_numpy()
    least = np.partition(numbers, -TOP)[-TOP] if len(numbers) > TOP else 0
    kept = counts[numbers >= least]
    found = heapq.nsmallest(
        TOP, zip(kept.to_numpy().tolist(), map(str, kept.index), strict=True), key=lambda f: (-f[0], f[1])
    )
    return [[category, count] for count, category in found]


def _finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
