"""Smoothing of a curve, as TensorBoard does it."""

import math
from collections.abc import Sequence


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """The exponential moving average of `values`, without the bias towards its start at 0; as many values.

    With s_0 = 0, s_t = weight · s_(t-1) + (1 - weight) · y_t over the finite values alone, and s_t / (1 - weight^t) is
    what is returned. A value that is not finite stays as it is and counts for nothing; a constant curve stays exactly
    that. `weight` 0 changes nothing.

    Source: TensorBoard's `classicSmoothing`, tensorboard/webapp/widgets/line_chart_v2/data_transformer.ts.

    Raises:
        ValueError: `weight` is not in [0, 1).
    """
    if not 0 <= weight < 1:
        raise ValueError(f"a smoothing weight is at least 0 and less than 1, not {weight}")
    if weight == 0 or len({value for value in values if math.isfinite(value)}) < 2:
        return list(values)
    found: list[float] = []
    average, bias = 0.0, 1.0
    for value in values:
        if math.isfinite(value):
            average = average * weight + (1 - weight) * value
            bias *= weight
            found.append(average / (1 - bias))
        else:
            found.append(value)
    return found
