"""The axes of a line chart: their ticks and how these are written."""

import math
from collections.abc import Sequence

from rich.cells import cell_len

from mlops_console.core.text import safe_line
from mlops_console.tui.widgets.chart_paint import Ink, Row, fit
from mlops_console.tui.widgets.chart_raster import Frame
from mlops_console.tui.widgets.chart_scale import (
    cell,
    elapsed_labels,
    elapsed_ticks,
    log_ticks,
    tick_labels,
    ticks,
    time_labels,
    time_ticks,
)
from mlops_console.tui.widgets.line_data import LineData, XAxis
from mlops_console.tui.widgets.line_shape import Line

Tick = tuple[float, str]
_TALL = 7  # rows from which there are ticks at round figures


def y_ticks(data: LineData, lines: Sequence[Line], low: float, high: float, height: int) -> tuple[Tick, ...]:
    """Round figures, whole ones for counts, powers of ten on a logarithmic scale; both ends where there is no room."""
    if data.log:
        return log_ticks(low, high, max(height // 2 - 1, 1))
    if height < _TALL:
        return _named((low, high))
    whole = all(y == math.floor(y) for line in lines for _, y in line.own if math.isfinite(y))
    return _named(ticks(low, high, height // 2 - 1, whole))


def _named(values: Sequence[float]) -> tuple[Tick, ...]:
    return tuple(zip(values, tick_labels(values), strict=True))


def x_ticks(axis: XAxis, low: float, high: float, width: int) -> tuple[Tick, ...]:
    if axis == "time":
        values = time_ticks(low, high, max(width // 12, 1))
        return tuple(zip(values, time_labels(values), strict=True))
    if axis == "elapsed":
        values = elapsed_ticks(low, high, max(width // 10, 1))
        return tuple(zip(values, elapsed_labels(values), strict=True))
    return _named(ticks(low, high, max(width // 10, 1), whole=axis == "step"))


def gutter_rows(found: Sequence[Tick], frame: Frame, gutter: int, height: int) -> list[Row]:
    """The y labels and the axis, beside each row of the plot; nothing in a `gutter` of 0 cells."""
    if gutter == 0:
        return [()] * height
    at: dict[int, str] = {}
    for value, label in found:
        at.setdefault(frame.row(value) // 4, label)
    blank = " " * (gutter - 1)
    return [
        (Ink(fit(at[y], gutter - 1, "right"), "muted"), Ink("┤", "axis")) if y in at else (Ink(blank), Ink("│", "axis"))
        for y in range(height)
    ]


def x_axis_rows(data: LineData, frame: Frame, gutter: int, width: int, rows: int) -> list[Row]:
    """The x axis in 0 to 2 rows: its line, then the labels."""
    if rows == 0:
        return []
    found = x_ticks(data.x_axis, frame.x_low, frame.x_high, width)
    columns = [cell(value, frame.x_low, frame.x_high, width) for value, _ in found]
    line = "".join("┬" if x in columns else "─" for x in range(width))
    corner = " " * (gutter - 1) + "└" if gutter else ""
    drawn: list[Row] = [(Ink(corner + line, "axis"),)]
    if rows > 1:
        labels = [label for _, label in found]
        drawn.append((Ink(_x_labels(safe_line(data.x_label), columns, labels, gutter, width), "muted"),))
    return drawn


def _x_labels(name: str, columns: list[int], labels: Sequence[str], gutter: int, plot: int) -> str:
    """The labels centred under their ticks where they fit, the axis' name in the corner."""
    width = gutter + plot
    cells = [" "] * width
    free = 0
    if name and cell_len(name) == len(name) <= gutter - 1:
        cells[: len(name)] = name
        free = len(name) + 1
    for column, label in zip(columns, labels, strict=True):
        start = max(min(gutter + column - len(label) // 2, width - len(label)), 0)
        if label and start >= free and start + len(label) <= width:
            cells[start : start + len(label)] = label
            free = start + len(label) + 2
    return "".join(cells)
