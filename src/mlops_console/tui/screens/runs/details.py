"""The details of the selected run, beside the table or in its place: one tab for each thing it has recorded."""

from pathlib import Path

from mlops_console.tui.screens.runs import facts, reading
from mlops_console.tui.screens.runs.metrics import MetricsPane
from mlops_console.tui.screens.runs.plot_reading import PlotsLoaded, read_plots
from mlops_console.tui.screens.runs.plots import PlotsPane
from mlops_console.tui.screens.runs.table import RunTable
from mlops_console.tui.screens.stage_logs import run_log
from mlops_console.tui.selection import NOTHING, Selection
from mlops_console.tui.widgets.detail import DetailPane, Pane
from mlops_console.tui.widgets.facts import Facts
from mlops_console.tui.widgets.log_view import LogView
from mlops_console.tui.widgets.rows import Row


class RunDetails(RunTable):
    """A base of `RunsView`: the details follow the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self._loaded: reading.RunLoaded | None = None

    def make_detail(self) -> DetailPane:
        return DetailPane(
            Pane("metrics", "Metrics", MetricsPane),
            Pane("plots", "Plots", PlotsPane),
            Pane("params", "Params", Facts),
            Pane("logs", "Logs", LogView),
            Pane("artifacts", "Artifacts", Facts),
            Pane("lineage", "Lineage", Facts),
        )

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
        has_chart = self._metrics is not None and self._metrics.has_focus_within
        return "chart" if has_chart else super().footer

    def _leave_chart(self) -> bool:
        return self._metrics is not None and self._metrics.leave()

    # Reading

    def row_selected(self, row: Row | None) -> None:
        self._read_detail()

    def pane_shown(self, pane: str) -> None:
        self._show_detail()
        self._read_curve()

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

    def on_plots_loaded(self, event: PlotsLoaded) -> None:
        pane, run = self.detail.widget if self.detail else None, self._selected
        if isinstance(pane, PlotsPane) and run is not None and run.id == event.run_id:
            pane.show(event.plots)

    def on_metrics_pane_wished(self, event: MetricsPane.Wished) -> None:
        event.stop()
        self._read_curve()

    # Drawing

    def _show_detail(self) -> None:
        loaded, detail = self._loaded, self.detail
        if loaded is None or detail is None:
            return
        detail.show_title(loaded.run.name)
        pane = detail.widget
        match detail.active:
            case "metrics" if isinstance(pane, MetricsPane):
                pane.show_run(loaded.run)
            case "plots" if isinstance(pane, PlotsPane):
                run_id = loaded.run.id
                if pane.expect(run_id, loaded.artifacts):
                    self.read("plots", lambda workspace: read_plots(workspace, run_id))
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
        elif isinstance(pane, PlotsPane):
            pane.forget()
        elif isinstance(pane, Facts):
            pane.show([])
        elif isinstance(pane, LogView):
            pane.follow(None, "")

    @property
    def _metrics(self) -> MetricsPane | None:
        pane = self.detail.widget if self.detail else None
        return pane if isinstance(pane, MetricsPane) else None

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


def _no_log(loaded: reading.RunLoaded, path: Path | None) -> str:
    if not loaded.stages and loaded.run.job_id is None:
        return "This run has no log: one that is started by hand keeps it with start_run(capture_output=True)."
    return f"{path} is not there." if path is not None else "No stage has been started yet."
