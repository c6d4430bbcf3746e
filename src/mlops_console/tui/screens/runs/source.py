"""Runs as rows of a grid: only a window of them is in memory, however many there are."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlops_console.core.runs import Run
from mlops_console.core.text import age, duration, number, param, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.widgets.rows import Cell, Column, Row

WINDOW = 300  # runs read at once
_OWN = (Column("name", "NAME", most=34), Column("status", "STATUS", width=11))
_TIMES = (Column("started", "STARTED", "right", width=9), Column("duration", "TOOK", "right", width=6))


@dataclass(frozen=True, slots=True)
class Window:
    """Runs `offset` to `offset + len(runs)` of `total` that match."""

    offset: int = 0
    total: int = 0
    runs: tuple[Run, ...] = ()


class Names:
    """The metrics and params met so far, in the order of the columns: the model's metric first, then as they came."""

    def __init__(self) -> None:
        self.metrics: dict[str, None] = {}
        self.params: dict[str, None] = {}

    def prefer(self, metrics: Iterable[str]) -> None:
        self.metrics = dict.fromkeys([*metrics, *self.metrics])

    def meet(self, runs: Iterable[Run]) -> None:
        for run in runs:
            self.metrics |= dict.fromkeys(run.metrics)
            self.params |= dict.fromkeys(run.params)

    def columns(self) -> tuple[Column, ...]:
        """The first metric comes before the times: it is what runs are judged by, and is seen in a narrow list too."""
        metrics = [
            Column(f"metrics.`{name}`", _title(name), "decimal", most=18, sortable="`" not in name)
            for name in self.metrics
        ]
        params = (
            Column(f"params.`{name}`", _title(name), "decimal", most=20, sortable="`" not in name)
            for name in self.params
        )
        return (*_OWN, *metrics[:1], *_TIMES, *metrics[1:], *params)


class RunSource:
    """A `RowSource` over one window; asked for rows outside of it, it calls `want(offset)` and says "not here yet"."""

    def __init__(self, window: Window, names: Names, want: Callable[[int], None]) -> None:
        self.columns: Sequence[Column] = names.columns()
        self._window = window
        self._metrics, self._params = tuple(names.metrics), tuple(names.params)
        self._want = want
        self._now = time.time()
        self._rows: dict[int, Row] = {}

    @property
    def count(self) -> int:
        return self._window.total

    def rows(self, offset: int, limit: int) -> Sequence[Row | None]:
        end = min(offset + limit, self.count)
        found = [self._row(index) for index in range(offset, end)]
        if None in found:
            self._want(offset)
        return found

    def _row(self, index: int) -> Row | None:
        row = self._rows.get(index)
        at = index - self._window.offset
        if row is None and 0 <= at < len(self._window.runs):
            row = self._rows[index] = run_row(self._window.runs[at], self._metrics, self._params, self._now)
        return row


def run_row(run: Run, metrics: Sequence[str], params: Sequence[str], now: float) -> Row:
    state = glyphs.state(run.status)
    figures = [Cell(number(run.metrics[name].last)) if name in run.metrics else _NONE for name in metrics]
    return Row(
        run.id,
        (
            Cell(safe_line(run.name, 300), "strong"),
            Cell(state.text, state.style),
            *figures[:1],
            Cell(age(run.started_at, now) if run.started_at else "–", "muted"),
            Cell(duration(run.duration(now))),
            *figures[1:],
            *(_param_cell(run.params, name) for name in params),
        ),
    )


_NONE = Cell("–", "muted")


def _param_cell(params: Mapping[str, object], name: str) -> Cell:
    if name not in params:
        return _NONE
    return Cell(safe_line(param(params[name]), 200))


def _title(name: str) -> str:
    return safe_line(name, 60)


def window_at(offset: int) -> int:
    """Where the window begins that has row `offset` and some before it."""
    return max(0, offset - WINDOW // 3)
