"""A line chart as rows of text: a pure function of its data and size."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlops_console.core.text import safe_line
from mlops_console.tui.widgets.chart_paint import Ink, Row, message_rows
from mlops_console.tui.widgets.chart_raster import Frame
from mlops_console.tui.widgets.chart_scale import bounds
from mlops_console.tui.widgets.line_axis import Tick, gutter_rows, x_axis_rows, y_ticks
from mlops_console.tui.widgets.line_data import LineData
from mlops_console.tui.widgets.line_legend import drawable, head_rows, legend_rows
from mlops_console.tui.widgets.line_plot import Plot, mark_labels
from mlops_console.tui.widgets.line_shape import Line, lines_of, on_scale

_ROOM = {"step": 1.0, "number": None, "time": 1800.0, "elapsed": 1.0}  # on both sides of a lone point
_LEGEND_SHARE = 8  # rows of a chart for one of its legend
_HEAD_SHARE = 8  # and for one above it


@dataclass(frozen=True, slots=True)
class Sheet:
    """A chart laid out for a size: what it draws and where, in cells; a part without room has size 0."""

    data: LineData
    lines: tuple[Line, ...]
    head: tuple[Row, ...]
    legend: tuple[Row, ...]
    frame: Frame
    ticks: tuple[Tick, ...]
    mark_row: int
    gutter: int  # the y labels and the axis
    axis_rows: int  # 2: line and labels, 1: the line only
    width: int  # of the plot
    height: int

    def middle(self, column: int) -> float:
        """The x in the middle of a column of cells, the nearest one that there is."""
        low, high = self.ends(min(max(column, 0), self.width - 1))
        return low / 2 + high / 2

    def ends(self, column: int) -> tuple[float, float]:
        """The x at which a column of cells begins and ends: its two columns of dots, which stand for the x nearest."""
        frame, last = self.frame, max(self.frame.columns - 1, 1)
        low, high = ((2 * column + dots - 0.5) / last for dots in (0, 2))
        return (
            frame.x_low * (1 - low) + frame.x_high * low,
            frame.x_low * (1 - high) + frame.x_high * high,
        )


def line_chart_rows(data: LineData, width: int, height: int) -> tuple[Row, ...]:
    """The chart in exactly `height` rows of `width` cells; parts without room are left out."""
    if width < 1 or height < 1:
        return ()
    sheet = lay_out(data, width, height)
    if sheet is None:
        head = _head(data, width, height)
        return (*head, *message_rows(safe_line(data.empty), width, height - len(head)))
    rows = [*sheet.head, *sheet.legend]
    if sheet.mark_row:
        rows.append((Ink(" " * sheet.gutter), *mark_labels(data, sheet.frame, sheet.width)))
    plot = Plot(data, sheet.lines, sheet.frame, sheet.width, sheet.height)
    gutter = gutter_rows(sheet.ticks, sheet.frame, sheet.gutter, sheet.height)
    rows.extend((*side, *line) for side, line in zip(gutter, plot.rows(), strict=True))
    return (*rows, *x_axis_rows(data, sheet.frame, sheet.gutter, sheet.width, sheet.axis_rows))


def lay_out(data: LineData, width: int, height: int) -> Sheet | None:
    """Where everything goes in a size of at least one cell; None if there is nothing to draw."""
    lines = lines_of(data)
    if not drawable(lines):
        return None
    x_low, x_high, y_low, y_high = _domain(data, lines)
    head = _head(data, width, height)
    left = height - len(head)
    legend = legend_rows(data, lines, width, max(left // _LEGEND_SHARE, 1)) if left >= 4 and data.legend else ()
    axis_rows = 2 if left - len(legend) >= 5 else 1 if left >= 5 else 0
    mark_row = 1 if any(mark.label for mark in data.marks) and left >= 7 else 0
    found = y_ticks(data, lines, y_low, y_high, left)
    widest = max((len(label) for _, label in found), default=0)
    gutter = widest + 1 if width >= widest + 12 else 0
    plot_width, plot_height = width - gutter, left - len(legend) - mark_row - axis_rows
    frame = Frame(x_low, x_high, y_low, y_high, plot_width * 2, plot_height * 4)
    return Sheet(data, lines, head, legend, frame, found, mark_row, gutter, axis_rows, plot_width, plot_height)


def _head(data: LineData, width: int, height: int) -> tuple[Row, ...]:
    return head_rows(data, width, -(-height // _HEAD_SHARE)) if height >= 3 else ()


def _domain(data: LineData, lines: Sequence[Line]) -> tuple[float, float, float, float]:
    """The bounds of all that is drawn; limits are always in view, marks only within the data."""
    points = [(x, y) for line in lines for x, y in line.points if math.isfinite(y)]
    if data.x_range is not None and data.x_range[0] < data.x_range[1]:
        xs: tuple[float, float] | None = data.x_range
    else:
        xs = bounds((x for x, _ in points), _ROOM[data.x_axis])
    soft = (y for line in lines for _, y in line.smooth)
    ys = bounds([*(y for _, y in points), *soft, *_limits(data)], 0.5 if data.log else None)
    if xs is None or ys is None:
        raise AssertionError("a chart that is drawn has a finite point")
    return *xs, *ys


def _limits(data: LineData) -> Iterator[float]:
    """The values that are in view in any case."""
    values = (*(limit.y for limit in data.thresholds), *(y for band in data.bands for y in (*band.lows, *band.highs)))
    return (on_scale(y, data.log) for y in (*values, *data.include))
