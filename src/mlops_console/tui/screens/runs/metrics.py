"""The metrics of a run: a live chart of one, and the figures of all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget

from mlops_console.core.runs import Point, Run, SeriesSummary
from mlops_console.core.text import number, safe_line
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.line_chart import LineChart, LineData, Series
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row

_COLUMNS = (
    Column("metric", "METRIC", least=22, most=40, flex=1),
    Column("last", "LAST", "decimal"),
    Column("min", "MIN", "decimal"),
    Column("max", "MAX", "decimal"),
    Column("count", "POINTS", "right"),
)
_EMPTY = ("No metrics", 'run.log({"loss": value}, step=step) records points; they are drawn as they come.')


class MetricsPane(Widget):
    """Chart above, figures below; the metric under the cursor is the one that is drawn."""

    DEFAULT_CSS = """
    MetricsPane { layout: vertical; height: 1fr; padding: 0 1; }
    MetricsPane > LineChart { height: 2fr; }
    MetricsPane > Grid { height: 1fr; min-height: 3; max-height: 12; }
    """

    @dataclass
    class Chosen(Message):
        """Another metric is to be drawn."""

        metric: str

    def __init__(self) -> None:
        super().__init__()
        self._chart = LineChart()
        self._grid = Grid(empty=_EMPTY)
        self._chart.display = False

    def compose(self) -> ComposeResult:
        yield self._chart
        yield self._grid

    @property
    def metric(self) -> str:
        """The metric under the cursor."""
        row = self._grid.row
        return row.key if row else ""

    @property
    def buckets(self) -> int:
        """Into how many pieces the points of a long series may be put: two dots of the chart each."""
        return max(2 * self._chart.size.width, 200)

    def show_run(self, run: Run | None) -> None:
        """The figures of a run. One that has failed before its first metric says why instead."""
        metrics = sorted(run.metrics.values(), key=lambda m: (m.count == 1, m.name)) if run else []  # curves first
        self._grid.empty = ("It has failed", run.error, "l shows its log.") if run and run.error else _EMPTY
        self._grid.update(ListSource(_COLUMNS, [_row(metric) for metric in metrics]))
        if self._chart.display != bool(metrics):
            self._chart.display = bool(metrics)

    def show_points(self, metric: str, points: Sequence[Point]) -> None:
        finite = [point for point in points if not math.isnan(point.value)]
        line = Series(safe_line(metric), [point.step for point in finite], [point.value for point in finite])
        self._chart.show(LineData((line,), x_label="step"))

    def on_grid_moved(self, event: Grid.Moved) -> None:
        event.stop()
        if event.row is not None:
            self.post_message(self.Chosen(event.row.key))


def _row(metric: SeriesSummary) -> Row:
    figures = (metric.last, metric.min, metric.max)
    return Row(
        metric.name,
        (
            Cell(safe_line(metric.name), "strong"),
            *(Cell(number(figure)) for figure in figures),
            Cell(f"{metric.count:,}", "muted"),
        ),
    )
