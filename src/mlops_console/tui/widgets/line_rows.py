"""A line chart as rows of text: a pure function of its data and size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from mlops_console.core.text import number, safe_line
from mlops_console.tui.widgets.chart_paint import Ink, Row, fit, message_rows, row_of, series_role
from mlops_console.tui.widgets.chart_raster import Dot, Frame, Raster, Stroke, strokes
from mlops_console.tui.widgets.chart_scale import bounds, cell, tick_labels, ticks, time_labels, time_ticks
from mlops_console.tui.widgets.line_data import Band, LineData, Mark, Series, Threshold

MARKERS = "ox+*#@%&"
_MARKER_EVERY = 14  # cells between two markers of a series
_ROOM = {"step": 1.0, "number": None, "time": 1800.0}  # on both sides of a lone point
_CELLS_A_POINT = 5  # from here on there is room to show each point


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the parts of a chart lie, in cells; a part without room has size 0."""

    legend: int
    mark_row: int
    gutter: int  # the y labels and the axis
    axis_rows: int  # 2: line and labels, 1: the line only
    width: int  # of the plot
    height: int


def line_chart_rows(data: LineData, width: int, height: int) -> tuple[Row, ...]:
    """The chart in exactly `height` rows of `width` cells; parts without room are left out."""
    if width < 1 or height < 1:
        return ()
    shown = [series for series in data.series if _has_point(series)]
    if not shown:
        return message_rows(safe_line(data.empty), width, height)
    x_low, x_high, y_low, y_high = _domain(data, shown)
    legend = _legend(data, width)
    y_ticks = _y_ticks(shown, y_low, y_high, height)
    layout = _lay_out(data, width, height, bool(legend), tick_labels(y_ticks))
    frame = Frame(x_low, x_high, y_low, y_high, layout.width * 2, layout.height * 4)
    plot = _Plot(data, frame, layout.width, layout.height)
    rows = [legend] if layout.legend else []
    if layout.mark_row:
        rows.append((Ink(" " * layout.gutter), *_mark_labels(data, frame, layout.width)))
    gutter = _gutter(y_ticks, frame, layout)
    rows.extend((*side, *line) for side, line in zip(gutter, plot.rows(), strict=True))
    return (*rows, *_x_axis(data, frame, layout))


def _has_point(series: Series) -> bool:
    return any(math.isfinite(x) and math.isfinite(y) for x, y in zip(series.xs, series.ys, strict=False))


def _domain(data: LineData, shown: list[Series]) -> tuple[float, float, float, float]:
    """The bounds of all that is drawn; limits are always in view, marks only within the data."""
    known = (
        x
        for series in shown
        for x, y in zip(series.xs, series.ys, strict=False)
        if math.isfinite(x) and math.isfinite(y)
    )
    xs = bounds(known, _ROOM[data.x_axis])
    values = (y for series in shown for x, y in zip(series.xs, series.ys, strict=False) if math.isfinite(x))
    limits = (
        *(limit.y for limit in data.thresholds),
        *(y for band in data.bands for y in (band.low, band.high)),
    )
    ys = bounds((*values, *limits, *data.include))
    if xs is None or ys is None:
        raise AssertionError("a shown series has a finite point")
    return *xs, *ys


