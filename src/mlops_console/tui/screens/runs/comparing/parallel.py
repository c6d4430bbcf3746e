"""Parallel coordinates of the compared runs: each run a line through its params to the metric."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.widget import Widget

from mlops_console.core.comparison import Comparison, Line, brief, ranked
from mlops_console.core.text import safe_line
from mlops_console.tui.screens.runs.comparing.parallel_axes import Parallel, best_quarter, parallel
from mlops_console.tui.screens.runs.comparing.parallel_rows import parallel_rows
from mlops_console.tui.screens.runs.comparing.reading import Compared
from mlops_console.tui.widgets.chart_paint import Painted
from mlops_console.tui.widgets.chart_paint import Row as PaintedRow
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row

_ROWS = 8  # runs in view


class ParallelChart(Painted):
    """The picture, as large as the room."""

    def __init__(self) -> None:
        super().__init__()
        self._data = Parallel(empty="Reading…")

    def show(self, data: Parallel) -> None:
        if data != self._data:
            self._data = data
            self.repaint()

    def rows(self, width: int, height: int) -> tuple[PaintedRow, ...]:
        return parallel_rows(self._data, width, height)


class ParallelPane(Widget):
    """The picture above, the runs below, the best first; the one under the cursor stands out."""

    DEFAULT_CSS: ClassVar[str] = """
    ParallelPane { layout: vertical; height: 1fr; }
    ParallelPane > ParallelChart { height: 1fr; background: $surface; }
    ParallelPane > Grid { height: auto; max-height: 40%; background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._chart = ParallelChart()
        self._grid = Grid(empty=("No metrics", "None of these runs has recorded one."))
        self._comparison = Comparison(())
        self._metric = ""

    def compose(self) -> ComposeResult:
        yield self._chart
        yield self._grid

    def show(self, compared: Compared, metric: str) -> None:
        self._comparison, self._metric = compared.comparison, metric
        line = self._comparison.metric(metric)
        self._grid.update(_runs(self._comparison, line) if line else ListSource(()))
        self._grid.styles.height = min(len(self._comparison.runs), _ROWS) + 1
        self._draw()

    def on_grid_moved(self, event: Grid.Moved) -> None:
        event.stop()
        self._draw()

    def _draw(self) -> None:
        row = self._grid.row
        ids = [id for id, _ in self._comparison.runs]
        chosen = ids.index(row.key) if row is not None and row.key in ids else None
        self._chart.show(parallel(self._comparison, self._metric, chosen))


def _runs(found: Comparison, line: Line) -> ListSource:
    """A row for each run, those without the metric last."""
    columns = [
        Column("run", "RUN", least=12, most=28, sortable=False),
        Column("rank", "RANK", "right", sortable=False),
        Column("metric", safe_line(line.name, 60), "decimal", sortable=False),
        *(Column(f"param {each.name}", safe_line(each.name, 60), sortable=False) for each in found.differing),
    ]
    best, order = best_quarter(line), ranked(line)
    rest = [at for at in range(len(found.runs)) if at not in order]
    rows = []
    for rank, at in enumerate([*order, *rest], 1):
        id, name = found.runs[at]
        cells = [
            Cell(safe_line(name, 200), "accent" if at in best else ""),
            Cell(f"{rank}" if at in order else "–", "muted"),
            Cell(line.entries[at].text, "strong"),
            *(Cell(safe_line(brief(each)[at], 200)) for each in found.differing),
        ]
        rows.append(Row(id, tuple(cells)))
    return ListSource(columns, rows)
