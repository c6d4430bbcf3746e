"""When each stage of a run ran: a bar a stage on one scale of time. Pure functions of the stages and the size."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlops_console.core.runs import RunStatus
from mlops_console.core.text import duration
from mlops_console.tui import glyphs
from mlops_console.tui.screens.pipelines.graph.windows import (
    HEAD,
    NAME,
    focus,
    longest,
    stage_head,
    width_of,
    windowed,
)
from mlops_console.tui.widgets.chart_paint import Ink, Row, fit, fit_row, row_of
from mlops_console.tui.widgets.chart_scale import elapsed_labels, elapsed_ticks

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_CACHED = "◇"
_USUAL = "┊"
_LEAST = 4  # cells of the scale; with fewer there are no figures beside it
_LATEST = 1e12  # seconds; nothing beyond it is a time
_TICK = 10  # cells between two ticks, at least


@dataclass(frozen=True, slots=True)
class Bar:
    """One stage. Times are seconds since the epoch; `usual` is how many seconds it usually takes."""

    name: str
    status: str
    started_at: float | None
    ended_at: float | None
    cached: bool = False
    usual: float | None = None


@dataclass(frozen=True, slots=True)
class _Span:
    """A bar in seconds since the first start; `usual` is where it usually ends, if that is still to come."""

    bar: Bar
    start: float | None
    end: float = 0.0
    usual: float | None = None

    @property
    def took(self) -> float | None:
        return None if self.start is None or self.bar.cached else self.end - self.start


def gantt_rows(bars: Sequence[Bar], now: float, width: int, height: int, selected: str = "") -> tuple[Row, ...]:
    """A row a stage, the scale of time, and how long all of it took, in at most `height` rows of `width` cells.

    Where there is too little height, the rows round the selected, else the first running stage are shown.
    """
    if width < 1 or height < 1 or not bars:
        return ()
    spans = _spans(bars, now)
    scale = _scale(spans, width)
    foot = _foot(spans, scale, width, height - min(len(bars), 3))
    rows = [_row(span, scale, width, selected) for span in spans]
    at = focus([(bar.name, bar.status) for bar in bars], selected)
    return (*windowed(rows, [1] * len(rows), at, width, height - len(foot)), *foot)


def _spans(bars: Sequence[Bar], now: float) -> list[_Span]:
    """A stage whose end is before its start, or isn't known though it isn't running, took no time."""
    starts = [_finite(bar.started_at) for bar in bars]
    first = min((start for start in starts if start is not None), default=0.0)
    found = []
    for bar, start in zip(bars, starts, strict=True):
        if start is None:
            found.append(_Span(bar, None))
            continue
        running = bar.status == RunStatus.RUNNING
        end = _finite(now if running else bar.ended_at)
        stop = start if end is None else max(end, start)
        usual = _finite(bar.usual) if running else None
        awaited = start + usual - first if usual is not None and start + usual > stop else None
        found.append(_Span(bar, start - first, stop - first, awaited))
    return found


def _finite(at: float | None) -> float | None:
    return at if at is not None and abs(at) < _LATEST else None


@dataclass(frozen=True, slots=True)
class _Scale:
    """The columns: of the names, of the time scale, of the durations, and how many seconds the scale is long."""

    names: int
    cells: int
    figures: int
    seconds: float

    def eighths(self, at: float) -> int:
        """Where a moment is on the scale, in eighths of a cell."""
        whole = self.cells * 8
        return min(max(round(at / self.seconds * whole), 0), whole) if self.seconds > 0 else 0


def _scale(spans: Sequence[_Span], width: int) -> _Scale:
    names = min(longest(span.bar.name for span in spans), max(width // 4, NAME))
    figures = max((len(duration(span.took)) for span in spans if span.took is not None), default=0)
    seconds = max((span.usual or span.end for span in spans), default=0.0)
    room = width - HEAD - names - 1
    if room - figures - 1 < _LEAST:
        return _Scale(names, max(room, 0), 0, seconds)
    return _Scale(names, room - (figures + 1 if figures else 0), figures, seconds)


def _row(span: _Span, scale: _Scale, width: int, selected: str) -> Row:
    head = stage_head(span.bar.name, span.bar.status, scale.names, selected=span.bar.name == selected)
    gap = Ink(" " * (HEAD + scale.names - width_of(head) + 1))
    took = "" if span.took is None else duration(span.took)
    figure = (Ink(" " + fit(took, scale.figures, "right")),) if scale.figures else ()
    return fit_row((*head, gap, *fit_row(_stretch(span, scale), scale.cells), *figure), width)


def _stretch(span: _Span, scale: _Scale) -> Row:
    """What stands on the scale."""
    if span.bar.cached:
        return _cached(scale.eighths(span.start or 0.0) // 8, scale.cells)
    if span.start is None:
        return (Ink(f"· {glyphs.state(span.bar.status).word if span.bar.status else 'not run'}", "muted"),)
    role = glyphs.state(span.bar.status).style
    cells = [" "] * scale.cells
    roles = ["text"] * scale.cells
    _fill(cells, scale.eighths(span.start), scale.eighths(span.end))
    for x, cell in enumerate(cells):
        if cell != " ":
            roles[x] = role
    if span.usual is not None and cells:
        end = min(scale.eighths(span.usual) // 8, len(cells) - 1)
        for x in range(-(-scale.eighths(span.end) // 8), end + 1):
            if cells[x] == " ":
                cells[x], roles[x] = (_USUAL, "text") if x == end else ("░", "muted")
    return row_of(cells, roles)


def _fill(cells: list[str], start: int, end: int) -> None:
    """A bar between two places in eighths of a cell. Its first cell is whole or its right half: there are no others."""
    if not cells:
        return
    first, last = min(start // 8, len(cells) - 1), end // 8
    if last <= first:
        cells[first] = "▐" if start % 8 >= 4 else _EIGHTHS[max(end - first * 8, 1)] if end - first * 8 < 8 else "█"
        return
    cells[first] = "▐" if start % 8 >= 4 else "█"
    for x in range(first + 1, last):
        cells[x] = "█"
    if end % 8:
        cells[last] = _EIGHTHS[end % 8]


def _cached(x: int, cells: int) -> Row:
    """The word stands right of the mark if it fits there, else left."""
    x = min(x, max(cells - 1, 0))
    if x + 8 <= cells or x < 7:
        return (Ink(" " * x), Ink(f"{_CACHED} cached", "muted"))
    return (Ink(" " * (x - 7)), Ink(f"cached {_CACHED}", "muted"))


# Below the bars


def _foot(spans: Sequence[_Span], scale: _Scale, width: int, most: int) -> tuple[Row, ...]:
    """The sum, and the scale above it, as far as there is room."""
    if most < 1:
        return ()
    started = [span for span in spans if span.start is not None]
    if not started:
        return (fit_row([Ink(" nothing has started", "muted")], width),)
    total = sum(span.took or 0.0 for span in started)
    wall = max(span.end for span in started)
    text = f" {_at_once(started)} at once at most · {duration(wall)} in all · {duration(total)} of stages"
    row = fit_row([Ink(text, "muted")], width)
    return (row,) if most < 2 or scale.cells < _LEAST else (_axis(scale, width), row)


def _at_once(spans: Iterable[_Span]) -> int:
    """The greatest number of stages that ran at the same time; one that ends as another starts isn't counted twice."""
    ran = [(span.start, span.end) for span in spans if span.start is not None and not span.bar.cached]
    changes = [(start, 1) for start, end in ran if end > start] + [(end, -1) for start, end in ran if end > start]
    count, most = 0, min(len(ran), 1)
    for _, change in sorted(changes):
        count += change
        most = max(most, count)
    return most


def _axis(scale: _Scale, width: int) -> Row:
    """`╵0       ╵10s      ╵20s`: each label right of its tick; left of it, at the right edge; or none without room."""
    values = elapsed_ticks(0.0, scale.seconds, max(scale.cells // _TICK, 1))
    text = ""
    for value, label in zip(values, elapsed_labels(values), strict=True):
        x = min(scale.eighths(value) // 8, scale.cells - 1)
        shown = label if value else "0"
        free = len(text) + bool(text)
        if x >= free:
            if x + 1 + len(shown) <= scale.cells:
                text = text.ljust(x) + f"╵{shown}"
            else:
                room = x - free
                text = text.ljust(free) + fit(shown if len(shown) <= room else "", room, "right") + "╵"
    return fit_row([Ink(" " * (HEAD + scale.names + 1)), Ink(text, "muted")], width)
