"""The distribution of a feature now against its reference: filled bars under the reference's outline."""

import itertools
import math
from collections.abc import Sequence

from mlops_console.core.drift import Histogram
from mlops_console.tui.widgets.bars import legend_row, paired_bar_rows, percent, share
from mlops_console.tui.widgets.chart_paint import Ink, Painted, Row, fit, message_rows, row_of
from mlops_console.tui.widgets.chart_raster import Dot, Raster
from mlops_console.tui.widgets.chart_scale import tick_labels

_OUTLINE = "⠒⠒"
_EIGHTHS = " ▁▂▃▄▅▆▇█"


class DistributionChart(Painted):
    """A live distribution chart of one feature; without a histogram it says `empty`."""

    def __init__(self, *, empty: str = "No distribution.", id: str | None = None) -> None:
        super().__init__(id=id)
        self._histogram: Histogram | None = None
        self._empty = empty

    def show(self, histogram: Histogram | None, empty: str = "No distribution.") -> None:
        """Show `histogram`, or `empty` when there is none."""
        if (histogram, empty) != (self._histogram, self._empty):
            self._histogram, self._empty = histogram, empty
            self.repaint()

    def rows(self, width: int, height: int) -> tuple[Row, ...]:
        if self._histogram is None:
            return message_rows(self._empty, width, height)
        return distribution_rows(self._histogram, width, height)


def distribution_rows(histogram: Histogram, width: int, height: int) -> tuple[Row, ...]:
    """Exactly `height` rows of `width` cells: bars per category, or columns per bin of a numeric feature."""
    if width < 1 or height < 1:
        return ()
    if min(len(histogram.reference), len(histogram.current)) == 0:
        return message_rows("No values to compare.", width, height)
    if histogram.labels:
        return paired_bar_rows(histogram, width, height)
    return _numeric_rows(histogram, width, height)


def _numeric_rows(histogram: Histogram, width: int, height: int) -> tuple[Row, ...]:
    top = max(map(share, (*histogram.reference, *histogram.current))) or 1.0
    scale = percent(top)
    gutter = len(scale) + 1 if width >= len(scale) + 12 else 0
    legend_rows = 1 if height >= 4 else 0
    axis_rows = 2 if height >= 6 else 1 if height >= 5 else 0
    plot_height = height - legend_rows - axis_rows
    edges, reference, current = _merged(histogram, width - gutter)
    each = (width - gutter) // len(reference)
    plot = _columns([r / top for r in reference], [c / top for c in current], each, plot_height)
    pad = Ink(" " * (width - gutter - each * len(reference)))
    rows: list[Row] = [legend_row(width, _OUTLINE)] if legend_rows else []
    for y, row in enumerate(plot):
        side = _side(scale if y == 0 else "0" if y == plot_height - 1 and y > 0 else "", gutter)
        rows.append((*side, *row, pad))
    if axis_rows:
        corner = " " * (gutter - 1) + "└" if gutter else ""
        rows.append((Ink(corner + "─" * (each * len(reference)), "axis"), pad))
    if axis_rows > 1:
        rows.append((Ink(_edge_labels(edges, each, gutter, width), "muted"),))
    return tuple(rows)


def _side(label: str, gutter: int) -> tuple[Ink, ...]:
    if gutter == 0:
        return ()
    return Ink(fit(label, gutter - 1, "right"), "muted"), Ink("┤" if label else "│", "axis")


def _merged(histogram: Histogram, room: int) -> tuple[list[float], list[float], list[float]]:
    """Edges and shares, neighbouring bins joined until one cell per bin suffices."""
    reference = [share(value) for value in histogram.reference]
    current = [share(value) for value in histogram.current]
    count = min(len(reference), len(current))
    group = -(-count // max(room, 1))
    starts = range(0, count, group)
    edges = list(histogram.edges) if len(histogram.edges) == count + 1 else []
    return (
        [edges[start] for start in starts] + [edges[count]] if edges else [],
        [sum(reference[start : start + group]) for start in starts],
        [sum(current[start : start + group]) for start in starts],
    )


def _columns(reference: list[float], current: list[float], each: int, height: int) -> list[Row]:
    """The bars, `each` cells wide, and the outline over them; shares are of the plot's height."""
    width = each * len(reference)
    raster = Raster(width, height)
    raster.draw(_outline(reference, each, height), 0)
    cells = [[" "] * width for _ in range(height)]
    roles = [["current"] * width for _ in range(height)]
    for x in range(width):
        value = min(current[x // each], 1.0)
        eighths = round(value * height * 8)
        eighths = max(eighths, 1) if value > 0 else 0
        for y in range(height):
            level = min(max(eighths - (height - 1 - y) * 8, 0), 8)
            cells[y][x] = _EIGHTHS[level]
            if line := raster.character(x, y):
                cells[y][x] = line
                roles[y][x] = "overlap" if level == 8 else "reference"
    return [row_of(row, kinds) for row, kinds in zip(cells, roles, strict=True)]


def _outline(reference: list[float], each: int, height: int) -> tuple[Dot, ...]:
    dots: list[Dot] = []
    for index, value in enumerate(reference):
        row = height * 4 - 1 - round(min(value, 1.0) * (height * 4 - 1))
        dots += [(index * each * 2, row), ((index + 1) * each * 2 - 1, row)]
    return tuple(dots)


def _edge_labels(edges: Sequence[float], each: int, gutter: int, width: int) -> str:
    """The bins' edges under their places, as many as fit; infinite ones as signs."""
    cells = [" "] * width
    if not edges:
        return "".join(cells)
    every = max(-(-10 // each), 1)
    chosen = list(range(0, len(edges), every))
    finite = [edges[index] for index in chosen if math.isfinite(edges[index])]
    texts = iter(_edge_texts(finite))
    free = 0
    for index in chosen:
        edge = edges[index]
        text = next(texts) if math.isfinite(edge) else "-∞" if edge < 0 else "∞"
        start = max(min(gutter + index * each - len(text) // 2, width - len(text)), 0)
        if start >= free and start + len(text) <= width:
            cells[start : start + len(text)] = text
            free = start + len(text) + 2
    return "".join(cells)


def _edge_texts(edges: list[float]) -> tuple[str, ...]:
    """Evenly spaced edges share their decimals; others are cut to three digits each."""
    gaps = [b - a for a, b in itertools.pairwise(edges)]
    if gaps and max(gaps) - min(gaps) > max(gaps) * 0.01:
        return tuple(tick_labels([float(f"{edge:.3g}")])[0] for edge in edges)
    return tick_labels([float(f"{edge:.3g}") for edge in edges])
