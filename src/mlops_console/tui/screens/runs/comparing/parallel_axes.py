"""Axes of parallel coordinates: where the values of a param or a metric lie on them."""

import math
from dataclasses import dataclass

from mlops_console.core.comparison import Comparison, Entry, Line, ranked
from mlops_console.core.text import number

_DECADES = 100  # from this ratio of the greatest to the least positive value on, an axis is logarithmic
_MIDDLE = 0.5


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis.

    Attributes:
        ticks: places from 0 (below) to 1 (above), with what is written there.
        places: where each run crosses it; None for one without a value, or with one that has no place.
        in_plot: the ticks are names of categories, beside the axis; else the ends of a range, below and above it.
    """

    label: str
    ticks: tuple[tuple[float, str], ...]
    places: tuple[float | None, ...]
    in_plot: bool


@dataclass(frozen=True, slots=True)
class Parallel:
    """Runs as lines through axes. `best`: the lines that stand out; `chosen`: the one under the cursor."""

    axes: tuple[Axis, ...] = ()
    best: frozenset[int] = frozenset()
    chosen: int | None = None
    head: str = ""
    empty: str = ""


def axis_of(line: Line) -> Axis:
    """Numbers on a range, logarithmic where they span two powers of ten; all else as categories, evenly spaced."""
    entries = [entry for entry in line.entries if entry.there]
    if all(_is_number(entry) for entry in entries):
        return _range(line)
    texts = sorted({entry.text for entry in entries})
    last = len(texts) - 1
    at = {text: index / last if last else _MIDDLE for index, text in enumerate(texts)}
    places = tuple(at[entry.text] if entry.there else None for entry in line.entries)
    return Axis(line.name, tuple((place, text) for text, place in at.items()), places, in_plot=True)


def _range(line: Line) -> Axis:
    values = [_finite(entry) for entry in line.entries]
    known = [value for value in values if value is not None]
    if not known:
        return Axis(line.name, (), tuple(None for _ in values), in_plot=False)
    low, high = min(known), max(known)
    log = low > 0 and high / low >= _DECADES
    places = tuple(None if value is None else _place(value, low, high, log) for value in values)
    ticks = ((0.0, number(low)), (1.0, number(high))) if low < high else ((0.0, number(low)),)
    return Axis(f"{line.name} log" if log else line.name, ticks, places, in_plot=False)


def _place(value: float, low: float, high: float, log: bool) -> float:
    if low == high:
        return _MIDDLE
    if log:
        return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    return (value / 2 - low / 2) / (high / 2 - low / 2)  # halves, as the difference may be beyond all floats


def _is_number(entry: Entry) -> bool:
    return isinstance(entry.value, int | float) and not isinstance(entry.value, bool)


def _finite(entry: Entry) -> float | None:
    if not entry.there:
        return None
    try:
        value = float(entry.value)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def best_quarter(line: Line) -> frozenset[int]:
    """The runs with the best values, without a goal the highest; at least one if any has a number."""
    order = ranked(line)
    return frozenset(order[: math.ceil(len(order) / 4)])


def parallel(found: Comparison, metric: str, chosen: int | None) -> Parallel:
    """The params in which runs differ, then the metric."""
    line = found.metric(metric)
    if line is None:
        return Parallel(empty="None of these runs has recorded a metric.")
    if not found.differing:
        return Parallel(empty="These runs differ in no param: there is nothing to draw.")
    best = best_quarter(line)
    axes = (*(axis_of(each) for each in found.differing), axis_of(line))
    quarter = f"solid: the {'best' if line.goal else 'highest'} {len(best)} of {len(found.runs)} runs by {line.name}"
    return Parallel(axes, best, chosen, quarter)
