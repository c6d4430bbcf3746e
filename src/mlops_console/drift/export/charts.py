"""The charts of a report as SVG: histograms, trends, performance, and the heat map of features and windows."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mlops_console.core.drift import DriftReport, DriftVerdict, FeatureDrift, Histogram
from mlops_console.core.performance import Figure, metric_text
from mlops_console.core.text import clock, number, shorten
from mlops_console.drift import wording
from mlops_console.drift.export import svg

WIDTH = 460
_LEFT, _RIGHT, _TOP = 58, 12, 12
_PLOT = 120  # height of the plot itself
_CELL, _NAMES = 20, 190  # of the heat map
_BAR = 15  # height of one bar of a category
_LONG = 28  # characters of a label at the most
_MOST = 1e12  # an effect beyond it is no figure to be drawn
_FEW_EDGES = 5
_NEARLY_0 = 1e-300  # the edge below 0 is the next number that a float can hold
_THIN = 1e-4  # of the width of a histogram


def histogram(feature: FeatureDrift) -> str:
    """Both samples in the same bins: over each other where they are numbers, in pairs where they are categories."""
    found = feature.histogram
    assert found is not None, "the caller has looked"
    if found.labels:
        return _pairs(feature.name, found)
    return _overlaid(feature.name, found)


def _overlaid(name: str, found: Histogram) -> str:
    """Heights are densities, as bins may be of different widths; what is thinner than a line has none. Of a long tail
    only the beginning is drawn, with all of its rows."""
    edges = _without_tails(found.edges)
    places = _places(edges)
    bins = list(itertools.pairwise(places))
    sides = [
        [
            share / (right - left) if right - left > _THIN else 0.0
            for share, (left, right) in zip(side, bins, strict=True)
        ]
        for side in (found.reference, found.current)
    ]
    top = max(map(max, sides)) or 1.0
    base = float(_TOP + _PLOT)
    across = WIDTH - _LEFT - _RIGHT

    def outline(heights: Sequence[float]) -> list[tuple[float, float]]:
        corners = [(float(_LEFT), base)]
        for height, (left, right) in zip(heights, bins, strict=True):
            y = base - _PLOT * height / top
            corners += [(_LEFT + across * left, y), (_LEFT + across * right, y)]
        return [*corners, (_LEFT + across * places[-1], base)]

    reference, current = sides
    return svg.chart(
        WIDTH, _TOP + _PLOT + 22, f"{name}: reference and current as histograms",
        svg.polygon(outline(reference), "reference area"), svg.polygon(outline(current), "current area"),
        svg.line(_LEFT, base, WIDTH - _RIGHT, base, "axis"),
        svg.label(_LEFT, base + 15, _end(edges[0], found.edges[0], "from ")),
        svg.label(WIDTH - _RIGHT, base + 15, _end(edges[-1], found.edges[-1], "to "), anchor="end"),
        svg.label(_LEFT - 6, _TOP + 10, "density", anchor="end"),
    )  # fmt: skip


def _without_tails(edges: Sequence[float]) -> list[float]:
    """With outer bins not wider than half of what is between them."""
    shown = list(edges)
    if len(edges) > _FEW_EDGES:
        inner = edges[-2] / 2 - edges[1] / 2
        shown[0] = max(shown[0], shown[1] - inner)
        shown[-1] = min(shown[-1], shown[-2] + inner)
    return shown


def _end(shown: float, true: float, word: str) -> str:
    """What stands at an end of the axis; `word` tells that the true end is farther."""
    told = number(float(f"{true:.4g}")) if abs(true) > _NEARLY_0 else "0"
    return told if shown == true else f"{word}{told}"


def _places(edges: Sequence[float]) -> list[float]:
    """From 0 to 1; halves first, as the whole range may be more than a float holds."""
    low, room = edges[0] / 2, edges[-1] / 2 - edges[0] / 2
    return [(edge / 2 - low) / room if room else 0.0 for edge in edges]


def _pairs(name: str, found: Histogram) -> str:
    left, step = 150, 2 * _BAR + 6
    most = max((*found.reference, *found.current, 1e-9))
    room = WIDTH - left - 60
    parts = []
    for row, (title, before, now) in enumerate(zip(found.labels, found.reference, found.current, strict=True)):
        y = _TOP + row * step
        parts.append(svg.label(left - 8, y + _BAR + 3, shorten(title, 20), anchor="end"))
        for offset, share, kind in ((0, before, "reference"), (_BAR - 2, now, "current")):
            width = room * share / most
            parts.append(svg.rect(left, y + offset, width, _BAR - 3, f"{kind} area"))
            parts.append(svg.label(left + width + 5, y + offset + _BAR - 5, f"{share:.1%}", "small"))
    height = _TOP + len(found.labels) * step + 4
    return svg.chart(WIDTH, height, f"{name}: shares of the categories, reference and current", *parts)


@dataclass(frozen=True, slots=True)
class _Axes:
    """Windows from left to right, values from the bottom up."""

    windows: int
    low: float
    high: float

    def x(self, window: int) -> float:
        room = WIDTH - _LEFT - _RIGHT - 20
        return _LEFT + 10 + (room * window / (self.windows - 1) if self.windows > 1 else room / 2)

    def y(self, value: float) -> float:
        return _TOP + _PLOT * (1 - (value - self.low) / ((self.high - self.low) or 1.0))

    def line(self, values: Iterable[tuple[int, float]]) -> list[tuple[float, float]]:
        return [(self.x(window), self.y(value)) for window, value in values]


def trend(history: Sequence[DriftReport], name: str, role: str) -> str:
    """The effect of one feature in each window, and what it has to reach to be drift as a band; "" without two."""
    found = [next((f for f in r.features if (f.name, f.role) == (name, role)), None) for r in history]
    effects = [_known(f.effect) if f else None for f in found]
    thresholds = [_known(f.threshold) if f else None for f in found]
    if len(effects) - effects.count(None) < 2:
        return ""
    values = [value for value in (*effects, *thresholds) if value is not None]
    axes = _Axes(len(history), 0.0, 1.1 * max(values) or 1.0)
    parts = []
    for run in _runs(thresholds):
        upper = axes.line(run)
        floor = axes.y(0.0)
        parts.append(svg.polygon([(upper[0][0], floor), *upper, (upper[-1][0], floor)], "band"))
        parts.append(svg.polyline(upper, "threshold"))
    parts += [svg.polyline(axes.line(run), "current line") for run in _runs(effects)]
    for window, (feature, effect) in enumerate(zip(found, effects, strict=True)):
        if feature is not None and effect is not None:
            kind = "drifted dot" if feature.drifted else "current dot"
            parts.append(svg.circle(axes.x(window), axes.y(effect), 4.5 if feature.drifted else 3.0, kind))
    newest = next(feature for feature in reversed(found) if feature is not None)
    description = f"{name}: how far it has moved, window by window"
    return _framed(history, axes, description, lambda value: wording.effect(value, newest) if value else "0", parts)


def performance(history: Sequence[DriftReport], metric: str) -> str:
    """One metric in each window: estimated dashed with its interval as a band, realised as dots with whiskers; ""
    without two windows that have it."""
    measured = [report.performance for report in history]
    estimated = [found.figure("estimated", metric) if found else None for found in measured]
    realised = [found.figure("realised", metric) if found else None for found in measured]
    known = [figure for figure in (*estimated, *realised) if figure is not None]
    if sum(a is not None or b is not None for a, b in zip(estimated, realised, strict=True)) < 2:
        return ""
    references = [found.reference[metric] for found in measured if found and metric in found.reference]
    low = min(*(figure.low for figure in known), *references[-1:])
    high = max(*(figure.high for figure in known), *references[-1:])
    margin = 0.05 * (high - low) or 0.01
    axes = _Axes(len(history), low - margin, high + margin)
    parts = []
    if references:
        y = axes.y(references[-1])
        parts.append(svg.line(_LEFT, y, WIDTH - _RIGHT, y, "reference line"))
    middle, below, above = (
        _runs([getattr(f, end) if f else None for f in estimated]) for end in ("value", "low", "high")
    )
    for values, lows, highs in zip(middle, below, above, strict=True):
        parts.append(svg.polygon([*axes.line(highs), *reversed(axes.line(lows))], "band"))
        parts.append(svg.polyline(axes.line(values), "estimated line"))
    parts.extend(_whiskers(realised, axes))
    title = f"{metric_text(metric)}, estimated and realised, window by window"
    return _framed(history, axes, title, wording.decimals, parts)


def _whiskers(figures: Sequence[Figure | None], axes: _Axes) -> Iterator[str]:
    for run in _runs([figure.value if figure else None for figure in figures]):
        yield svg.polyline(axes.line(run), "realised line")
    for window, figure in enumerate(figures):
        if figure is not None:
            x = axes.x(window)
            yield svg.line(x, axes.y(figure.low), x, axes.y(figure.high), "realised line")
            yield svg.circle(x, axes.y(figure.value), 3.5, "realised dot")


def heat_map(history: Sequence[DriftReport], columns: Sequence[tuple[str, str]]) -> str:
    """Features, each with its role, by windows: the darker, the nearer to being drift, and a glyph for the verdict.

    Above a window stands what went live before it.
    """
    width = _NAMES + _CELL * len(history) + _RIGHT
    parts = [
        svg.label(_NAMES + _CELL * window + 2, _TOP - 3, f"{now.model}:{now.version}", "small")
        for window, now in _changes(history)
    ]
    for row, (name, role) in enumerate(columns):
        y = _TOP + row * _CELL
        parts.append(svg.label(_NAMES - 8, y + 14, shorten(f"{wording.ROLES[role]}{name}", _LONG), anchor="end"))
        for window, report in enumerate(history):
            feature = next((f for f in report.features if (f.name, f.role) == (name, role)), None)
            parts.append(_cell(feature, _NAMES + window * _CELL, y))
    base = _TOP + len(columns) * _CELL
    parts += [svg.label(_NAMES, base + 16, _when(history[0]))]
    if len(history) > 8:
        parts += [svg.label(width - _RIGHT, base + 16, _when(history[-1]), anchor="end")]
    return svg.chart(max(width, WIDTH), base + 24, "Features by windows: what has drifted, and when", *parts)


def _cell(feature: FeatureDrift | None, x: float, y: float) -> str:
    if feature is None:
        return ""
    told = f"{feature.name}: {feature.verdict}"
    box = svg.rect(x + 1, y + 1, _CELL - 2, _CELL - 2, f"heat-{_heat(feature)}", svg.element("title", svg.text(told)))
    return box + svg.label(x + _CELL / 2, y + 14, wording.GLYPHS[feature.outcome], "glyph", "middle")


def _heat(feature: FeatureDrift) -> int:
    """0 to 3 below what counts as drift, 4 for drift."""
    if feature.outcome is DriftVerdict.DRIFTED:
        return 4
    effect, threshold = _known(feature.effect), _known(feature.threshold)
    if effect is None or threshold is None:
        return 0
    return sum(effect >= share * threshold for share in (0.25, 0.5, 0.75))


def _framed(
    history: Sequence[DriftReport],
    axes: _Axes,
    description: str,
    told: Callable[[float], str],
    parts: Sequence[str],
) -> str:
    """The parts within their axes; `told` says a value of the upright one."""
    base = _TOP + _PLOT
    scale = []
    for value in (axes.high, axes.high / 2 + axes.low / 2, axes.low):
        scale.append(svg.line(_LEFT, axes.y(value), WIDTH - _RIGHT, axes.y(value), "grid"))
        scale.append(svg.label(_LEFT - 6, axes.y(value) + 4, told(value), anchor="end"))
    marks = []
    for window, now in _changes(history):
        x = (axes.x(window - 1) + axes.x(window)) / 2
        marks.append(svg.line(x, _TOP, x, base, "mark"))
        marks.append(svg.label(x - 3, _TOP - 3, f"{now.model}:{now.version}", "small"))
    return svg.chart(
        WIDTH, base + 22, description, *scale, *parts, *marks, svg.line(_LEFT, base, WIDTH - _RIGHT, base, "axis"),
        svg.label(_LEFT, base + 16, _when(history[0])),
        svg.label(WIDTH - _RIGHT, base + 16, _when(history[-1]), anchor="end"),
    )  # fmt: skip


def _changes(history: Sequence[DriftReport]) -> Iterator[tuple[int, DriftReport]]:
    """The windows before which another revision went live."""
    for window, (before, now) in enumerate(itertools.pairwise(history), start=1):
        if before.revision != now.revision:
            yield window, now


def _when(report: DriftReport) -> str:
    return clock(report.window_end)[:16]


def _known(value: float | None) -> float | None:
    """What can be drawn."""
    return value if value is not None and 0 <= value < _MOST else None


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """The stretches of windows that have a value."""
    runs: list[list[tuple[int, float]]] = [[]]
    for window, value in enumerate(values):
        if value is not None:
            runs[-1].append((window, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