def _y_ticks(shown: list[Series], low: float, high: float, height: int) -> tuple[float, ...]:
    """Round figures, whole ones for counts; both ends where there is no room for more."""
    if height < 7:
        return low, high
    whole = all(y == math.floor(y) for series in shown for y in series.ys if math.isfinite(y))
    return ticks(low, high, height // 2 - 1, whole)


def _lay_out(data: LineData, width: int, height: int, legend: bool, labels: Sequence[str]) -> _Layout:
    legend_rows = 1 if legend and height >= 4 else 0
    axis_rows = 2 if height >= 6 else 1 if height >= 5 else 0
    mark_row = 1 if any(mark.label for mark in data.marks) and height >= 7 else 0
    widest = max((len(label) for label in labels), default=0)
    gutter = widest + 1 if width >= widest + 12 else 0
    return _Layout(
        legend_rows, mark_row, gutter, axis_rows, width - gutter, height - legend_rows - mark_row - axis_rows
    )


def _legend(data: LineData, width: int) -> Row:
    """Each series with its marker and last value, then limits and bands; () for one bare line."""
    entries: list[tuple[str, str, str]] = []
    if len(data.series) > 1:
        for index, series in enumerate(data.series):
            last = next((y for y in reversed(series.ys) if math.isfinite(y)), None)
            text = f"{safe_line(series.label)} {number(last)}"
            entries.append((MARKERS[index % len(MARKERS)], text, series_role(index)))
    entries.extend(("╌", safe_line(limit.label), "threshold") for limit in data.thresholds if limit.label)
    entries.extend(("·", safe_line(band.label), "band") for band in data.bands if band.label)
    if not entries:
        return ()
    inks: list[Ink] = []
    left = width
    for index, (glyph, text, role) in enumerate(entries):
        more = f"+{len(entries) - index}"
        need = cell_len(text) + 4
        if need > left - (len(more) if index + 1 < len(entries) else 0):
            inks.append(Ink(fit(more, min(len(more), left))))
            left -= min(len(more), left)
            break
        inks += [Ink(f"{glyph} ", role), Ink(f"{text}  ")]
        left -= need
    return (*inks, Ink(" " * left))


class _Plot:
    """The cells of the plot itself: bands below limits below marks below lines below markers."""

    def __init__(self, data: LineData, frame: Frame, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._frame = frame
        self._cells = [[" "] * width for _ in range(height)]
        self._roles = [["text"] * width for _ in range(height)]
        for band in data.bands:
            self._band(band)
        for limit in data.thresholds:
            self._threshold(limit)
        for mark in data.marks:
            self._mark(mark)
        self._lines(data.series)

    def rows(self) -> list[Row]:
        return [row_of(cells, roles) for cells, roles in zip(self._cells, self._roles, strict=True)]

    def _put(self, x: int, y: int, glyph: str, role: str) -> None:
        self._cells[y][x], self._roles[y][x] = glyph, role

    def _band(self, band: Band) -> None:
        if not (math.isfinite(band.low) and math.isfinite(band.high)):
            return
        top, bottom = (
            self._frame.row(max(band.low, band.high)) // 4,
            self._frame.row(min(band.low, band.high)) // 4,
        )
        for y in range(top, bottom + 1):
            for x in range(y % 2, self.width, 2):
                self._put(x, y, "·", "band")

    def _threshold(self, limit: Threshold) -> None:
        if math.isfinite(limit.y):
            y = self._frame.row(limit.y) // 4
            for x in range(self.width):
                self._put(x, y, "╌", "threshold")

    def _mark(self, mark: Mark) -> None:
        if self._frame.x_low <= mark.x <= self._frame.x_high:
            x = self._frame.column(mark.x) // 2
            for y in range(self.height):
                self._put(x, y, "┊", "mark")

    def _lines(self, series: tuple[Series, ...]) -> None:
        """Draw the first series last, so that it lies on top."""
        raster = Raster(self.width, self.height)
        drawn = [strokes(one.xs, one.ys, self._frame) for one in series]
        for index in reversed(range(len(series))):
            for stroke in drawn[index]:
                raster.draw(stroke, index)
            for dot in _points(drawn[index], self.width):
                raster.thicken(dot, index)
        for y in range(self.height):
            for x in range(self.width):
                if glyph := raster.character(x, y):
                    self._put(x, y, glyph, series_role(raster.owner(x, y)))
        self._markers(drawn)

    def _markers(self, drawn: list[tuple[Stroke, ...]]) -> None:
        """Letters on the lines, so that they can be told apart without colours."""
        if len(drawn) == 1:
            return
        taken: set[tuple[int, int]] = set()
        for index, lines in enumerate(drawn):
            for x, y in _marker_cells(lines, index, len(drawn)):
                if (x, y) not in taken and 0 <= y < self.height and 0 <= x < self.width:
                    taken.add((x, y))
                    self._put(x, y, MARKERS[index % len(MARKERS)], series_role(index))


def _marker_cells(lines: tuple[Stroke, ...], index: int, count: int) -> list[tuple[int, int]]:
    """The line's last cell, and further ones at distances that differ from those of the other series."""
    found: dict[int, tuple[int, int]] = {}
    offset = index * _MARKER_EVERY // max(count, 1)
    for x, y in (dot for line in lines for dot in line):
        place = (x // 2 + offset) // _MARKER_EVERY
        found.setdefault(place, (x // 2, y // 4))
    last = [(line[-1][0] // 2, line[-1][1] // 4) for line in lines[-1:]]
    return last + list(found.values())


def _points(lines: tuple[Stroke, ...], width: int) -> list[Dot]:
    """Every point where there are few; else those without a neighbour, which a single dot would hide."""
    few = sum(len(line) for line in lines) * _CELLS_A_POINT <= width
    return [dot for line in lines if few or len(line) == 1 for dot in line]


def _mark_labels(data: LineData, frame: Frame, width: int) -> Row:
    """The marks' labels right of their lines; one that would run into the next is cut, then left out."""
    cells, roles = [" "] * width, ["mark"] * width
    inside = sorted((m for m in data.marks if frame.x_low <= m.x <= frame.x_high), key=lambda mark: mark.x)
    starts = [frame.column(mark.x) // 2 for mark in inside]
    for mark, start, end in zip(inside, starts, [*starts, width + 1][1:], strict=True):
        text = f"┊{safe_line(mark.label)}"
        if end - 1 - start < 3 and len(text) > end - 1 - start:
            continue
        for offset, character in enumerate(fit(text, min(cell_len(text), end - 1 - start))):
            if start + offset < width:
                cells[start + offset] = character if cell_len(character) == 1 else "?"
    return row_of(cells, roles)


def _gutter(values: Sequence[float], frame: Frame, layout: _Layout) -> list[Row]:
    if layout.gutter == 0:
        return [()] * layout.height
    at: dict[int, str] = {}
    for value, label in zip(values, tick_labels(values), strict=True):
        at.setdefault(frame.row(value) // 4, label)
    blank = " " * (layout.gutter - 1)
    return [
        (Ink(fit(at[y], layout.gutter - 1, "right"), "muted"), Ink("┤", "axis"))
        if y in at
        else (Ink(blank), Ink("│", "axis"))
        for y in range(layout.height)
    ]


def _x_axis(data: LineData, frame: Frame, layout: _Layout) -> list[Row]:
    if layout.axis_rows == 0:
        return []
    if data.x_axis == "time":
        values = time_ticks(frame.x_low, frame.x_high, max(layout.width // 12, 1))
        labels = time_labels(values)
    else:
        values = ticks(frame.x_low, frame.x_high, max(layout.width // 10, 1), whole=data.x_axis == "step")
        labels = tick_labels(values)
    columns = [cell(value, frame.x_low, frame.x_high, layout.width) for value in values]
    line = "".join("┬" if x in columns else "─" for x in range(layout.width))
    corner = " " * (layout.gutter - 1) + "└" if layout.gutter else ""
    rows: list[Row] = [(Ink(corner + line, "axis"),)]
    if layout.axis_rows > 1:
        rows.append((Ink(_x_labels(safe_line(data.x_label), columns, labels, layout), "muted"),))
    return rows


def _x_labels(name: str, columns: list[int], labels: Sequence[str], layout: _Layout) -> str:
    """The labels centred under their ticks where they fit, the axis' name in the corner or at the end."""
    width = layout.gutter + layout.width
    cells = [" "] * width
    free = 0
    if name and cell_len(name) == len(name) <= layout.gutter - 1:
        cells[: len(name)] = name
        free = len(name) + 1
    for column, label in zip(columns, labels, strict=True):
        start = max(min(layout.gutter + column - len(label) // 2, width - len(label)), 0)
        if label and start >= free and start + len(label) <= width:
            cells[start : start + len(label)] = label
            free = start + len(label) + 2
    return "".join(cells)
