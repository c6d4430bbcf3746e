"""Windows of live data, as columns."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.core.deployments import Revision
from mlops_console.core.models import Column
from mlops_console.core.windows import Window
from mlops_console.drift.labels import numbers_of
from mlops_console.store.predictions import PredictionLog

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_ROWS = 100_000  # of a window that are compared; of a larger one, an even sample over its time

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Span:
    """The rows with `start` < at <= `end`; with `rows`, only the newest of them."""

    start: float
    end: float
    rows: int | None = None


def span_of(log: PredictionLog, live: Revision, window: Window, now: float) -> Span:
    """The newest traffic up to `now`, not from before the revision went live."""
    began = min(live.live_at or live.created_at, now)  # a clock that went back must not turn the window round
    if window.rows is None:
        assert window.seconds is not None, "a window is of either"
        return Span(max(now - window.seconds, began), now)
    first = log.start_of_newest(live.environment, live.revision, window.rows, now)
    start = began if first is None else max(math.nextafter(first, -math.inf), began)
    return Span(start, now, window.rows)


def read_window(
    log: PredictionLog, environment: str, revision: int | None, columns: Sequence[Column], span: Span
) -> tuple[dict[str, "NDArray[Any]"], int]:
    """The rows that a revision, or any one, has answered in a span.

    Returns:
        For each column an array of shape (rows,), float64 with NaN or object with None for missing; and how many rows.
    """
    total = log.count(environment, span.start, span.end)
    step = max(1, math.ceil(total / MOST_ROWS))
    values: dict[str, list[Any]] = {column.name: [] for column in columns}
    rows = 0
    for row in log.stream(environment, span.start, span.end, step):
        if revision is None or row.revision == revision:
            rows += 1
            for name, found in values.items():
                found.append(row.inputs.get(name))
    if log.damaged:
        logger.warning("%d requests in the prediction log are damaged: they are not compared.", log.damaged)
    if span.rows is not None:
        rows = min(rows, math.ceil(span.rows / step))
        values = {name: found[len(found) - rows :] for name, found in values.items()}
    return {c.name: _to_array(values[c.name], numeric=c.kind == "numeric") for c in columns}, rows


def _to_array(values: list[Any], *, numeric: bool) -> "NDArray[Any]":
    import numpy as np

    array = np.empty(len(values), dtype=object)
    array[:] = values
    return numbers_of(array) if numeric else array
