"""The distribution of a feature now against its reference: filled bars under the reference's outline."""

import itertools
import math
from collections.abc import Sequence

from rich.cells import cell_len

from mlops_console.core.drift import Histogram
from mlops_console.tui.widgets.bars import legend, paired_bar_rows, percent, share
from mlops_console.tui.widgets.chart_paint import Ink, Painted, Row, fit, message_rows, row_of, split_row
from mlops_console.tui.widgets.chart_raster import Dot, Raster
from mlops_console.tui.widgets.chart_scale import cell, tick_labels, ticks
from mlops_console.tui.widgets.density import Densities, are_even, densities

_OUTLINE = "⠒⠒"
_GUTTER = 7  # for the largest label of a share, and the axis
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
    """Columns of one width: of bins that are not, what is drawn is their density."""
    count = min(len(histogram.reference), len(histogram.current))
    edges = histogram.edges
    gutter = _GUTTER if width >= _GUTTER + 12 else 0
    inner = [edge for edge in edges if math.isfinite(edge)]
    ordered = len(edges) == count + 1 and all(low <= high for low, high in itertools.pairwise(edges))
    if ordered and len(inner) > 2 and not are_even(inner):
        found = densities(edges, _shares(histogram.reference), _shares(histogram.current), width - gutter)
        if found is not None:
            return _density_rows(found, width, height, gutter)
    joined, reference, current = _merged(histogram, width - gutter)
    starts = [index * (width - gutter) // len(reference) for index in range(len(reference) + 1)]
    labels = _edge_labels(joined, [gutter + start for start in starts], width)
    return _framed(reference, current, starts, labels, width, height, gutter)


def _shares(values: Sequence[float]) -> list[float]:
    return [share(value) for value in values]


def _density_rows(found: Densities, width: int, height: int, gutter: int) -> tuple[Row, ...]:
    room = width - gutter
    places = ticks(found.low, found.high, max(room // 10, 1))
    columns = [gutter + cell(value, found.low, found.high, room) for value in places]
    return _framed(
        found.reference,
        found.current,
        range(room + 1),
        centred_labels(tick_labels(places), columns, width),
        width,
        height,
        gutter,
        _tails(found),
    )


def _tails(found: Densities) -> str:
    """What the picture leaves out, at either end."""
    sides = [("<", found.below), (">", found.above)]
    return "  ".join(
        f"{sign} {tick_labels([tail.edge])[0]}: {percent(tail.current)}, was {percent(tail.reference)}"
        for sign, tail in sides
        if tail is not None and (tail.current > 0 or tail.reference > 0)
    )


def _framed(
    reference: Sequence[float],
    current: Sequence[float],
    starts: Sequence[int],
    labels: str,
    width: int,
    height: int,
    gutter: int,
    note: str = "",
) -> tuple[Row, ...]:
    """A legend with the note at its right, the plot with its axes, the labels of the x axis."""
    top = max((*reference, *current)) or 1.0
    legend_rows = 1 if height >= 4 else 0
    axis_rows = 2 if height >= 6 else 1 if height >= 5 else 0  # a lone one is of labels: they tell more than a line
    plot_height = height - legend_rows - axis_rows
    plot = _columns([r / top for r in reference], [c / top for c in current], starts, plot_height)
    rows: list[Row] = []
    if legend_rows:
        rows.append(split_row(legend(_OUTLINE, width - cell_len(note) - 3), [Ink(f"  {note}", "strong")], width))
    for y, row in enumerate(plot):
        side = _side(percent(top) if y == 0 else "0" if y == plot_height - 1 and y > 0 else "", gutter)
        rows.append((*side, *row))
    if axis_rows > 1:
        corner = " " * (gutter - 1) + "└" if gutter else ""
        rows.append((Ink(corner + "─" * (width - gutter), "axis"),))
    if axis_rows:
        rows.append((Ink(labels, "muted"),))
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


def _columns(reference: Sequence[float], current: Sequence[float], starts: Sequence[int], height: int) -> list[Row]:
    """The bars, from cell to cell of `starts`, and the outline over them; shares are of the plot's height."""
    width = starts[-1]
    raster = Raster(width, height)
    raster.draw(_outline(reference, starts, height), 0)
    cells = [[" "] * width for _ in range(height)]
    roles = [["current"] * width for _ in range(height)]
    for index, value in enumerate(current):
        eighths = round(min(value, 1.0) * height * 8)
        eighths = max(eighths, 1) if value > 0 else 0
        for y in range(height):
            level = min(max(eighths - (height - 1 - y) * 8, 0), 8)
            for x in range(starts[index], starts[index + 1]):
                line = raster.character(x, y)
                cells[y][x] = line or _EIGHTHS[level]
                if line:
                    roles[y][x] = "overlap" if level == 8 else "reference"
    return [row_of(row, kinds) for row, kinds in zip(cells, roles, strict=True)]


def _outline(reference: Sequence[float], starts: Sequence[int], height: int) -> tuple[Dot, ...]:
    dots: list[Dot] = []
    for index, value in enumerate(reference):
        row = height * 4 - 1 - round(min(value, 1.0) * (height * 4 - 1))
        dots += [(starts[index] * 2, row), (starts[index + 1] * 2 - 1, row)]
    return tuple(dots)


def _edge_labels(edges: Sequence[float], places: Sequence[int], width: int) -> str:
    """The bins' edges under their places, as many as fit; the number itself where a bin holds one whole number."""
    cells = [" "] * width
    if not edges:
        return "".join(cells)
    if _are_whole(edges):
        edges = [edge + 0.5 for edge in edges[:-1]]
        places = [(start + end) // 2 for start, end in itertools.pairwise(places)]
    apart = max(places[-1] // max(len(places) - 1, 1), 1)
    chosen = list(range(0, len(edges), max(-(-10 // apart), 1)))
    texts = iter(_edge_texts([edges[index] for index in chosen if math.isfinite(edges[index])]))
    found = [next(texts) if math.isfinite(edges[i]) else "-∞" if edges[i] < 0 else "∞" for i in chosen]
    return centred_labels(found, [places[index] for index in chosen], width)


def centred_labels(texts: Sequence[str], places: Sequence[int], width: int) -> str:
    """Each text centred at its place, as far as the one before it leaves room."""
    cells = [" "] * width
    free = 0
    for text, place in zip(texts, places, strict=True):
        start = max(min(place - len(text) // 2, width - len(text)), 0)
        if start >= free and start + len(text) <= width:
            cells[start : start + len(text)] = text
            free = start + len(text) + 2
    return "".join(cells)


def _are_whole(edges: Sequence[float]) -> bool:
    """Whether each bin reaches from half below to half above a whole number."""
    gaps = (b - a for a, b in itertools.pairwise(edges))
    return edges[0] % 1 == 0.5 and all(gap == 1 for gap in gaps)


def _edge_texts(edges: list[float]) -> tuple[str, ...]:
    """Evenly spaced edges share their decimals; others are cut to three digits each."""
    short = [rounded if math.isfinite(rounded := float(f"{edge:.3g}")) else edge for edge in edges]
    gaps = [b - a for a, b in itertools.pairwise(edges)]
    if gaps and max(gaps) - min(gaps) > max(gaps) * 0.01:
        return tuple(tick_labels([edge])[0] for edge in short)
    return tick_labels(short)
