"""View 2: every run. Only a window of them is in memory; the details follow the cursor."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_console.core.errors import MlopsError, UsageError
from mlops_console.core.filters import FilterError
from mlops_console.core.runs import RunRow
from mlops_console.tui.screens.list_view import ListView
from mlops_console.tui.screens.runs import facts, reading
from mlops_console.tui.screens.runs.completing import CompletionLoaded, read_completion
from mlops_console.tui.screens.runs.metrics import MetricsPane
from mlops_console.tui.screens.runs.source import RunSource, Shown, Window, columns, window_at
from mlops_console.tui.screens.stage_logs import run_log
from mlops_console.tui.selection import NOTHING, Selection
from mlops_console.tui.widgets.detail import DetailPane, Pane
from mlops_console.tui.widgets.facts import Facts
from mlops_console.tui.widgets.filter_bar import FilterBar
from mlops_console.tui.widgets.log_view import LogView
from mlops_console.tui.widgets.rows import Column, Row


class RunsView(ListView):
    NAME = "runs"
    TITLE = "Runs"
    THING = "run"
    TOPICS = frozenset({"runs", "series", "stages", "models"})
    MARKABLE = True
    FILTER_HINT = "part of a name, or metrics.auc > 0.9 and params.lr < 0.1"
    EMPTY = (
        "No run yet",
        "t trains a pipeline of mlops.toml. From your own code it takes three lines:",
        "import mlops_console as mlops",
        "with mlops.start_run() as run:",
        '    run.log({"loss": loss}, step=step)',
    )

    def __init__(self) -> None:
        super().__init__()
        self.order, self.descending = "started", True
        self._window = Window()
        self._offset = 0  # of the window that is wanted
        self._chosen: tuple[Shown, ...] = ()  # columns; none: those that the newest runs suggest
        self._trash = False
        self._total: int | None = None  # None while it is being counted
        self._count_is_stale = False
        self._count_due = 0.0  # not before this moment it is counted again
        self._loaded: reading.RunLoaded | None = None
        self._shown = reading.Asked()  # of the window: what is being typed may be no filter yet
        self._wanted = ""  # a run that another view has sent us to

    def make_detail(self) -> DetailPane:
        return DetailPane(
            Pane("metrics", "Metrics", MetricsPane),
            Pane("params", "Params", Facts),
            Pane("logs", "Logs", LogView),
            Pane("artifacts", "Artifacts", Facts),
            Pane("lineage", "Lineage", Facts),
        )

    def columns(self) -> Sequence[Column]:
        return columns(self._window.shown)

    @property
    def selection(self) -> Selection:
        run = self._selected
        if run is None:
            return NOTHING
        versions = self._loaded.versions if self._loaded and self._loaded.run.id == run.id else ()
        return Selection(
            reference=run.id,
            command=f"mlops-console run show {run.id}",
            run_id=run.id,
            pipeline=run.pipeline,
            model_ref=versions[-1].ref if versions else None,
            job_id=run.job_id if not run.status.is_final else None,
        )

    @property
    def crumb(self) -> str:
        return self._selected.name if self._selected and self.split.opened else ""

    @property
    def footer(self) -> str:
        return "chart" if self._metrics is not None and self._metrics.has_focus_within else self.NAME

    def leave(self) -> bool:
        return (self._metrics is not None and self._metrics.leave()) or super().leave()

    # Reading

    def reload(self, topics: frozenset[str]) -> None:
        if topics & {"runs", "series"}:
            self._read_window()
        if "runs" in topics or ("series" in topics and self.filter_bar.text):
            self._read_count()
        self._read_detail()

    def query_changed(self) -> None:
        self._offset, self._total, self._count_due = 0, None, 0.0
        self.grid.reset()
        self._read_window()
        self._read_count()

    def row_selected(self, row: Row | None) -> None:
        self._read_detail()

    def pane_shown(self, pane: str) -> None:
        self._show_detail()
        self._read_curve()

    def tick(self) -> None:
        """Ages and durations are written anew; the grid repaints those that read differently."""
        self._show_window()
        if self._count_is_stale and time.monotonic() >= self._count_due:
            self._read_count()

    def _read_window(self) -> None:
        asked, offset, total = self._asked, self._offset, self._total
        self.read("runs", lambda workspace: reading.read_window(workspace, asked, offset, total))

    def _read_count(self) -> None:
        """Of a million runs counting takes longer than reading a page, so it is done apart, and not too often."""
        self._count_is_stale = time.monotonic() < self._count_due
        if not self._count_is_stale:
            asked = self._asked
            self.read("count", lambda workspace: reading.read_count(workspace, asked.text, asked.deleted))

    @property
    def _asked(self) -> reading.Asked:
        order = ("-" if self.descending else "") + self.order
        return reading.Asked(self.filter_bar.text, order, self._trash, self._chosen)

    def _want(self, offset: int) -> None:
        """The grid shows rows that are not here."""
        wanted = window_at(offset)
        if wanted != self._offset:
            self._offset = wanted
            self._read_window()

    def _read_detail(self) -> None:
        run = self._selected
        if run is not None:
            self.read("run", lambda workspace: reading.read_run(workspace, run.id))

    def _read_curve(self) -> None:
        loaded, pane = self._loaded_selected, self._metrics
        if loaded is not None and pane is not None and self.split.detail_visible and pane.metric in loaded.run.metrics:
            run, wish = loaded.run, pane.wish
            self.read("curve", lambda workspace: reading.read_curve(workspace, run.id, wish))

    # What was read

    def on_window_loaded(self, event: reading.WindowLoaded) -> None:
        if event.asked != self._asked:
            return
        self.filter_bar.show_problem("")
        self._window, self._shown, self._offset = event.window, event.asked, event.window.offset
        self._show_window()
        if not event.window.runs:
            self._show_none()
        if self._wanted and self.grid.select(self._wanted):
            self._wanted = ""
        self._read_detail()

    def on_count_loaded(self, event: reading.CountLoaded) -> None:
        if (event.text, event.deleted) == (self.filter_bar.text, self._trash):
            self._total = event.total
            self._count_due = time.monotonic() + 10 * event.cost
            self._show_window()

    def on_filter_bar_completion_wanted(self, event: FilterBar.CompletionWanted) -> None:
        event.stop()
        text, cursor = event.text, event.cursor
        self.read("completion", lambda workspace: read_completion(workspace, text, cursor))

    def on_completion_loaded(self, event: CompletionLoaded) -> None:
        self.filter_bar.suggest(event.text, event.completion)

    def read_failed(self, what: str, error: MlopsError) -> None:
        if what == "runs" and self.filter_bar.text and isinstance(error, UsageError):
            self.filter_bar.open_again()
            self.filter_bar.show_problem(error.message, error.column if isinstance(error, FilterError) else 0)
        elif what != "count" or not isinstance(error, UsageError):  # the read of the runs tells it
            super().read_failed(what, error)

    def on_run_loaded(self, event: reading.RunLoaded) -> None:
        if self._selected is not None and event.run.id == self._selected.id:
            self._loaded = event
            self._show_detail()
            self._read_curve()
            self.place_changed()

    def on_curve_loaded(self, event: reading.CurveLoaded) -> None:
        run, pane = self._selected, self._metrics
        if run is not None and pane is not None and (event.run_id, event.metric) == (run.id, pane.metric):
            pane.show_curve(event.metric, event.curve, run.started_at)

    def on_metrics_pane_wished(self, event: MetricsPane.Wished) -> None:
        event.stop()
        self._read_curve()

    def on_descendant_focus(self) -> None:
        self.place_changed()  # the footer is the chart's while that has the focus

    # Drawing

    def _show_window(self) -> None:
        self.show_source_title(self._total, self._shown.text)
        source = RunSource(self._window, self._total, self._want)
        self.grid.update(source, order=self.order, descending=self.descending)

    def _show_detail(self) -> None:
        loaded, detail = self._loaded, self.detail
        if loaded is None or detail is None:
            return
        detail.show_title(loaded.run.name)
        pane = detail.widget
        match detail.active:
            case "metrics" if isinstance(pane, MetricsPane):
                pane.show_run(loaded.run)
            case "params" if isinstance(pane, Facts):
                pane.show(facts.param_facts(loaded.run))
            case "artifacts" if isinstance(pane, Facts):
                pane.show(facts.artifact_facts(loaded))
            case "lineage" if isinstance(pane, Facts):
                pane.show(facts.lineage_facts(loaded))
            case "logs" if isinstance(pane, LogView):
                path = run_log(loaded.run.id, loaded.stages)
                pane.follow(path, _no_log(loaded, path))

    def _show_none(self) -> None:
        """There is no run to show the details of."""
        self._loaded = None
        if self.detail is None:
            return
        self.detail.show_title(f"no {self.THING} selected")
        pane = self.detail.widget
        if isinstance(pane, MetricsPane):
            pane.show_run(None)
        elif isinstance(pane, Facts):
            pane.show([])
        elif isinstance(pane, LogView):
            pane.follow(None, "")

    @property
    def _metrics(self) -> MetricsPane | None:
        pane = self.detail.widget if self.detail else None
        return pane if isinstance(pane, MetricsPane) else None

    @property
    def _selected(self) -> RunRow | None:
        at = self.grid.cursor - self._window.offset
        return self._window.runs[at] if 0 <= at < len(self._window.runs) else None

    @property
    def _loaded_selected(self) -> reading.RunLoaded | None:
        """What is known of the selected run, once it has been read."""
        run, loaded = self._selected, self._loaded
        return loaded if run is not None and loaded is not None and loaded.run.id == run.id else None

    # Commands

    async def show_logs(self) -> bool:
        if self._selected is None:
            return False
        await self.open_detail("logs")
        return True

    async def go_to(self, where: Mapping[str, Any]) -> None:
        if "filter" in where:
            self.filter_bar.set_text(str(where["filter"]))
        if "run" in where:
            self._wanted = str(where["run"])
            if self.grid.select(self._wanted):
                self._wanted = ""

    def action_compare(self) -> None:
        from mlops_console.tui.screens.runs.compare import CompareDialog

        marked = dict(self.grid.marks)
        if len(marked) == 1 and self._selected is not None:
            marked[self._selected.id] = None
        if len(marked) < 2:
            self.app.notify("Mark two or more runs with space, then compare.", markup=False)
        else:
            self.app.push_screen(CompareDialog(tuple(marked)))


def _no_log(loaded: reading.RunLoaded, path: Path | None) -> str:
    if not loaded.stages and loaded.run.job_id is None:
        return "This run has no log: one that is started by hand keeps it with start_run(capture_output=True)."
    return f"{path} is not there." if path is not None else "No stage has been started yet."
