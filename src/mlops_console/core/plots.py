"""Plots that a run keeps and the console draws: three shapes, small enough for a terminal, as JSON."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mlops_console.core.errors import UsageError

POINTS = 200  # of one line
LINES = 8  # of one plot: a terminal has no more markers to tell them apart
CLASSES = 30  # of a matrix
BARS = 50
TEXT = 200  # characters of a title or label; what is longer is cut
SIZE = 1_000_000  # bytes of a file
FOLDER = "plots/"
SUFFIX = ".json"
_COUNT = 2**53  # the largest count of a matrix


class PlotError(UsageError):
    """A plot is too large, has a number that can't be drawn, or its file is damaged."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line through points, in their order."""

    label: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Up to 8 lines of up to 200 finite points each, on common axes.

    Args:
        lines: (label, xs, ys) each; both of the same length, at least one point.
        diagonal: whether the line from (0, 0) to (1, 1) is drawn as well, as what guessing gives on a ROC curve.

    Raises:
        PlotError: there are too many, or a value is no finite number.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    diagonal: bool

    def __init__(
        self,
        title: str,
        x_label: str,
        y_label: str,
        lines: Sequence[tuple[str, Sequence[float], Sequence[float]]],
        diagonal: bool = False,
    ) -> None:
        given = _few(lines, "lines", LINES)
        checked = tuple(_line(*_parts(line, "a line", 3)) for line in given)
        _set(self, title=_text(title), x_label=_text(x_label), y_label=_text(y_label))
        _set(self, lines=checked, diagonal=bool(diagonal))


@dataclass(frozen=True, slots=True)
class Matrix:
    """Counts of up to 30 classes against themselves: `rows[i][j]` are those of class i that were taken for class j.

    Raises:
        PlotError: there are too many classes, the rows don't fit them, or a count is no whole number from 0 up.
    """

    title: str
    labels: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]

    def __init__(self, title: str, labels: Sequence[str], rows: Sequence[Sequence[int]]) -> None:
        names = tuple(map(_text, _few(labels, "classes", CLASSES)))
        counts = tuple(tuple(map(_count, _few(row, "columns", CLASSES))) for row in _few(rows, "rows", CLASSES))
        if len(counts) != len(names) or any(len(row) != len(names) for row in counts):
            raise PlotError(f"A matrix of {len(names)} classes needs as many rows and columns.", "Give all of them.")
        _set(self, title=_text(title), labels=names, rows=counts)


@dataclass(frozen=True, slots=True)
class Bars:
    """Up to 50 labelled figures, drawn in the order given.

    Args:
        bars: (label, value) each, values finite.

    Raises:
        PlotError: there are too many, or a value is no finite number.
    """

    title: str
    bars: tuple[tuple[str, float], ...]

    def __init__(self, title: str, bars: Sequence[tuple[str, float]]) -> None:
        pairs = (_parts(bar, "a bar", 2) for bar in _few(bars, "bars", BARS))
        _set(self, title=_text(title), bars=tuple((_text(label), _number(value)) for label, value in pairs))


Plot: TypeAlias = Lines | Matrix | Bars


def artifact_path(name: str) -> str:
    """The artifact that the plot `name` of a run is kept as: `plots/NAME.json`."""
    return f"{FOLDER}{name}{SUFFIX}"


def plot_name(path: str) -> str | None:
    """The inverse of `artifact_path`; None for an artifact that is no plot."""
    if not (path.startswith(FOLDER) and path.endswith(SUFFIX)):
        return None
    return path[len(FOLDER) : -len(SUFFIX)] or None


def reduced(xs: Sequence[float], ys: Sequence[float], most: int = POINTS) -> tuple[list[float], list[float]]:
    """At most `most` (2 or more) of the points, both ends among them, evenly spaced along the line.

    So that steep parts keep their shape, distance is measured with each axis scaled to its own range.
    """
    if len(xs) <= most:
        return list(xs), list(ys)
    width, height = (max(values) - min(values) or 1.0 for values in (xs, ys))
    way = [0.0]
    for at in range(1, len(xs)):
        way.append(way[-1] + abs(xs[at] - xs[at - 1]) / width + abs(ys[at] - ys[at - 1]) / height)
    kept, last = [0], len(xs) - 1
    for at in range(1, last):
        if way[at] * (most - 1) >= way[-1] * len(kept) and len(kept) < most - 1:
            kept.append(at)
    kept.append(last)
    return [xs[at] for at in kept], [ys[at] for at in kept]


