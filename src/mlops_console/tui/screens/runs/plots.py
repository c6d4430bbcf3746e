"""The plots of a run: their names above, the one under the cursor below."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.timer import Timer
from textual.widget import Widget

from mlops_console.core.plots import Bars, Lines, Matrix, Plot
from mlops_console.core.text import safe_line
from mlops_console.tui.screens.runs.plot_rows import plot_rows
from mlops_console.tui.widgets.chart_paint import Painted, Row
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.rows import Cell, Column, ListSource
from mlops_console.tui.widgets.rows import Row as GridRow

EMPTY = (
    "No plots",
    "mlops.autolog() keeps ROC curves, confusion matrices",
    "and feature importances of scikit-learn models;",
    "run.log_evaluation(model, X, y) does it on request,",
    "run.log_plot(name, plot) keeps a plot of your own.",
)
_COLUMNS = (
    Column("plot", "PLOT", least=12, most=60, flex=1, sortable=False),
    Column("kind", "KIND", width=10, sortable=False),
)
STALE = 0.2  # seconds that what another run has shown may stay while this one's is read
_KINDS = {Lines: "lines", Matrix: "matrix", Bars: "bars"}


class PlotChart(Painted):
    """One plot, as large as the room."""

    def __init__(self) -> None:
        super().__init__()
        self._plot: Plot | str = ""

    def show(self, plot: Plot | str) -> None:
        """Draw a plot, or say why there is none."""
        if plot != self._plot:
            self._plot = plot
            self.repaint()

    def rows(self, width: int, height: int) -> tuple[Row, ...]:
        return plot_rows(self._plot, width, height)


class PlotsPane(Widget):
    """`j` and `k` choose the plot; the choice stays from run to run as long as they have a plot of that name."""

    DEFAULT_CSS = """
    PlotsPane { layout: vertical; height: 1fr; padding: 0 1; }
    PlotsPane > Grid { height: auto; max-height: 6; }
    PlotsPane > Grid.-empty { height: 1fr; max-height: 100%; }
    PlotsPane > PlotChart { height: 1fr; margin-top: 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._grid = Grid(empty=EMPTY)
        self._chart = PlotChart()
        self._plots: dict[str, Plot | str] = {}
        self._chosen = ""
        self._expected: object = None  # the run and its artifacts, whose plots are shown or on their way
        self._patience: Timer | None = None

    def compose(self) -> ComposeResult:
        yield self._grid
        yield self._chart

    def on_mount(self) -> None:
        self._arrange()

    def expect(self, run_id: str, artifacts: object) -> bool:
        """Of this run the plots are to be shown next; whether those are to be read. Another run's don't stay long."""
        if self._expected == (run_id, artifacts):
            return False
        self._expected = (run_id, artifacts)
        self._patience = self._patience or self.set_timer(STALE, self._clear)
        return True

    def forget(self) -> None:
        """There is no run."""
        self._expected = None
        self._clear()

    def show(self, plots: Sequence[tuple[str, Plot | str]]) -> None:
        """Show the plots of the run that is expected; a text instead of one says why it can't be read."""
        if self._patience is not None:
            self._patience.stop()
            self._patience = None
        self._plots = dict(plots)
        self._grid.update(ListSource(_COLUMNS, [_row(name, plot) for name, plot in self._plots.items()]))
        if self._chosen in self._plots:
            self._grid.select(self._chosen)
        self._arrange()
        self._draw()

    def _clear(self) -> None:
        self.show(())

    def on_grid_moved(self, event: Grid.Moved) -> None:
        event.stop()
        if event.row is not None and event.row.key in self._plots:
            self._chosen = event.row.key
            self._draw()

    def _arrange(self) -> None:
        """The list takes as many lines as it has, up to six; without plots it has the room for what it teaches."""
        self._grid.set_class(not self._plots, "-empty")
        self._grid.styles.height = min(len(self._plots) + 1, 6) if self._plots else None
        self._chart.display = bool(self._plots)

    def _draw(self) -> None:
        row = self._grid.row
        if row is not None:
            self._chart.show(self._plots.get(row.key, ""))


def _row(name: str, plot: Plot | str) -> GridRow:
    kind = Cell("unreadable", "bad") if isinstance(plot, str) else Cell(_KINDS[type(plot)], "muted")
    return GridRow(name, (Cell(safe_line(name, 200), "strong"), kind))
