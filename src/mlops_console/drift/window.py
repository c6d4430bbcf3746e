"""Windows of live data, as columns."""

import logging
import math
from typing import TYPE_CHECKING, Any

from mlops_console.core.models import Signature
from mlops_console.store.predictions import PredictionLog

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_ROWS = 100_000  # of a window that are compared; of a larger one, an even sample over its time

logger = logging.getLogger(__name__)


def read_window(
    log: PredictionLog, environment: str, revision: int, signature: Signature, start: float, end: float
) -> tuple[dict[str, "NDArray[Any]"], int]:
    """The rows that a revision has answered with `start` < at <= `end`.

    Returns:
        For each column of the signature an array of shape (rows,), float64 with NaN or object with None for missing;
        and how many rows.
    """
    total = log.count(environment, start, end)
    step = max(1, math.ceil(total / MOST_ROWS))
    columns: dict[str, list[Any]] = {column.name: [] for column in signature.inputs}
    rows = 0
    for row in log.stream(environment, start, end, step):
        if row.revision == revision:
            rows += 1
            for name, values in columns.items():
                values.append(row.inputs.get(name))
    if log.damaged:
        logger.warning("%d requests in the prediction log are damaged: they are not compared.", log.damaged)
    return {c.name: _to_array(columns[c.name], numeric=c.kind == "numeric") for c in signature.inputs}, rows


def _to_array(values: list[Any], *, numeric: bool) -> "NDArray[Any]":
    import numpy as np

    if numeric:
        return np.array(values, dtype=np.float64)  # None becomes NaN
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
