"""View 6: the newest drift report of an environment, feature by feature."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from mlops_console.core.drift import FeatureDrift
from mlops_console.tui import writing
from mlops_console.tui.drift_words import named
from mlops_console.tui.screens.dialogs.prompt import Prompt
from mlops_console.tui.screens.drift import rows as tables
from mlops_console.tui.screens.drift import telling
from mlops_console.tui.screens.drift.heat import HeatData
from mlops_console.tui.screens.drift.map import HeatMap
from mlops_console.tui.screens.drift.panes import Distribution, Trend
from mlops_console.tui.screens.drift.performance import PerformancePane
from mlops_console.tui.screens.drift.reading import DriftRead, DriftState, read_drift, write_report
from mlops_console.tui.screens.list_view import Frame, ListView
from mlops_console.tui.selection import NOTHING, Selection
from mlops_console.tui.widgets.chart_paint import Painted
from mlops_console.tui.widgets.chart_paint import Row as InkRow
from mlops_console.tui.widgets.detail import DetailPane, Pane
from mlops_console.tui.widgets.facts import Facts
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.rows import Row
from mlops_console.tui.widgets.split import BESIDE, Split

_SHORT = 18  # lines below which the details have no room below the list
_BOTH = 30  # lines from which the table and the map are both in sight, beside the details
_BOTH_ABOVE = 44  # the same, above the details
_WIDE = 140  # columns from which the verdict has room in one line


class Banner(Painted):
    """The verdict over the list."""

    DEFAULT_CSS = "Banner { height: 3; width: 1fr; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.state: DriftState | None = None  # nothing has been read yet, and so nothing is said

    def rows(self, width: int, height: int) -> tuple[InkRow, ...]:
        if self.state is None or width < 1:
            return ()
        return telling.banner(self.state, time.time(), width, height)[:height]


class DriftView(ListView):
    NAME = "drift"
    TITLE = "Features"
    TOPICS = frozenset({"drift", "environments", "config"})
    COLUMNS = tables.COLUMNS
    EMPTY = (
        "No drift report yet",
        '1. Train a model that logs its data: run.log_dataset("train", frame), then run.log_model(...).',
        "2. Deploy it with d and send it requests.",
        "3. Press v: it compares them with the reference data, feature by feature.",
        '   With every = "15m" in [monitor] of mlops.toml that happens by itself.',
    )
    DEFAULT_CSS = """
    DriftView.-wide Banner { height: 2; }
    DriftView .drift--left { width: 1fr; }
    DriftView .drift--map { display: none; }
    DriftView.-both .drift--map { display: block; }
    DriftView.-map .drift--map { display: block; }
    DriftView.-map .drift--table { display: none; }
    DriftView.-both.-map .drift--table { display: block; }
    DriftView Split.-single > .split--list { height: 1fr; }
    DriftView Split.-single > .split--detail { display: block; height: 1fr; }
    DriftView.-map Split.-single > .split--detail { display: none; }
    DriftView.-short Split.-single > .split--detail { display: none; }
    DriftView Split.-single.-open > .split--detail { display: block; }
    DriftView.-empty Split > .split--detail { display: none; }
    DriftView.-empty .drift--map { display: none; }
    DriftView.-empty .drift--table { display: block; }
    DriftView Split.-beside > .split--list { width: 1fr; }
    DriftView Split.-beside > .split--detail { width: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.banner = Banner()
        self.map = HeatMap()
        self.map_frame = Frame(self.map)
        self.map_frame.add_class("drift--map")
        self.frame.add_class("drift--table")
        self.split = Split(Vertical(self.frame, self.map_frame, classes="drift--left"), self.detail)
        self._state = DriftState()
        self._environment = ""
        self._report: int | None = None  # None: always the newest
        self._read_once = False
        self._wanted = ""  # a feature that another view has sent us to

    def compose(self) -> ComposeResult:
        yield self.banner
        yield from super().compose()

    def on_mount(self) -> None:
        super().on_mount()
        self.map_frame.show_title("Over the reports", None)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < _SHORT, "-short")
        self.set_class(event.size.height >= (_BOTH if event.size.width >= BESIDE else _BOTH_ABOVE), "-both")
        self.set_class(event.size.width >= _WIDE, "-wide")

    def make_detail(self) -> DetailPane:
        return DetailPane(
            Pane("distribution", "Values", Distribution),
            Pane("trend", "Trend", Trend),
            Pane("performance", "Performance", PerformancePane),
            Pane("slices", "Slices", lambda: Grid(empty=_NO_SLICES)),
            Pane("report", "Report", Facts),
            Pane("reports", "History", lambda: Grid(empty=("No report yet", "v checks the drift now."))),
        )

    def reload(self, topics: frozenset[str]) -> None:
        environment, report, known = self._environment, self._report, self._state.reports
        self.read("drift", lambda workspace: read_drift(workspace, environment, report, known))

    def tick(self) -> None:
        self.banner.repaint()

    def on_drift_read(self, event: DriftRead) -> None:
        event.stop()
        if event.state == self._state and self._read_once:
            return
        self._read_once = True
        self._state = self.banner.state = event.state
        self._environment = event.state.environment
        self.banner.repaint()
        self.set_class(event.state.report is None, "-empty")  # what teaches the first step has all the room
        self.show_rows(tables.feature_rows(event.state.report))
        if self._wanted and self.grid.select(self._wanted):
            self._wanted = ""
        self.show_detail()
        self.place_changed()

    @property
    def list_title(self) -> str:
        name = self._state.environment
        return f"Features in {name}" if name else self.TITLE

    # The map

    @property
    def focused_list(self) -> Grid | HeatMap:
        """The table, or the map where it was chosen."""
        return self.map if self.has_class("-map") else self.grid

    def focus_first(self) -> None:
        self.focused_list.focus()

    def action_map(self) -> None:
        """To the map, or back to the table."""
        super().show_list()
        self.toggle_class("-map")
        self.call_after_refresh(self.focused_list.focus)

    def show_list(self) -> None:
        super().show_list()
        if self.has_class("-map"):
            self.action_map()

    def leave(self) -> bool:
        if self.has_class("-map") and not self.split.opened:
            self.action_map()
            return True
        left = super().leave()
        if left and self.has_class("-map"):
            self.map.focus()
        return left

    def query_changed(self) -> None:
        super().query_changed()
        self._show_map()

    def _show_map(self) -> None:
        """The features of the table, over the reports."""
        state = self._state
        known = {tables.key_of(feature): named(feature) for feature in state.report.features} if state.report else {}
        keys = [row.key for row in self.grid.source.rows(0, self.grid.source.count) if row is not None]
        self.map.show(
            HeatData(
                tuple(reversed(state.against_reference)),
                tuple((key, known[key]) for key in keys if key in known),
                self.grid.key,
                looked=state.report.id if state.report else 0,
                revisions=state.revisions,
            )
        )

    def on_heat_map_feature_moved(self, event: HeatMap.FeatureMoved) -> None:
        event.stop()
        if event.key:
            self.grid.select(event.key)
        else:
            self.grid.move_to(self.grid.cursor + event.by)

    async def on_heat_map_report_chosen(self, event: HeatMap.ReportChosen) -> None:
        event.stop()
        if self._state.report is None or event.report != self._state.report.id:
            self._wanted = self.grid.key  # which may be in another row in that report
            self._look_at(event.report)
        await self.open_detail("distribution")

    # What is selected

    @property
    def feature(self) -> FeatureDrift | None:
        row, report = self.grid.row, self._state.report
        features: Sequence[FeatureDrift] = report.features if report else ()
        return next((feature for feature in features if row and tables.key_of(feature) == row.key), None)

    def action_next_environment(self) -> None:
        names = self._state.environments
        if names:
            at = names.index(self._environment) if self._environment in names else -1
            self._choose(names[(at + 1) % len(names)])

    def _choose(self, environment: str, report: int | None = None) -> None:
        self._environment, self._report = environment, report
        self.reload(self.TOPICS)

    def _look_at(self, report: int) -> None:
        """This report from now on; after the newest one, whichever that is."""
        newest = self._state.newest
        self._choose(self._environment, None if newest and newest.id == report else report)

    async def go_to(self, where: Mapping[str, Any]) -> None:
        """An environment; with a feature, or a tab of the details and there a metric, in it."""
        environment = str(where.get("environment") or "")
        self._wanted = str(where.get("feature") or "")
        if environment:
            self._choose(environment)
        if where.get("pane"):
            await self.open_detail(str(where["pane"]))
        if where.get("metric") and self.detail is not None and isinstance(pane := self.detail.widget, PerformancePane):
            pane.choose(str(where["metric"]))

    # Details

    def row_selected(self, row: Row | None) -> None:
        self._show_map()
        self.show_detail()

    def pane_shown(self, pane: str) -> None:
        self.show_detail()

    def show_detail(self) -> None:
        """Give the tab that is looked at what it shows."""
        detail, feature, state = self.detail, self.feature, self._state
        if detail is None:
            return
        widget = detail.widget
        report = f"report {state.report.id}" if state.report else ""
        of_feature = isinstance(widget, Distribution | Trend)
        detail.show_title((named(feature) if feature else "") if of_feature else report)
        if isinstance(widget, Distribution | Trend):
            widget.show(feature, state)
        elif isinstance(widget, PerformancePane):
            widget.show(state)
        elif isinstance(widget, Grid):
            reports = detail.active == "reports"
            widget.update(
                tables.report_source(state.reports, time.time()) if reports else tables.slice_source(state.report)
            )
        elif isinstance(widget, Facts):
            widget.show(telling.report_facts(state.report, time.time()) if state.report else ())

    def action_next_metric(self, by: int = 1) -> None:
        if self.detail is not None and isinstance(pane := self.detail.widget, PerformancePane):
            pane.turn(by)

    def action_previous_metric(self) -> None:
        self.action_next_metric(-1)

    def action_export(self, name: str = "") -> None:
        """Write the report that is looked at into a file; without a name, ask for one."""
        report = self._state.report
        if report is None:
            self.console.tell("There is no report to export yet; v checks the drift now.", "warning")
        elif name:
            self._export(report.id, name)
        else:
            told = "The ending decides: .html, .md or .json. Without a folder it goes to the workspace."
            usual = f"drift-{report.environment}-{report.id}.html"
            self.app.push_screen(Prompt(f"Export report {report.id}", told, usual), partial(self._export, report.id))

    def _export(self, report_id: int, name: str | None) -> None:
        if name and name.strip():
            path = writing.place_of(self.console.workspace, name)
            self.read("export", lambda workspace: write_report(workspace, report_id, path))

    def on_taken(self, event: writing.Taken) -> None:
        def replace() -> None:
            self.read("export", lambda _: writing.write(event.path, event.text, replace=True))

        writing.ask_to_replace(self.app, event, replace)

    def on_written(self, event: writing.Written) -> None:
        self.console.tell(f"The report is in {event.path}.")

    async def on_grid_opened(self, event: Grid.Opened) -> None:
        """A report of the list becomes the one that is looked at; the newest one follows what comes."""
        if event.grid is self.grid:
            await super().on_grid_opened(event)
            return
        event.stop()
        if self.detail is not None and self.detail.active == "reports":
            self._look_at(int(event.row.key))

    # For the commands of the console

    @property
    def selection(self) -> Selection:
        if not self._state.environment:
            return NOTHING
        name = self._state.environment
        return Selection(
            reference=self.feature.name if self.feature else "",
            command=f"mlops-console drift show {name}",
            environment=name,
            retrain=name if self._state.live else None,
        )

    @property
    def crumb(self) -> str:
        inside = f" ▸ {named(self.feature)}" if self.feature and self.split.opened else ""
        return f"{self._state.environment}{inside}"


_NO_SLICES = (
    "No slices",
    'slices = ["country", "amount:0-100"] under [monitor] of mlops.toml:',
    "each report then tells of these parts of the rows apart, the worst first.",
)
