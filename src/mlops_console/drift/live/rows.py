"""Live rows with all that is known of them: inputs, answers, and the labels that have come."""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.core.models import Signature
from mlops_console.drift.labels import floats_of
from mlops_console.store.predictions import PredictionLog

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class LiveRows:
    """Rows that one revision has answered, oldest first.

    Attributes:
        inputs: by column arrays of shape (rows,): float64 with NaN, or object with None for missing.
        predictions: the answered class or number of each row, shape (rows,), object.
        probabilities: shape (rows, classes), float64 with NaN where a row was logged without; None of a model that
            gives none.
        labels: what was true, shape (rows,), object with None where no label has come.
        delays: seconds from the answer to its label, not less than 0; NaN without a label.
        damaged: requests and labels that could not be read.
    """

    inputs: Mapping[str, "NDArray[Any]"]
    predictions: "NDArray[Any]"
    probabilities: "NDArray[np.float64] | None"
    labels: "NDArray[Any]"
    delays: "NDArray[np.float64]"
    damaged: int = 0

    @property
    def rows(self) -> int:
        return len(self.predictions)


def read_live_rows(
    log: PredictionLog, environment: str, revision: int, signature: Signature, start: float, end: float, most: int
) -> LiveRows:
    """The rows that a revision has answered with `start` < at <= `end`.

    Args:
        most: of more rows than that, an even sample over their time. Greater than 0.

    Raises:
        StoreError: the prediction log can't be read.
    """
    import numpy as np

    step = max(1, math.ceil(log.count(environment, start, end) / most))
    damaged = log.damaged
    inputs: dict[str, list[Any]] = {column.name: [] for column in signature.inputs}
    predictions: list[Any] = []
    probabilities: list[Any] = []
    labels: list[Any] = []
    delays: list[float] = []
    for request, wanted, known in log.answered(environment, revision, start, end, step):
        for name, values in inputs.items():
            values += _chosen(request.inputs.get(name), wanted)
        predictions += _chosen(request.outputs.get("predict"), wanted)
        probabilities += _chosen(request.outputs.get("predict_proba"), wanted)
        for row in wanted:
            label, at = known.get(row, (None, math.nan))
            labels.append(label)
            delays.append(at - request.at)
    damaged = log.damaged - damaged
    if damaged:
        logger.warning("%d requests or labels in the prediction log are damaged: they are not measured.", damaged)
    return LiveRows(
        {c.name: to_array(inputs[c.name], numeric=c.kind == "numeric") for c in signature.inputs},
        to_array(predictions, numeric=False),
        _to_matrix(probabilities, len(signature.classes)) if signature.probabilities else None,
        to_array(labels, numeric=False),
        np.maximum(np.array(delays, dtype=np.float64), 0.0),  # NaN stays
        damaged,
    )


def to_array(values: Iterable[Any], *, numeric: bool) -> "NDArray[Any]":
    """JSON values as float64 with NaN for what is no number, or as objects."""
    import numpy as np

    values = list(values)
    return floats_of(values)[0] if numeric else np.fromiter(values, dtype=object, count=len(values))


def _chosen(values: Sequence[Any] | None, wanted: Sequence[int]) -> list[Any]:
    """A column that is not logged has no values."""
    return [None] * len(wanted) if values is None else [values[row] for row in wanted]


def _to_matrix(found: list[Any], width: int) -> "NDArray[np.float64]":
    import numpy as np

    none = [math.nan] * width
    rows = [row if isinstance(row, list) and len(row) == width else none for row in found]
    flat = to_array((value for row in rows for value in row), numeric=True)
    return np.asarray(flat).reshape(len(found), width)
