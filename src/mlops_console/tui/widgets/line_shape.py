"""The lines of a chart as they are drawn: in order, smoothed, on the chart's scale, cut to the part that is shown."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_console.core.smoothing import smoothed
from mlops_console.tui.widgets.chart_raster import Points, ordered
from mlops_console.tui.widgets.chart_scale import position
from mlops_console.tui.widgets.line_data import LineData, Series

_NO_FLOOR = -400.0  # below the logarithm of every float


@dataclass(frozen=True, slots=True)
class Line:
    """One line in view.

    Attributes:
        points: where it runs, by x and in the y of the plot (see `on_scale`), from edge to edge of the view.
        first, last: `points[first:last]` are points of the series, those outside only ends at the view's edges.
        smooth: its smoothed course, () without one.
        figure: its last value in view, or that at the cursor; of the smoothed course if there is one.
        left_out: how many of its values in view a logarithmic scale does not have.
    """

    points: Points
    first: int
    last: int
    smooth: Points
    figure: float | None
    left_out: int

    @property
    def own(self) -> Points:
        """The points of the series."""
        return self.points[self.first : self.last]


def on_scale(y: float, log: bool) -> float:
    """A value in the y of the plot: its logarithm to base 10 on a log scale, NaN for what that does not have."""
    if not log:
        return y
    return math.log10(y) if 0 < y < math.inf else math.nan


def floor_on_scale(y: float, log: bool) -> float:
    """As `on_scale`, but what lies below a logarithmic scale is below everything on it."""
    return _NO_FLOOR if log and y <= 0 else on_scale(y, log)


def lines_of(data: LineData) -> tuple[Line, ...]:
    """The lines of a chart, one a series; a series without a point in view has none in its line."""
    view = data.x_range if data.x_range and data.x_range[0] < data.x_range[1] else None
    return tuple(_line(series, data, view) for series in data.series)


def _line(series: Series, data: LineData, view: tuple[float, float] | None) -> Line:
    raw = ordered(series.xs, series.ys)
    soft = _smoothed(series, raw, data.smooth)
    at, end = _inside(raw, view)
    figure = _figure(soft or raw, data.cursor, view)
    left_out = sum(1 for _, y in raw[at:end] if y <= 0 and math.isfinite(y)) if data.log else 0
    if data.log:
        raw, soft = _logarithms(raw), _logarithms(soft)
    points, first, last = _cut(raw, view)
    return Line(points, first, last, _cut(soft, view)[0], figure, left_out)


def _smoothed(series: Series, raw: Points, weight: float) -> Points:
    if weight <= 0:
        return []
    means = ordered(series.mean_xs, series.mean_ys) if len(series.mean_xs) else raw
    return list(zip((x for x, _ in means), smoothed([y for _, y in means], weight), strict=True))


def _logarithms(points: Points) -> Points:
    return [(x, on_scale(y, True)) for x, y in points]


def _inside(points: Points, view: tuple[float, float] | None) -> tuple[int, int]:
    if view is None:
        return 0, len(points)
    return bisect_left(points, view[0], key=_x), bisect_right(points, view[1], key=_x)


def _x(point: tuple[float, float]) -> float:
    return point[0]


def _cut(points: Points, view: tuple[float, float] | None) -> tuple[Points, int, int]:
    """The points in view, and where the line enters and leaves it; then which of them are points of the series."""
    at, end = _inside(points, view)
    if view is None:
        return points, at, end
    cut = points[at:end]
    entered = 0 < at < len(points) and (not cut or cut[0][0] > view[0])
    left = 0 < end < len(points) and (not cut or cut[-1][0] < view[1])
    if entered:
        cut = [_between(points[at - 1], points[at], view[0]), *cut]
    if left:
        cut = [*cut, _between(points[end - 1], points[end], view[1])]
    return cut, int(entered), int(entered) + end - at


def _between(one: tuple[float, float], other: tuple[float, float], x: float) -> tuple[float, float]:
    share = position(x, one[0], other[0])
    return x, one[1] * (1 - share) + other[1] * share


def _figure(points: Points, cursor: float | None, view: tuple[float, float] | None) -> float | None:
    at, end = _inside(points, view)
    found = [(x, y) for x, y in points[at:end] if math.isfinite(y)]
    if not found:
        return None
    return found[-1][1] if cursor is None else nearest(found, cursor)[1]


def nearest(points: Sequence[tuple[float, float]], x: float) -> tuple[float, float]:
    """Of points in the order of x, at least one, that which is nearest to `x`."""
    at = bisect_left(points, x, key=_x)
    return min(points[max(at - 1, 0) : at + 1], key=lambda point: abs(point[0] - x))
