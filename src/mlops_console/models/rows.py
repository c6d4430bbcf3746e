"""Checked JSON values by column, as a stored estimator takes them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops_console.core.models import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray


# What scikit-learn raises for rows that fit the signature, but that this very model can't take: an unknown category, …
REFUSALS = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError)


def to_rows(estimator: Any, columns: Sequence[Column], values: Mapping[str, list[Any]]) -> Any:
    """A DataFrame, or an array where the estimator was fitted without names: as `models.storage` checks it."""
    import numpy as np

    arrays = [_to_array(column, values[column.name]) for column in columns]
    named = hasattr(estimator, "feature_names_in_")
    if len({array.dtype for array in arrays}) == 1 and arrays[0].dtype != object:
        table = np.column_stack(arrays)
        if not named:
            return table
        import pandas as pd

        return pd.DataFrame(table, columns=[column.name for column in columns], copy=False)
    import pandas as pd

    frame = pd.DataFrame({column.name: array for column, array in zip(columns, arrays, strict=True)}, copy=False)
    return frame if named else frame.to_numpy()


def _to_array(column: Column, values: list[Any]) -> "NDArray[Any]":
    """One column, missing values as NaN."""
    import numpy as np

    if column.dtype.startswith(("float", "int", "uint")):
        if None in values or column.dtype.startswith("float"):
            return np.array(values, dtype=np.float64)
        return np.array(values, dtype=np.uint64 if column.dtype.startswith("u") else np.int64)
    if column.dtype == "bool" and None not in values:
        return np.array(values, dtype=bool)
    return np.array([np.nan if value is None else value for value in values], dtype=object)
