"""What was live when: a row a version on one scale of time, and each span in words. Pure functions, and their pane."""

import time
from collections.abc import Sequence

from rich.cells import cell_len

from mlops_console.core.deployments import Revision
from mlops_console.core.text import clock, duration, safe_line
from mlops_console.core.timeline import Span, spans
from mlops_console.tui import glyphs
from mlops_console.tui.widgets.chart_paint import Ink, Painted, Row, fit, fit_row, message_rows, row_of
from mlops_console.tui.widgets.chart_scale import position, time_labels, time_ticks

_NAME = 20  # cells of a version at the most
_LEAST = 12  # cells of the scale; with fewer there is none
_TICK = 14  # cells between two ticks, at least
_SEVERAL = "┆"  # a cell in which more than one span of a version begins


class TimelinePane(Painted, can_focus=True):
    """The spans of one environment; the selected revision's is marked."""

    def __init__(self) -> None:
        super().__init__()
        self._revisions: tuple[Revision, ...] = ()
        self._selected: int | None = None

    def show(self, revisions: Sequence[Revision], selected: int | None) -> None:
        self._revisions, self._selected = tuple(revisions), selected
        self.repaint()

    def rows(self, width: int, height: int) -> tuple[Row, ...]:
        return timeline_rows(spans(self._revisions, time.time()), self._selected, width, height)


def timeline_rows(found: Sequence[Span], selected: int | None, width: int, height: int) -> tuple[Row, ...]:
    """Exactly `height` rows of `width` cells: the bars, newest version first, the scale, and the spans in words.

    Args:
        found: oldest first, as `core.timeline.spans` gives them.
        selected: the number of a revision.
    """
    if width < 1 or height < 1:
        return ()
    if not found:
        return message_rows("Nothing was ever live here.", width, height)
    rows = _bars(found, selected, width, max((height - 2) // 2, 1))
    if height - len(rows) > 2:
        rows.append(fit_row([], width))
    rows += _words(found, selected, width, height - len(rows))
    blank = (Ink(" " * width),)
    return tuple((rows + [blank] * height)[:height])


def _bars(found: Sequence[Span], selected: int | None, width: int, most: int) -> list[Row]:
    """At most so many versions, and the scale below them."""
    versions = list(dict.fromkeys(span.revision.model_ref for span in reversed(found)))
    older = len(versions) - most + 1 if len(versions) > most else 0
    versions = versions[: len(versions) - older] or versions[:1]
    names = min(max(cell_len(safe_line(version)) for version in versions), _NAME)
    total = max(len(duration(sum(span.seconds for span in found if span.revision.model_ref == v))) for v in versions)
    cells = width - names - total - 4
    if cells < _LEAST:
        return []
    start, end = found[0].start, max(found[-1].end, found[0].start + 1.0)
    rows = []
    for version in versions:
        own = [span for span in found if span.revision.model_ref == version]
        is_live = any(span.is_open for span in own)
        name = Ink(fit(safe_line(version), names), "strong" if is_live else "text")
        took = Ink(f" {fit(duration(sum(span.seconds for span in own)), total, 'right')}", "muted")
        rows.append(fit_row([Ink(" "), name, Ink(" "), *_stretch(own, selected, start, end, cells), took], width))
    rows.append(fit_row([Ink(" " * (names + 2)), Ink(_axis(start, end, cells), "muted")], width))
    return [*rows, fit_row([Ink(f" and {older} older versions", "muted")], width)] if older else rows


def _stretch(own: Sequence[Span], selected: int | None, start: float, end: float, cells: int) -> Row:
    """The spans of one version; a short one has a cell all the same, and where several begin in one, it says so."""
    marks, roles = [" "] * cells, ["axis"] * cells
    begun: set[int] = set()
    for span in own:
        first = min(round(position(span.start, start, end) * cells), cells - 1)
        last = max(min(round(position(span.end, start, end) * cells), cells), first + 1)
        role = "accent" if span.revision.revision == selected else "ok" if span.is_open else "series-1"
        for x in range(first, last):
            marks[x], roles[x] = "█", role
        if first in begun:
            marks[first] = _SEVERAL
        begun.add(first)
    return row_of(marks, roles)


def _axis(start: float, end: float, cells: int) -> str:
    """`╵12:00     ╵13:00`: each label right of its tick, as far as there is room."""
    values = time_ticks(start, end, max(cells // _TICK, 1))
    text = ""
    for value, label in zip(values, time_labels(values), strict=True):
        x = min(int(position(value, start, end) * cells), cells - 1)
        if x >= len(text) + bool(text) and x + 1 + len(label) <= cells:
            text = text.ljust(x) + f"╵{label}"
    return text


def _words(found: Sequence[Span], selected: int | None, width: int, room: int) -> list[Row]:
    """The newest spans, or those round the selected one."""
    if room < 1:
        return []
    newest = list(reversed(found))
    at = next((at for at, span in enumerate(newest) if span.revision.revision == selected), 0)
    start = max(min(at - room // 2, len(newest) - room), 0)
    names = min(max(cell_len(safe_line(span.revision.model_ref)) for span in newest), _NAME)
    return [_word(span, span.revision.revision == selected, names, width) for span in newest[start : start + room]]


def _word(span: Span, selected: bool, names: int, width: int) -> Row:
    revision = span.revision
    glass = [Ink(f"  {glyphs.GLASS.text}", glyphs.GLASS.style)] if revision.break_glass is not None else []
    return fit_row(
        [
            Ink(glyphs.CURSOR if selected else " ", "accent"),
            Ink(fit(safe_line(revision.model_ref), names), "strong" if span.is_open else "text"),
            Ink(f" r{revision.revision:<4}", "muted"),
            Ink(clock(span.start)),
            Ink(f" → {'now' if span.is_open else clock(span.end)}", "ok" if span.is_open else "text"),
            Ink(f"  {duration(span.seconds)}", "strong"),
            *glass,
            Ink(f"  by {safe_line(revision.actor)}", "muted"),
        ],
        width,
    )
