"""A loaded model version: rows in, predictions out."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.core.errors import ModelError
from mlops_console.core.models import Column, ModelVersion
from mlops_console.core.text import safe_line
from mlops_console.serving.errors import WrongInputError
from mlops_console.serving.inputs import Batch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# What scikit-learn raises for rows that fit the signature, but that this very model can't take: an unknown category, …
_REFUSALS = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version with its estimator in memory."""

    version: ModelVersion
    estimator: Any

    def predict(self, batch: Batch) -> dict[str, "NDArray[Any]"]:
        """Arrays by output name: `predict` of shape (rows,) and, for a classifier that has them, `predict_proba` of
        shape (rows, classes).

        Raises:
            WrongInputError: the estimator does not take these rows.
        """
        import numpy as np

        try:
            rows = self._to_rows(batch)
            outputs = {"predict": np.asarray(self.estimator.predict(rows))}
            if self.version.signature.probabilities:
                outputs["predict_proba"] = np.asarray(self.estimator.predict_proba(rows))
        except _REFUSALS as error:
            reason = safe_line(str(error).strip().split("\n")[0], 300).rstrip(".")
            raise WrongInputError(f"{self.version.ref} can't predict these rows: {reason}.") from None
        return outputs

    def _to_rows(self, batch: Batch) -> Any:
        """A DataFrame, or an array where the estimator was fitted without names: as `models.storage` checks it."""
        import numpy as np
        import pandas as pd

        columns = self.version.signature.inputs
        arrays = [_to_array(column, batch.columns[column.name]) for column in columns]
        named = hasattr(self.estimator, "feature_names_in_")
        if len({array.dtype for array in arrays}) == 1 and arrays[0].dtype != object:
            table = np.column_stack(arrays)
            return pd.DataFrame(table, columns=[column.name for column in columns], copy=False) if named else table
        frame = pd.DataFrame({column.name: array for column, array in zip(columns, arrays, strict=True)}, copy=False)
        return frame if named else frame.to_numpy()


@dataclass(frozen=True, slots=True)
class Served:
    """What answers requests: a loaded version, by order of a revision."""

    revision: int
    loaded: Loaded


def test_with_example(loaded: Loaded, example: Batch) -> None:
    """Predict the rows that were stored as the version's example, before any request is answered by it.

    Raises:
        ModelError: it can't.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded.predict(example)
    except WrongInputError as error:
        raise ModelError(f"{loaded.version.ref} fails on its own input example: {error.message}") from None


def outputs_by_row(outputs: Mapping[str, "NDArray[np.generic]"], rows: int) -> list[dict[str, Any]]:
    """The outputs as JSON values, an object for each row."""
    lists = {name: array.tolist() for name, array in outputs.items()}
    return [{name: values[row] for name, values in lists.items()} for row in range(rows)]


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
