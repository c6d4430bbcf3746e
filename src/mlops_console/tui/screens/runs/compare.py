"""Runs side by side: the metrics, then the params that differ."""

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from mlops_console.core.runs import Run
from mlops_console.core.text import duration, number, param, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.reader import Reader
from mlops_console.tui.screens.dialogs.dialog import Dialog
from mlops_console.tui.screens.runs.reading import RunsCompared, read_runs
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row


class _Table(Reader):
    DEFAULT_CSS = "_Table { height: 1fr; } _Table > Grid { height: 1fr; background: $surface; }"

    def __init__(self, run_ids: tuple[str, ...]) -> None:
        super().__init__()
        self._run_ids = run_ids
        self.grid = Grid(empty=("They differ in nothing that was recorded",))

    def compose(self) -> Iterable[Widget]:
        yield self.grid

    def on_mount(self) -> None:
        self.read("compare", lambda workspace: read_runs(workspace, self._run_ids))

    def on_runs_compared(self, event: RunsCompared) -> None:
        self.grid.update(comparison(event.runs))


class CompareDialog(Dialog[None]):
    """The marked runs, in the order of marking; the first is what the others are compared with."""

    DEFAULT_CSS = "CompareDialog > Vertical { width: 96%; height: 90%; }"

    def __init__(self, run_ids: tuple[str, ...]) -> None:
        super().__init__(f"Compare {len(run_ids)} runs", [("←→", "more columns"), ("esc", "leave")])
        self._table = _Table(run_ids)

    def compose_inside(self) -> Iterable[Widget]:
        yield self._table

    def on_mount(self) -> None:
        self._table.grid.focus()


def comparison(runs: Sequence[Run]) -> ListSource:
    columns = [
        Column("what", "", most=32, sortable=False),
        *(Column(run.id, safe_line(run.name, 60), most=28, sortable=False) for run in runs),
    ]
    rows = [
        Row("status", (Cell("status", "muted"), *(Cell(*glyphs.state(run.status).cell) for run in runs))),
        Row(
            "took",
            (
                Cell("took", "muted"),
                *(Cell(duration(run.duration(run.heartbeat_at or run.created_at))) for run in runs),
            ),
        ),
        *_metric_rows(runs),
        *_param_rows(runs),
    ]
    return ListSource(columns, rows)


def _metric_rows(runs: Sequence[Run]) -> list[Row]:
    names = dict.fromkeys(name for run in runs for name in run.metrics)
    rows = [_heading("Metrics (last)", len(runs))] if names else []
    for name in names:
        cells = [
            Cell(number(run.metrics[name].last), "strong") if name in run.metrics else Cell("–", "muted")
            for run in runs
        ]
        rows.append(Row(f"metric {name}", (Cell(f"  {safe_line(name)}"), *cells)))
    return rows


def _param_rows(runs: Sequence[Run]) -> list[Row]:
    """Only the params in which the runs differ; how many are the same is said."""
    names = dict.fromkeys(name for run in runs for name in run.params)
    texts = {name: [param(run.params[name]) if name in run.params else "–" for run in runs] for name in names}
    differing = {name: found for name, found in texts.items() if len(set(found)) > 1}
    same = len(names) - len(differing)
    rows = [_heading(f"Params that differ ({same} the same)", len(runs))] if names else []
    for name, found in differing.items():
        cells = [Cell(safe_line(text, 300), "" if text == found[0] else "warn") for text in found]
        rows.append(Row(f"param {name}", (Cell(f"  {safe_line(name)}"), *cells)))
    return rows


def _heading(title: str, runs: int) -> Row:
    return Row(f"heading {title}", (Cell(title, "strong"), *(Cell("") for _ in range(runs))))
