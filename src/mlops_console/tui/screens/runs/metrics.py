"""The metrics of a run: a live chart of one, and the figures of all."""

import math
import re
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from mlops_console.core.runs import Curve, Run, SeriesSummary
from mlops_console.core.text import number, safe_line, size
from mlops_console.tui import commands
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.line_chart import LineChart, LineData
from mlops_console.tui.widgets.line_curves import Look, counted, nearest_point, readout, series_of, x_range_of
from mlops_console.tui.widgets.line_zoom import Stretch, panned, zoomed_in, zoomed_out
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row

_COLUMNS = (
    Column("metric", "METRIC", least=22, most=40, flex=1),
    Column("last", "LAST", "decimal"),
    Column("min", "MIN", "decimal"),
    Column("max", "MAX", "decimal"),
    Column("count", "POINTS", "right"),
)
_EMPTY = ("No metrics", 'run.log({"loss": value}, step=step) records points; they are drawn as they come.')
_SYSTEM = "system/"  # what `tracking.system` logs by itself
_BYTES = re.compile(r"system/(memory|gpu\d+/memory)")
_BYTES_A_SECOND = re.compile(r"system/\w+_(read|write|sent|received)")
_LEAST_BUCKETS = 500
STALE = 0.2  # seconds that another run's curve may stay while this one's is read
_FEW = 3  # points, of which no smaller stretch shows more


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be read of a run: `store.series.curve(db, run_id, metric, …)` takes the rest. None is no bound."""

    metric: str
    first_step: int | None
    last_step: int | None
    buckets: int


class MetricsPane(Widget):
    """Chart above, figures below; the metric under the cursor is the one that is drawn.

    Whoever shows a run gives it with `show_run`, reads `wish` whenever `Wished` comes or the run has changed, and
    brings what was read with `show_curve`. Until then the chart scales what it has.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*commands.bindings("chart")]
    DEFAULT_CSS = """
    MetricsPane { layout: vertical; height: 1fr; padding: 0 1; }
    MetricsPane > LineChart { height: 2fr; }
    MetricsPane > Grid { height: 1fr; min-height: 3; max-height: 12; }
    MetricsPane.-full > Grid { height: 0; min-height: 0; }
    MetricsPane.-figures > Grid { max-height: 100%; }
    """

    class Wished(Message):
        """Another metric, or another part of it, is to be drawn: `MetricsPane.wish`."""

    def __init__(self) -> None:
        super().__init__()
        self._chart = LineChart()
        self._grid = Grid(empty=_EMPTY)
        self._chart.display = False
        self._look = Look()
        self._run_id = ""
        self._metrics: dict[str, SeriesSummary] = {}
        self._stretch: Stretch | None = None  # what is looked at; None follows all there is
        self._cursor: float | None = None  # on the x axis
        self._drawn = ""  # the metric of the curve
        self._curve: Curve | None = None
        self._started_at: float | None = None
        self._patience: Timer | None = None

    def compose(self) -> ComposeResult:
        yield self._chart
        yield self._grid

    # For whoever shows a run

    @property
    def metric(self) -> str:
        """The metric under the cursor."""
        row = self._grid.row
        return row.key if row else ""

    @property
    def wish(self) -> Wish:
        """What the chart needs: a bucket for each of its columns of dots, and as many as make smoothing smooth."""
        view = self._stretch
        return Wish(
            self.metric,
            view.first if view else None,
            view.last if view else None,
            max(2 * self._chart.size.width, _LEAST_BUCKETS),
        )

    def show_run(self, run: Run | None) -> None:
        """The figures of a run. One that has failed before its first metric says why instead."""
        self._metrics = dict(run.metrics) if run else {}
        if run is not None and run.id != self._run_id:
            self._run_id, self._stretch, self._cursor = run.id, None, None
            self._patience = self._patience or self.set_timer(STALE, self._forget_curve)
        metrics = sorted(self._metrics.values(), key=_order)
        self._grid.empty = ("It has failed", run.error, "l shows its log.") if run and run.error else _EMPTY
        self._grid.update(ListSource(_COLUMNS, [_row(metric) for metric in metrics]))
        has_curves = any(metric.count > 1 for metric in metrics)  # one point each is read, not looked at
        if self._chart.display != has_curves:
            self._chart.display = has_curves
        self.set_class(not has_curves, "-figures")
        if not has_curves:
            self.remove_class("-full")

    def show_curve(self, metric: str, curve: Curve | None, run_started_at: float | None) -> None:
        """What was wished. `run_started_at`: in seconds since the epoch."""
        if self._patience is not None:
            self._patience.stop()
            self._patience = None
        self._drawn, self._curve, self._started_at = metric, curve, run_started_at
        self._draw()

    def _forget_curve(self) -> None:
        """What is drawn is another run's, and this one's has not come yet."""
        self.show_curve(self.metric, None, None)

    def leave(self) -> bool:
        """Go one step out: bring the figures back; False if they are there."""
        if self.has_class("-full"):
            self.remove_class("-full")
            return True
        return False

    # Drawing

    def _draw(self) -> None:
        curve = self._curve
        if curve is None:
            self._chart.show(LineData(head=((self._drawn,),)))
            return
        line = series_of(safe_line(self._drawn), curve, self._look, self._started_at)
        data = LineData(
            (line,),
            x_axis=self._look.x_axis,
            x_label=self._look.x_label,
            empty=_nothing(curve, self._stretch, self._look),
            log=self._look.log,
            smooth=self._look.smooth,
            x_range=x_range_of(self._stretch, curve, self._look, self._started_at),
            cursor=self._cursor,
        )
        self._chart.show(replace(data, head=self._head(curve, data)))

    def _head(self, curve: Curve, data: LineData) -> tuple[tuple[str, ...], ...]:
        """What is drawn; where there is a cross-hair, first what is there."""
        state = (*self._look.said, *counted(curve, self._stretch))
        span = self._chart.cell_of(self._cursor, data) if self._cursor is not None else None
        if self._cursor is None or span is None:
            return ((self._drawn, *state),)
        return ((self._drawn, readout(curve, self._look, self._started_at, span, self._cursor)), state)

    # Commands

    def action_smooth(self) -> None:
        self._look = self._look.next_smooth()
        self._draw()

    def action_log_scale(self) -> None:
        self._look = self._look.other_scale()
        self._draw()

    def action_x_axis(self) -> None:
        """The next x axis; the cross-hair stays at its point."""
        point = None
        if self._curve is not None and self._cursor is not None:
            point = nearest_point(self._curve, self._cursor, self._look, self._started_at)
        self._look = self._look.next_x_axis()
        if self._curve is not None:
            self._cursor = self._look.place(self._curve, self._started_at)(point) if point else None
        self._draw()

    def action_zoom_in(self) -> None:
        whole, curve = self._whole, self._curve
        if whole is not None and curve is not None and not (curve.exact and curve.count <= _FEW):
            self._look_at(zoomed_in(self._stretch or whole, whole, self._cursor_step))

    def action_zoom_out(self) -> None:
        if (whole := self._whole) is not None and self._stretch is not None:
            wider = zoomed_out(self._stretch, whole, self._cursor_step)
            self._look_at(None if wider == whole else wider)

    def action_pan_right(self, by: int = 1) -> None:
        if (whole := self._whole) is not None and self._stretch is not None:
            self._look_at(panned(self._stretch, whole, by))

    def action_pan_left(self) -> None:
        self.action_pan_right(-1)

    def action_whole(self) -> None:
        """All of it, without the cross-hair; what comes is followed again."""
        self._cursor = None
        if self._stretch is None:
            self._draw()
        self._look_at(None)

    def action_cross_right(self, by: int = 1) -> None:
        self._cursor = self._chart.cell_beside(self._cursor, by)
        self._draw()

    def action_cross_left(self) -> None:
        self.action_cross_right(-1)

    def action_full(self) -> None:
        if self._chart.display:
            self.toggle_class("-full")

    def _look_at(self, stretch: Stretch | None) -> None:
        if stretch != self._stretch:
            self._stretch = stretch
            self._draw()
            self.post_message(self.Wished())

    @property
    def _whole(self) -> Stretch | None:
        """The steps of the metric, as far as they are known."""
        found = self._metrics.get(self.metric)
        return Stretch(found.first_step, found.last_step) if found else None

    @property
    def _cursor_step(self) -> int | None:
        if self._curve is None or self._cursor is None:
            return None
        point = nearest_point(self._curve, self._cursor, self._look, self._started_at)
        return point.step if point else None

    # Messages

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another metric: of one that has steps in the stretch looked at, the same steps."""
        event.stop()
        if event.row is None:
            return
        whole, view = self._whole, self._stretch
        if whole and view and not (whole.first <= view.first and view.last <= whole.last):
            self._stretch = None
        self.post_message(self.Wished())

    def on_grid_opened(self, event: Grid.Opened) -> None:
        event.stop()
        self.action_full()

    def on_line_chart_picked(self, event: LineChart.Picked) -> None:
        event.stop()
        self._cursor = event.x
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """A wider chart shows more of a long series."""
        if self._curve is not None and not self._curve.exact:
            self.call_after_refresh(self.post_message, self.Wished())


def _nothing(curve: Curve, stretch: Stretch | None, look: Look) -> str:
    """Why nothing is drawn."""
    if stretch is not None and not curve.count:
        return f"No points from step {stretch.first:,} to {stretch.last:,}: 0 shows all."
    finite = [point.value for point in curve.points if math.isfinite(point.value)]
    if not finite:
        return "No point is a number." if curve.count else "No points yet."
    return "Nothing is above 0, as a logarithmic scale needs: L leaves it." if look.log else "No points yet."


def _order(metric: SeriesSummary) -> tuple[bool, bool, str]:
    """Curves first, then single figures, then what is measured of the machine."""
    return metric.name.startswith(_SYSTEM), metric.count == 1, metric.name


def _row(metric: SeriesSummary) -> Row:
    figures = (metric.last, metric.min, metric.max)
    return Row(
        metric.name,
        (
            Cell(safe_line(metric.name), "strong"),
            *(Cell(_figure(metric.name, figure)) for figure in figures),
            Cell(f"{metric.count:,}", "muted"),
        ),
    )


def _figure(metric: str, value: float) -> str:
    """A value of a metric, in bytes where it counts those."""
    if math.isfinite(value) and value >= 0:
        if _BYTES.fullmatch(metric):
            return size(round(value))
        if _BYTES_A_SECOND.fullmatch(metric):
            return f"{size(round(value))}/s"
    return number(value)
