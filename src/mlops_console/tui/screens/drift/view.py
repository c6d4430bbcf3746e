"""View 6: the newest drift report of an environment, feature by feature."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult

from mlops_console.core.drift import FeatureDrift
from mlops_console.tui.screens.drift import telling
from mlops_console.tui.screens.drift.panes import Distribution, Trend, report_source
from mlops_console.tui.screens.drift.reading import DriftRead, DriftState, read_drift
from mlops_console.tui.screens.list_view import ListView
from mlops_console.tui.selection import NOTHING, Selection
from mlops_console.tui.widgets.chart_paint import Painted
from mlops_console.tui.widgets.chart_paint import Row as InkRow
from mlops_console.tui.widgets.detail import DetailPane, Pane
from mlops_console.tui.widgets.facts import Facts
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.rows import Row


class Banner(Painted):
    """The verdict over the list."""

    DEFAULT_CSS = "Banner { height: 2; width: 1fr; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.state = DriftState()

    def rows(self, width: int, height: int) -> tuple[InkRow, ...]:
        return telling.banner(self.state, time.time(), width)[:height] if width > 0 else ()


class DriftView(ListView):
    NAME = "drift"
    TITLE = "Features"
    TOPICS = frozenset({"drift", "environments"})
    COLUMNS = telling.COLUMNS
    EMPTY = (
        "No drift report yet",
        '1. Train a model that logs its data: run.log_dataset("train", frame), then run.log_model(...).',
        "2. Deploy it with d and send it requests.",
        "3. Press v: it compares them with the reference data, feature by feature.",
    )
    DEFAULT_CSS = """
    DriftView Split.-single > .split--list { height: 1fr; }
    DriftView Split.-single > .split--detail { display: block; height: 1fr; }
    DriftView.-short Split.-single > .split--detail { display: none; }
    DriftView.-short Split.-single.-open > .split--detail { display: block; }
    DriftView Split.-beside > .split--list { width: 1fr; }
    DriftView Split.-beside > .split--detail { width: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.banner = Banner()
        self._state = DriftState()
        self._environment = ""
        self._report: int | None = None  # None: always the newest
        self._read_once = False

    def compose(self) -> ComposeResult:
        yield self.banner
        yield from super().compose()

    def on_resize(self) -> None:
        self.set_class(self.size.height < 18, "-short")

    def make_detail(self) -> DetailPane:
        return DetailPane(
            Pane("distribution", "Distribution", Distribution),
            Pane("trend", "Trend", Trend),
            Pane("report", "Report", Facts),
            Pane("reports", "Reports", lambda: Grid(empty=("No report yet", "v checks the drift now."))),
        )

    def reload(self, topics: frozenset[str]) -> None:
        environment, report = self._environment, self._report
        self.read("drift", lambda workspace: read_drift(workspace, environment, report))

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
        self.show_rows(telling.feature_rows(event.state.report))
        self.show_detail()
        self.place_changed()

    @property
    def list_title(self) -> str:
        name = self._state.environment
        return f"Features in {name}" if name else self.TITLE

    # What is selected

    @property
    def feature(self) -> FeatureDrift | None:
        row, report = self.grid.row, self._state.report
        features: Sequence[FeatureDrift] = report.features if report else ()
        return next((feature for feature in features if row and feature.name == row.key), None)

    def action_next_environment(self) -> None:
        names = self._state.environments
        if names:
            at = names.index(self._environment) if self._environment in names else -1
            self._choose(names[(at + 1) % len(names)])

    def _choose(self, environment: str, report: int | None = None) -> None:
        self._environment, self._report = environment, report
        self.reload(self.TOPICS)

    async def go_to(self, where: Mapping[str, Any]) -> None:
        environment = str(where.get("environment") or "")
        if environment:
            self._choose(environment)

    # Details

    def row_selected(self, row: Row | None) -> None:
        self.show_detail()

    def pane_shown(self, pane: str) -> None:
        self.show_detail()

    def show_detail(self) -> None:
        """Give the tab that is looked at what it shows."""
        detail, feature, state = self.detail, self.feature, self._state
        if detail is None:
            return
        detail.show_title(feature.name if feature else "")
        widget = detail.widget
        if isinstance(widget, Distribution | Trend):
            widget.show(feature, state.reports)
        elif isinstance(widget, Grid):
            widget.update(report_source(state.reports, time.time()))
        elif isinstance(widget, Facts):
            widget.show(telling.report_facts(state.report, time.time()) if state.report else ())

    async def on_grid_opened(self, event: Grid.Opened) -> None:
        """A report of the list becomes the one that is looked at; the newest one follows what comes."""
        if event.grid is self.grid:
            await super().on_grid_opened(event)
            return
        event.stop()
        newest = str(self._state.reports[0].id) if self._state.reports else ""
        self._choose(self._environment, None if event.row.key == newest else int(event.row.key))

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
        )

    @property
    def crumb(self) -> str:
        inside = f" ▸ {self.feature.name}" if self.feature and self.split.opened else ""
        return f"{self._state.environment}{inside}"