def to_json(plot: Plot) -> bytes:
    """A plot as the content of its file."""
    content: dict[str, Any]
    match plot:
        case Lines():
            lines = [{"label": line.label, "xs": line.xs, "ys": line.ys} for line in plot.lines]
            content = {"kind": "lines", "title": plot.title, "x_label": plot.x_label, "y_label": plot.y_label}
            content |= {"lines": lines, "diagonal": plot.diagonal}
        case Matrix():
            content = {"kind": "matrix", "title": plot.title, "labels": plot.labels, "rows": plot.rows}
        case Bars():
            content = {"kind": "bars", "title": plot.title, "bars": plot.bars}
        case _:
            raise TypeError(f"a plot is Lines, Matrix or Bars, not {type(plot).__name__}")
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def from_json(content: bytes) -> Plot:
    """The plot in a file, which anybody may have written.

    Raises:
        PlotError: it is none, or larger than a plot may be.
    """
    if len(content) > SIZE:
        raise PlotError(f"The plot's file has {len(content):,} bytes, more than {SIZE:,}.", "Log a smaller plot.")
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise PlotError("The plot's file is no JSON.", "Log it anew with run.log_plot.") from None
    kind = data.get("kind") if isinstance(data, dict) else None
    try:
        match kind:
            case "lines":
                lines = [(line["label"], line["xs"], line["ys"]) for line in _few(data["lines"], "lines", LINES)]
                return Lines(data["title"], data["x_label"], data["y_label"], lines, data["diagonal"])
            case "matrix":
                return Matrix(data["title"], data["labels"], data["rows"])
            case "bars":
                return Bars(data["title"], data["bars"])
    except (KeyError, TypeError) as error:
        raise PlotError(f"The plot's file lacks a part: {str(error)[:80]}.", "Log it anew with run.log_plot.") from None
    raise PlotError("The plot's file holds no plot that is known here.", "Log it anew with run.log_plot.")


def _set(plot: Any, **values: Any) -> None:
    """Fill in a frozen plot, in its own `__init__`."""
    for name, value in values.items():
        object.__setattr__(plot, name, value)


def _few(values: Any, what: str, most: int) -> Sequence[Any]:
    if isinstance(values, str | bytes) or not hasattr(values, "__len__") or not hasattr(values, "__getitem__"):
        raise TypeError(f"{what} must be a list, not {type(values).__name__}")
    if len(values) > most:
        raise PlotError(f"A plot has at most {most} {what}, not {len(values):,}.", "Leave some out, or join them.")
    if len(values) == 0:
        raise PlotError(f"The plot has no {what}.", "Give at least one.")
    return values  # type: ignore[no-any-return]


def _parts(value: Any, what: str, count: int) -> Sequence[Any]:
    if isinstance(value, str | bytes) or not hasattr(value, "__len__") or len(value) != count:
        raise TypeError(f"{what} must be a tuple of {count}, not {type(value).__name__}")
    return value  # type: ignore[no-any-return]


def _line(label: Any, xs: Any, ys: Any) -> Line:
    points = [tuple(map(_number, _few(values, "points of a line", POINTS))) for values in (xs, ys)]
    if len(points[0]) != len(points[1]):
        raise PlotError(f"A line has {len(points[0])} xs and {len(points[1])} ys.", "Give as many of both.")
    return Line(_text(label), *points)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a title or label must be a str, not {type(value).__name__}")
    return value if len(value) <= TEXT else f"{value[: TEXT - 1]}…"


def _number(value: Any) -> float:
    if isinstance(value, bool | str | bytes) or not hasattr(type(value), "__float__"):
        raise TypeError(f"a value must be a number, not {type(value).__name__}")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise PlotError(f"A plot can't draw {found}.", "Leave out what is not finite.")
    return found


def _count(value: Any) -> int:
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise TypeError(f"a count must be an int, not {type(value).__name__}")
    found = int(value.__index__())
    if not 0 <= found <= _COUNT:
        raise PlotError(f"A matrix can't hold the count {str(found)[:30]}.", "Give counts from 0 up.")
    return found
