"""Runs as rows of a grid: only a window of them is in memory, however many there are."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_console.core.filters import Field, field_text
from mlops_console.core.runs import RunRow
from mlops_console.core.text import age, duration, number, param, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.widgets.rows import Cell, Column, Row

WINDOW = 300  # runs read at once
_AHEAD = 50  # so many runs before the end of a window the next one is read

_OWN_TITLES = {"started": "STARTED", "duration": "TOOK", "git": "COMMIT"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of the table: its field, and its width in cells if somebody has chosen one."""

    field: Field
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Runs `offset` to `offset + len(runs)`, with a value for each field of `shown`."""

    offset: int = 0
    runs: tuple[RunRow, ...] = ()
    shown: tuple[Shown, ...] = ()


def columns(shown: Sequence[Shown]) -> tuple[Column, ...]:
    """Name and status stand first, whatever else is chosen."""
    return (Column("name", "NAME", most=34), Column("status", "STATUS", width=11), *map(_column, shown))


class RunSource:
    """A `RowSource` over one window; asked for rows outside of it, it calls `want(offset)` and says "not here yet".

    Until the count is known, there is said to be one row more than what is here, if the window is full.
    """

    def __init__(self, window: Window, total: int | None, want: Callable[[int], None]) -> None:
        self.columns: Sequence[Column] = columns(window.shown)
        self._window = window
        known = window.offset + len(window.runs)
        self.count = max(total, known) if total is not None else known + (len(window.runs) >= WINDOW)
        self._want = want
        self._now = time.time()
        self._rows: dict[int, Row] = {}

    def rows(self, offset: int, limit: int) -> Sequence[Row | None]:
        end = min(offset + limit, self.count)
        found = [self._row(index) for index in range(offset, end)]
        if None in found or self._is_near_an_end(offset, end):
            self._want(offset)
        return found

    def peek(self, index: int) -> Row | None:
        return self._row(index)

    def index_of(self, key: str) -> int | None:
        """Where the run with this id is, if it is in the window."""
        for at, run in enumerate(self._window.runs, self._window.offset):
            if run.id == key:
                return at
        return None

    def _is_near_an_end(self, offset: int, end: int) -> bool:
        begin, known = self._window.offset, self._window.offset + len(self._window.runs)
        return (begin > 0 and offset < begin + _AHEAD) or (known < self.count and end > known - _AHEAD)

    def _row(self, index: int) -> Row | None:
        row = self._rows.get(index)
        at = index - self._window.offset
        if row is None and 0 <= at < len(self._window.runs):
            row = self._rows[index] = run_row(self._window.runs[at], self._window.shown, self._now)
        return row


def run_row(run: RunRow, shown: Sequence[Shown], now: float) -> Row:
    state = glyphs.state(run.status)
    cells = (_cell(run, column.field, value, now) for column, value in zip(shown, run.values, strict=True))
    return Row(run.id, (Cell(safe_line(run.name, 300), "strong"), Cell(state.text, state.style), *cells))


_NONE = Cell("–", "muted")


def _column(shown: Shown) -> Column:
    field, width = shown.field, shown.width
    text = field_text(field)
    if field.kind in ("started", "ended"):
        return Column(text, _OWN_TITLES.get(field.kind, "ENDED"), "right", width=width or 9)
    if field.kind == "duration":
        return Column(text, "TOOK", "right", width=width or 6)
    title = " ".join(part for part in (safe_line(field.key, 60), field.aggregate) if part)
    if field.kind in ("metrics", "params"):
        return Column(text, title, "decimal", width=width, most=width or 20)
    return Column(text, title or _OWN_TITLES.get(field.kind, field.kind.upper()), width=width, most=width or 24)


def _cell(run: RunRow, field: Field, value: Any, now: float) -> Cell:
    match field.kind:
        case "started":
            return Cell(age(run.started_at, now) if run.started_at else "–", "muted")
        case "ended":
            return Cell(age(run.ended_at, now) if run.ended_at else "–", "muted")
        case "duration":
            return Cell(duration(run.duration(now)))
        case _ if value is None:
            return _NONE
        case "metrics":
            return Cell(number(value))
        case "params":
            return Cell(safe_line(param(value), 200))
        case "git":
            return Cell(safe_line(str(value)[:12], 60))
        case _:
            return Cell(safe_line(str(value), 200))


def window_at(offset: int) -> int:
    """Where the window begins that has row `offset` and some before it; the same for rows beside each other."""
    return max(0, offset // _AHEAD * _AHEAD - WINDOW // 3)
