"""The cells of a line chart's plot, inside the axes."""

import itertools
import math
from collections.abc import Sequence

from rich.cells import cell_len

from mlops_console.core.text import safe_line
from mlops_console.tui.widgets.chart_paint import Row, fit, row_of, series_role
from mlops_console.tui.widgets.chart_raster import Dot, Frame, Raster, Stroke, strokes
from mlops_console.tui.widgets.line_data import Band, LineData, Mark, Threshold
from mlops_console.tui.widgets.line_legend import MARKERS
from mlops_console.tui.widgets.line_shape import Line, floor_on_scale, on_scale

_MARKER_EVERY = 14  # cells between two markers of a series
_CELLS_A_POINT = 5  # from here on there is room to show each point


class Plot:
    """Bands lie below limits below marks below raw lines below lines below markers; the cross-hair shines through."""

    def __init__(self, data: LineData, lines: Sequence[Line], frame: Frame, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._frame = frame
        self._log = data.log
        self._cells = [[" "] * width for _ in range(height)]
        self._roles = [["text"] * width for _ in range(height)]
        for band in data.bands:
            self._band(band)
        for limit in data.thresholds:
            self._threshold(limit)
        for mark in data.marks:
            self._mark(mark)
        self._lines(lines)
        if data.cursor is not None and frame.x_low <= data.cursor <= frame.x_high:
            self._cursor(data.cursor)

    def rows(self) -> list[Row]:
        return [row_of(cells, roles) for cells, roles in zip(self._cells, self._roles, strict=True)]

    def _put(self, x: int, y: int, glyph: str, role: str) -> None:
        self._cells[y][x], self._roles[y][x] = glyph, role

    def _band(self, band: Band) -> None:
        """Every second cell of it: lines and their gaps stay to be seen."""
        lows, highs = (
            self._course(band.xs, [floor_on_scale(y, self._log) for y in ys]) for ys in (band.lows, band.highs)
        )
        for x in lows.keys() & highs.keys():
            for y in range(self._frame.row(highs[x]) // 4, self._frame.row(lows[x]) // 4 + 1):
                if (x + y) % 2 == 0:
                    self._put(x, y, "·", "band")
            if band.is_limit:
                self._put(x, self._frame.row(highs[x]) // 4, "╌", "threshold")

    def _course(self, xs: Sequence[float], ys: Sequence[float]) -> dict[int, float]:
        """What a line is in each column of cells that it passes."""
        found: dict[int, float] = {}
        points = [
            (self._frame.column(x) // 2, y)
            for x, y in zip(xs, ys, strict=False)
            if math.isfinite(x) and math.isfinite(y)
        ]
        for (start, y), (end, y_end) in itertools.pairwise([*points[:1], *points]):
            for x in range(start, end + 1):
                share = (x - start) / (end - start) if end > start else 1.0
                found[x] = y * (1 - share) + y_end * share
        return found

    def _threshold(self, limit: Threshold) -> None:
        place = on_scale(limit.y, self._log)
        if math.isfinite(place):
            y = self._frame.row(place) // 4
            for x in range(self.width):
                self._put(x, y, "╌", "threshold")

    def _mark(self, mark: Mark) -> None:
        if self._frame.x_low <= mark.x <= self._frame.x_high:
            x = self._frame.column(mark.x) // 2
            for y in range(self.height):
                self._put(x, y, "┊", "mark")

    def _cursor(self, at: float) -> None:
        x = self._frame.column(at) // 2
        for y in range(self.height):
            self._put(x, y, "│" if self._cells[y][x] == " " else self._cells[y][x], "strong")

    def _lines(self, lines: Sequence[Line]) -> None:
        """Draw the first series last, so that it lies on top; no raw line shines through a smoothed one."""
        behind, front = Raster(self.width, self.height), Raster(self.width, self.height)
        drawn: list[tuple[Stroke, ...]] = []
        for index in reversed(range(len(lines))):
            line = lines[index]
            raw = strokes(line.points, self._frame)
            _draw(behind if line.smooth else front, raw, self._dots(line, raw), index)
            if line.smooth:
                raw = strokes(line.smooth, self._frame)
                _draw(front, raw, [], index)
            drawn.insert(0, raw)
        for y in range(self.height):
            for x in range(self.width):
                if glyph := front.character(x, y):
                    self._put(x, y, glyph, series_role(front.owner(x, y)))
                elif glyph := behind.character(x, y):
                    self._put(x, y, glyph, "muted")
        self._markers(drawn)

    def _dots(self, line: Line, raw: tuple[Stroke, ...]) -> list[Dot]:
        """Every point where there are few; else those without a neighbour, which a single dot would hide."""
        if len(line.own) * _CELLS_A_POINT > self.width:
            return [stroke[0] for stroke in raw if len(stroke) == 1]
        return [(self._frame.column(x), self._frame.row(y)) for x, y in line.own if math.isfinite(y)]

    def _markers(self, drawn: Sequence[tuple[Stroke, ...]]) -> None:
        """Letters on the lines, so that they can be told apart without colours."""
        if len(drawn) == 1:
            return
        taken: set[tuple[int, int]] = set()
        for index, lines in enumerate(drawn):
            for x, y in _marker_cells(lines, index, len(drawn)):
                if (x, y) not in taken and 0 <= y < self.height and 0 <= x < self.width:
                    taken.add((x, y))
                    self._put(x, y, MARKERS[index % len(MARKERS)], series_role(index))


def _draw(raster: Raster, lines: Sequence[Stroke], dots: Sequence[Dot], owner: int) -> None:
    for stroke in lines:
        raster.draw(stroke, owner)
    for dot in dots:
        raster.thicken(dot, owner)


def _marker_cells(lines: tuple[Stroke, ...], index: int, count: int) -> list[tuple[int, int]]:
    """The line's last cell, and further ones at distances that differ from those of the other series."""
    found: dict[int, tuple[int, int]] = {}
    offset = index * _MARKER_EVERY // max(count, 1)
    for x, y in (dot for line in lines for dot in line):
        place = (x // 2 + offset) // _MARKER_EVERY
        found.setdefault(place, (x // 2, y // 4))
    last = [(line[-1][0] // 2, line[-1][1] // 4) for line in lines[-1:]]
    return last + list(found.values())


def mark_labels(data: LineData, frame: Frame, width: int) -> Row:
    """The marks' labels right of their lines; one that would run into the next loses its last words."""
    cells, roles = [" "] * width, ["mark"] * width
    inside = sorted((m for m in data.marks if frame.x_low <= m.x <= frame.x_high), key=lambda mark: mark.x)
    starts = [frame.column(mark.x) // 2 for mark in inside]
    for mark, start, end in zip(inside, starts, [*starts, width + 1][1:], strict=True):
        text = f"┊{safe_line(mark.label)}"
        room = min(end, width + 1) - 1 - start
        while cell_len(text) > room and " " in text:
            text = text.rpartition(" ")[0]
        if room < 3 and len(text) > room:
            continue
        for offset, character in enumerate(fit(text, min(cell_len(text), room))):
            if start + offset < width:
                cells[start + offset] = character if cell_len(character) == 1 else "?"
    return row_of(cells, roles)
