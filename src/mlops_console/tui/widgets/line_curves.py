"""Curves of the store as lines of a chart: the choices a person has, and what the chart says of them."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from mlops_console.core.runs import Curve, Point
from mlops_console.core.text import clock, number
from mlops_console.tui.widgets.chart_scale import elapsed_labels
from mlops_console.tui.widgets.line_data import Series, XAxis
from mlops_console.tui.widgets.line_zoom import Stretch

_T = TypeVar("_T")
_WEIGHTS = (0.0, 0.6, 0.9, 0.99)
_X_AXES: tuple[XAxis, ...] = ("step", "elapsed", "time")
_X_NAMES = {"step": "step", "elapsed": "relative time", "time": "time"}


@dataclass(frozen=True, slots=True)
class Look:
    """How curves are looked at: what of it a person can choose by keys."""

    smooth: float = 0.0
    log: bool = False
    x_axis: XAxis = "step"

    def next_smooth(self) -> "Look":
        return replace(self, smooth=_after(self.smooth, _WEIGHTS))

    def next_x_axis(self) -> "Look":
        return replace(self, x_axis=_after(self.x_axis, _X_AXES))

    def other_scale(self) -> "Look":
        return replace(self, log=not self.log)

    @property
    def said(self) -> tuple[str, ...]:
        """For the head line: only what is not as usual."""
        return (
            *([f"smooth {self.smooth:g}"] if self.smooth else []),
            *(["log"] if self.log else []),
            *([_X_NAMES[self.x_axis]] if self.x_axis != "step" else []),
        )

    @property
    def x_label(self) -> str:
        return "step" if self.x_axis == "step" else ""

    def place(self, curve: Curve, started_at: float | None) -> Callable[[Point], float]:
        """Where on the x axis a point of a curve is. A run without a start has begun at its first point."""
        if self.x_axis == "step":
            return lambda point: point.step
        if self.x_axis == "time":
            return lambda point: point.at
        start = started_at if started_at is not None else curve.points[0].at if curve.points else 0.0
        return lambda point: point.at - start


def _after(value: _T, values: Sequence[_T]) -> _T:
    return values[(values.index(value) + 1) % len(values)]


def series_of(label: str, curve: Curve, look: Look, started_at: float | None) -> Series:
    """A curve as a line of a chart. `started_at`: of the run, in seconds since the epoch."""
    x = look.place(curve, started_at)
    means = () if curve.exact else curve.means
    return Series(
        label,
        [x(point) for point in curve.points],
        [point.value for point in curve.points],
        [x(point) for point in means],
        [point.value for point in means],
        curve.exact,
    )


def x_range_of(
    stretch: Stretch | None, curve: Curve, look: Look, started_at: float | None
) -> tuple[float, float] | None:
    """Which part of the x axis shows these steps of a curve; None for all of it."""
    if stretch is None:
        return None
    if look.x_axis == "step":
        return stretch.first, stretch.last
    x = look.place(curve, started_at)
    ends = (_at_step(curve.points, stretch.first, x), _at_step(curve.points, stretch.last, x))
    return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])


def _at_step(points: Sequence[Point], step: int, x: Callable[[Point], float]) -> float | None:
    """The x of a step, straight between the points before and after it; None beyond the ends."""
    at = bisect_left(points, step, key=lambda point: point.step)
    if at == len(points) or (at == 0 and points[0].step != step):
        return None
    if points[at].step == step:
        return x(points[at])
    before, after = points[at - 1], points[at]
    return x(before) + (x(after) - x(before)) * (step - before.step) / (after.step - before.step)


def nearest_point(curve: Curve, at: float, look: Look, started_at: float | None) -> Point | None:
    """The point that is nearest to `at` on the x axis."""
    x = look.place(curve, started_at)
    return min(curve.points, key=lambda point: abs(x(point) - at), default=None)


def counted(curve: Curve, stretch: Stretch | None) -> tuple[str, ...]:
    """For the head line: which steps, how many points, and whether all of them are drawn."""
    what = f"{curve.count:,} points" if curve.count != 1 else "1 point"
    drawn = f"extremes of {what}" if not curve.exact else f"all {what}" if curve.count > 1 else what
    steps = [f"steps {stretch.first:,}–{stretch.last:,} of {curve.last_step:,}"] if stretch else []
    return (*steps, drawn, *([f"{curve.missing:,} NaN"] if curve.missing else []))


def readout(curve: Curve, look: Look, started_at: float | None, span: tuple[float, float], at: float) -> str:
    """What a curve is between the two ends of a cell of the chart, or nearest to `at` if it has no point there."""
    x = look.place(curve, started_at)
    found = [point for point in curve.points if span[0] <= x(point) < span[1]]
    if not found:
        nearest = nearest_point(curve, at, look, started_at)
        if nearest is None:
            return ""
        found = [nearest]
    values = [point.value for point in found if math.isfinite(point.value)] or [found[0].value]
    first, last = found[0], found[-1]
    steps = f"step {first.step:,}" if first.step == last.step else f"steps {first.step:,}–{last.step:,}"
    when = {
        "step": "",
        "time": f" {clock(first.at)}",
        "elapsed": f" {elapsed_labels((float(round(x(first))),))[0]}",
    }.get(look.x_axis, "")
    low, high = min(values), max(values)
    return f"{steps}{when}: {number(low)}" + (f" to {number(high)}" if high > low else "")
