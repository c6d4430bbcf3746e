"""The curves of the compared runs, one metric at a time, over common axes."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from mlops_console.core.comparison import Line, ranked
from mlops_console.core.runs import Curve, Run
from mlops_console.core.text import safe_line
from mlops_console.tui import commands
from mlops_console.tui.screens.runs.comparing.reading import Compared
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.line_chart import LineChart, LineData
from mlops_console.tui.widgets.line_curves import Look, series_of
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row

TOLD_APART = 8  # lines of a chart
_COLUMNS = (
    Column("metric", "METRIC", least=16, most=48, flex=1, sortable=False),
    Column("better", "BETTER", width=9, sortable=False),
    Column("best", "BEST", "decimal", sortable=False),
    Column("run", "BY", least=8, most=28, sortable=False),
    Column("runs", "RUNS", "right", sortable=False),
)
_BETTER = {"maximize": "▲ more", "minimize": "▼ less", None: "–"}
_LEAST_BUCKETS = 500
_ROWS = 8  # metrics in view
_FEW, _WIDE = 3, 110  # more lines on fewer cells: the legend has room for names only


class ChartPane(Widget):
    """Chart above, metrics below; the one under the cursor is drawn. `Wished` asks for the curves of `chosen`."""

    BINDINGS: ClassVar[list[BindingType]] = [*commands.bindings("curves")]
    DEFAULT_CSS: ClassVar[str] = """
    ChartPane { layout: vertical; height: 1fr; }
    ChartPane > LineChart { height: 1fr; background: $surface; }
    ChartPane > Grid { height: auto; max-height: 40%; background: $surface; }
    """

    class Wished(Message):
        """The curves of `ChartPane.metric` are wanted, of `ChartPane.chosen`."""

    def __init__(self) -> None:
        super().__init__()
        self._chart = LineChart(LineData(empty="Reading…"))
        self._grid = Grid(empty=("No metrics", "None of these runs has recorded one."))
        self._look = Look()
        self._compared = Compared()
        self._curves: Mapping[str, Curve] | None = None  # None while they are being read
        self._drawn = ""  # the metric of the curves

    def compose(self) -> ComposeResult:
        yield self._chart
        yield self._grid

    @property
    def metric(self) -> str:
        """The metric under the cursor."""
        row = self._grid.row
        return row.key if row else ""

    @property
    def chosen(self) -> tuple[Run, ...]:
        """The runs that are drawn, in the order of the marks."""
        line = self._compared.comparison.metric(self.metric)
        return drawn_runs(self._compared.runs, line) if line else ()

    @property
    def buckets(self) -> int:
        return max(2 * self._chart.size.width, _LEAST_BUCKETS)

    def show(self, compared: Compared, metric: str) -> None:
        """Compare these; the cursor goes to `metric`."""
        self._compared = compared
        names = [name for _, name in compared.comparison.runs]
        lines = compared.comparison.metrics
        self._grid.update(ListSource(_COLUMNS, [_row(line, names) for line in lines]))
        self._grid.styles.height = min(len(lines), _ROWS) + 1
        if metric and metric != self.metric and self._grid.select(metric):
            return  # the cursor has moved: that is a wish
        if lines:
            self.post_message(self.Wished())
        else:
            self._chart.show(LineData(empty="None of these runs has recorded a metric."))

    def show_curves(self, metric: str, curves: Mapping[str, Curve]) -> None:
        """What was wished."""
        self._drawn, self._curves = metric, curves
        self._draw()

    def _draw(self) -> None:
        if self._curves is None:
            return
        runs = [run for run in self.chosen if run.id in self._curves]
        lines = tuple(series_of(run.name, self._curves[run.id], self._look, run.started_at) for run in runs)
        state = (*self._look.said, *self._left_out())
        self._chart.show(
            LineData(
                lines,
                x_axis=self._look.x_axis,
                x_label=self._look.x_label,
                empty="None of the runs has recorded a number of it.",
                log=self._look.log,
                smooth=self._look.smooth,
                figures=len(lines) <= _FEW or self._chart.size.width >= _WIDE,
                head=((safe_line(self._drawn), *state),),
            )
        )

    def _left_out(self) -> tuple[str, ...]:
        line = self._compared.comparison.metric(self.metric)
        having = sum(entry.there for entry in line.entries) if line else 0
        if line is None or having <= TOLD_APART:
            return (f"{having} runs",)
        return (f"the {TOLD_APART} {'best' if line.goal else 'highest'} of {having:,} runs",)

    # Messages and commands

    def on_grid_moved(self, event: Grid.Moved) -> None:
        event.stop()
        if event.row is not None:
            self.post_message(self.Wished())

    def action_smooth(self) -> None:
        self._look = self._look.next_smooth()
        self._draw()

    def action_log_scale(self) -> None:
        self._look = self._look.other_scale()
        self._draw()

    def action_x_axis(self) -> None:
        self._look = self._look.next_x_axis()
        self._draw()


def drawn_runs(runs: Sequence[Run], line: Line) -> tuple[Run, ...]:
    """At most as many as can be told apart: the best by the metric, without a goal those with the highest values."""
    having = [at for at, entry in enumerate(line.entries) if entry.there]
    if len(having) > TOLD_APART:
        best = ranked(line)
        having = sorted([*best, *(at for at in having if at not in best)][:TOLD_APART])
    return tuple(runs[at] for at in having)


def _row(line: Line, names: Sequence[str]) -> Row:
    best = next(iter(ranked(line)), None) if line.goal else None
    return Row(
        line.name,
        (
            Cell(safe_line(line.name, 200), "strong"),
            Cell(_BETTER[line.goal], "" if line.goal else "muted"),
            Cell(line.entries[best].text if best is not None else "–"),
            Cell(safe_line(names[best], 60) if best is not None else "–", "muted"),
            Cell(f"{sum(entry.there for entry in line.entries):,}", "muted"),
        ),
    )
