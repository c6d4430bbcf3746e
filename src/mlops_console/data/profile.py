"""What is in each column, in a few figures."""

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
    return {name: _profile_column(frame[name]) for name in frame.columns}


def _profile_column(column: "pd.Series[Any]") -> dict[str, Any]:
    missing = int(column.isna().sum())
    kind = kind_of(dtype_name(column.dtype))
    figures = {"kind": kind, "count": len(column) - missing, "missing": missing}
    return figures | (_numbers(column) if kind == "numeric" else _categories(column))


def _numbers(column: "pd.Series[Any]") -> dict[str, Any]:
    import numpy as np

    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    values = values[~np.isnan(values)]
    figures: dict[str, Any] = {"unique": len(np.unique(values))}
    if not len(values):
        return figures | dict.fromkeys(("mean", "std", "min", "max")) | {"quantiles": {}}
    with np.errstate(invalid="ignore", over="ignore"):
        figures |= {"mean": _finite(values.mean()), "std": _finite(values.std(ddof=1) if len(values) > 1 else 0.0)}
        found = np.quantile(values, QUANTILES)
    figures |= {"min": _finite(values.min()), "max": _finite(values.max())}
    return figures | {"quantiles": {str(share): _finite(value) for share, value in zip(QUANTILES, found, strict=True)}}


def _categories(column: "pd.Series[Any]") -> dict[str, Any]:
    counts = column.dropna().map(lambda value: str(value)[:_LENGTH]).value_counts()
    top = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:TOP]
    return {"unique": len(counts), "top": [[str(category), int(count)] for category, count in top]}


def _finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
