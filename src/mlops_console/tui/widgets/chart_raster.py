"""Lines as braille dots: 2 × 4 dots in a terminal cell."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mlops_console.tui.widgets.chart_scale import cell

Dot = tuple[int, int]  # column from the left, row from the top
Stroke = tuple[Dot, ...]
Points = list[tuple[float, float]]  # x and y, by x

_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_NOBODY = -1


@dataclass(frozen=True, slots=True)
class Frame:
    """The part of the plane that a chart shows, and its size in dots."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    columns: int
    rows: int

    def column(self, x: float) -> int:
        return cell(x, self.x_low, self.x_high, self.columns)

    def row(self, y: float) -> int:
        return self.rows - 1 - cell(y, self.y_low, self.y_high, self.rows)


@dataclass(slots=True)
class _Bucket:
    """The points of one dot column: the lowest and the highest, in the order they came."""

    column: int
    order: int
    low: tuple[float, int]
    high: tuple[float, int]

    def add(self, y: float) -> None:
        self.order += 1
        if y < self.low[0]:
            self.low = (y, self.order)
        if y > self.high[0]:
            self.high = (y, self.order)

    def dots(self, frame: Frame) -> Iterator[Dot]:
        for y, _ in sorted({self.low, self.high}, key=lambda point: point[1]):
            yield self.column, frame.row(y)


def strokes(points: Points, frame: Frame) -> tuple[Stroke, ...]:
    """The line through the points, in dots, cut wherever a value is not finite.

    At most two points a dot column are kept, its minimum and its maximum, so that no extreme is lost however
    many points there are.
    """
    if frame.columns < 1 or frame.rows < 1:
        return ()
    found: list[Stroke] = []
    line: list[_Bucket] = []
    for x, y in points:
        if not math.isfinite(y):
            if line:
                found.append(_stroke(line, frame))
                line = []
            continue
        column = frame.column(x)
        if line and line[-1].column == column:
            line[-1].add(y)
        else:
            line.append(_Bucket(column, 0, (y, 0), (y, 0)))
    if line:
        found.append(_stroke(line, frame))
    return tuple(found)


def ordered(xs: Sequence[float], ys: Sequence[float]) -> Points:
    """The points that have an x, by x."""
    points = [(x, y) for x, y in zip(xs, ys, strict=False) if math.isfinite(x)]
    if any(a[0] > b[0] for a, b in itertools.pairwise(points)):
        points.sort(key=lambda point: point[0])
    return points


def _stroke(line: list[_Bucket], frame: Frame) -> Stroke:
    return tuple(dot for bucket in line for dot in bucket.dots(frame))


@dataclass(slots=True)
class Raster:
    """A grid of terminal cells with dots in them; the series drawn last owns a cell's colour."""

    width: int  # cells
    height: int
    _masks: list[int] = field(init=False)
    _owners: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._masks = [0] * (max(self.width, 0) * max(self.height, 0))
        self._owners = [_NOBODY] * len(self._masks)

    def draw(self, stroke: Stroke, owner: int) -> None:
        """Set the dots of the line along `stroke`."""
        if len(stroke) == 1:
            self._set(stroke[0], owner)
        for start, end in itertools.pairwise(stroke):
            for dot in _line(start, end):
                self._set(dot, owner)

    def thicken(self, dot: Dot, owner: int) -> None:
        """Make one point stand out from its line: 3 × 3 dots."""
        x, y = dot
        for row in (y - 1, y, y + 1):
            for column in (x - 1, x, x + 1):
                self._set((column, row), owner)

    def has(self, dot: Dot) -> bool:
        """Whether the dot is set."""
        x, y = dot
        return bool(self._masks[y // 4 * self.width + x // 2] & _BITS[y % 4][x % 2])

    def character(self, x: int, y: int) -> str:
        """The braille character of the cell, "" for an empty one."""
        mask = self._masks[y * self.width + x]
        return chr(0x2800 + mask) if mask else ""

    def owner(self, x: int, y: int) -> int:
        """The series whose colour the cell has; -1 for nobody's."""
        return self._owners[y * self.width + x]

    def _set(self, dot: Dot, owner: int) -> None:
        x, y = dot
        if 0 <= x < self.width * 2 and 0 <= y < self.height * 4:
            index = y // 4 * self.width + x // 2
            self._masks[index] |= _BITS[y % 4][x % 2]
            self._owners[index] = owner


def _line(start: Dot, end: Dot) -> Iterator[Dot]:
    """Bresenham's line, both ends included."""
    (x, y), (x_end, y_end) = start, end
    dx, dy = abs(x_end - x), -abs(y_end - y)
    step_x, step_y = (1 if x < x_end else -1), (1 if y < y_end else -1)
    error = dx + dy
    while True:
        yield x, y
        if x == x_end and y == y_end:
            return
        doubled = 2 * error
        if doubled >= dy:
            error += dy
            x += step_x
        if doubled <= dx:
            error += dx
            y += step_y
