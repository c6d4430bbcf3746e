"""A trend on one line: ▁▂▃▅▇."""

import math
from collections.abc import Sequence

from mlops_console.tui.widgets.chart_scale import bounds, cell

_LEVELS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int, low: float | None = None, high: float | None = None) -> str:
    """`values`, oldest first, as at most `width` block characters; a gap where nothing is finite.

    More values than cells are averaged, so that a cell stands for an equal number of them. The scale reaches
    from the least to the greatest value unless `low` or `high` fix an end; equal values lie in the middle.
    """
    if width < 1 or not values:
        return ""
    means = _means(values, width)
    found = bounds(means)
    if found is None:
        return " " * len(means)
    bottom = found[0] if low is None else low
    top = found[1] if high is None else high
    return "".join(_LEVELS[cell(mean, bottom, top, len(_LEVELS))] if math.isfinite(mean) else " " for mean in means)


def _means(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    means = []
    for index in range(width):
        start, end = index * len(values) // width, (index + 1) * len(values) // width
        finite = [value for value in values[start:end] if math.isfinite(value)]
        means.append(math.fsum(value / len(finite) for value in finite) if finite else math.nan)
    return means
