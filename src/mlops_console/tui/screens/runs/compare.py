"""Marked runs side by side: a table, their curves, parallel coordinates, and which params count."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from mlops_console.core import comparison
from mlops_console.core.errors import UsageError
from mlops_console.core.filters import Field, field_text
from mlops_console.core.jobs import Job
from mlops_console.core.text import safe_line
from mlops_console.data.importance import LEAST
from mlops_console.tracking.diff_stat import DiffStat
from mlops_console.tui import commands, writing
from mlops_console.tui.messages import ReadFailed
from mlops_console.tui.reader import Reader
from mlops_console.tui.screens.dialogs.dialog import Dialog
from mlops_console.tui.screens.dialogs.prompt import Prompt
from mlops_console.tui.screens.runs.comparing import reading
from mlops_console.tui.screens.runs.comparing.chart import ChartPane
from mlops_console.tui.screens.runs.comparing.diff import DiffDialog
from mlops_console.tui.screens.runs.comparing.importance import ImportancePane
from mlops_console.tui.screens.runs.comparing.parallel import ParallelPane
from mlops_console.tui.screens.runs.comparing.reading import Compared
from mlops_console.tui.screens.runs.comparing.table import TablePane
from mlops_console.tui.widgets.detail import DetailPane, Pane

_FORMATS = {".csv": comparison.to_csv, ".json": comparison.to_json, ".md": comparison.to_markdown}
_KEYS = {  # what the lower border shows of each tab
    "table": ("next-tab", "compare-all", "compare-copy", "compare-write"),
    "chart": ("next-tab", "smooth", "log-scale", "x-axis", "compare-write"),
    "parallel": ("next-tab", "next-metric", "compare-write"),
    "importance": ("next-tab", "next-metric", "importance"),
}
_POLL = 0.5  # seconds between two looks at a job


class CompareDialog(Dialog[None]):
    """The marked runs, in the order of marking."""

    DEFAULT_CSS = "CompareDialog > Vertical { width: 98%; max-width: 98%; height: 96%; max-height: 96%; }"

    def __init__(self, run_ids: tuple[str, ...]) -> None:
        super().__init__(f"Compare {len(run_ids):,} runs", [("esc", "leave")])
        self._run_ids = run_ids

    def compose_inside(self) -> Iterable[Widget]:
        yield Comparing(self._run_ids)


class Comparing(Reader):
    """The tabs. What is compared, and by which metric, is the same in all of them."""

    BINDINGS: ClassVar[list[BindingType]] = [*commands.bindings("compare")]
    DEFAULT_CSS = """
    Comparing { height: 1fr; }
    Comparing > DetailPane, Comparing > DetailPane:focus-within { border: none; }
    """

    def __init__(self, run_ids: tuple[str, ...]) -> None:
        super().__init__()
        self._run_ids = run_ids
        self._detail = DetailPane(
            Pane("table", "Table", TablePane),
            Pane("chart", "Chart", ChartPane),
            Pane("parallel", "Parallel", ParallelPane),
            Pane("importance", "Importance", ImportancePane),
        )
        self._compared = Compared()
        self._stats: Mapping[str, DiffStat] | None = None
        self._metric = ""
        self._job: Job | None = None

    def compose(self) -> ComposeResult:
        yield self._detail

    def on_mount(self) -> None:
        self.read("compare", lambda workspace: reading.read_comparison(workspace, self._run_ids))
        self.set_interval(_POLL, self._follow_job)

    # What was read

    def on_runs_compared(self, event: reading.RunsCompared) -> None:
        self._compared = event.compared
        metrics = event.compared.comparison.metrics
        self._metric = metrics[0].name if metrics else ""
        self._show_title()
        if not event.compared.runs:
            self.console.tell("These runs are gone.", "warning")
            return
        self._count_diffs()
        self._show()

    def on_diffs_counted(self, event: reading.DiffsCounted) -> None:
        self._stats = event.stats
        self._show()

    def on_curves_loaded(self, event: reading.CurvesLoaded) -> None:
        pane = self._detail.widget
        if isinstance(pane, ChartPane) and event.metric == pane.metric:
            pane.show_curves(event.metric, event.curves)

    def on_importance_found(self, event: reading.ImportanceFound) -> None:
        if event.metric == self._field:
            self._job = event.job
            self._show_importance()

    def on_read_failed(self, event: ReadFailed) -> None:
        event.stop()
        self.console.tell_error(event.error)

    def _count_diffs(self) -> None:
        first, *others = (run.provenance.git_commit for run in self._compared.runs)
        commits = [commit for commit in others if commit]
        if first and commits:
            self.read("diff", lambda workspace: reading.count_diffs(workspace, first, commits))

    # Drawing

    def on_detail_pane_shown(self, event: DetailPane.Shown) -> None:
        event.stop()
        self._detail.focus_inside()
        keys = [commands.BY_ID[id] for id in _KEYS[event.pane]]
        keymap = self.console.keymap
        shown = [(commands.shown_keys(keymap.of(c)).split(" ")[0], c.title.lower()) for c in keys]
        if isinstance(self.screen, CompareDialog):
            self.screen.show_keys([*shown, ("esc", "leave")])
        self._show()

    def _show_title(self) -> None:
        count, given = len(self._compared.runs), len(self._run_ids)
        note = f" (the newest of {given:,})" if given > reading.MOST else ""
        if isinstance(self.screen, CompareDialog):
            self.screen.show_title(f"Compare {count:,} runs{note}")

    def _show(self) -> None:
        """The tab that is looked at."""
        if not self._compared.runs:
            return
        match self._detail.widget:
            case TablePane() as pane:
                pane.show(self._compared, self._stats)
            case ChartPane() as pane:
                pane.show(self._compared, self._metric)
            case ParallelPane() as pane:
                pane.show(self._compared, self._metric)
            case ImportancePane():
                self._show_importance()
                self._look_for_job()

    # The chart

    def on_chart_pane_wished(self, event: ChartPane.Wished) -> None:
        event.stop()
        pane = self._detail.pane("chart")
        if not isinstance(pane, ChartPane) or not pane.metric:
            return
        self._metric = pane.metric
        ids, metric, buckets = [run.id for run in pane.chosen], pane.metric, pane.buckets
        self.read("curves", lambda workspace: reading.read_curves(workspace, ids, metric, buckets))

    # Importance

    @property
    def _field(self) -> str:
        """The metric's figure in the filter language."""
        line = self._compared.comparison.metric(self._metric)
        figure = line.figure if line is not None and line.figure != "last" else ""
        return field_text(Field("metrics", self._metric, figure))

    @property
    def _chosen(self) -> tuple[str, ...]:
        """The runs that importance is reckoned from, sorted; () stands for all, where too few are compared."""
        ids = tuple(sorted(run.id for run in self._compared.runs))
        return ids if len(ids) >= LEAST else ()

    def _look_for_job(self) -> None:
        if self._detail.active == "importance" and self._metric:
            field, chosen = self._field, self._chosen
            self.read("importance", lambda workspace: reading.find_importance(workspace, field, chosen))

    def _follow_job(self) -> None:
        if self._job is not None and not self._job.state.is_final:
            self._look_for_job()

    def _show_importance(self) -> None:
        pane = self._detail.widget
        if isinstance(pane, ImportancePane):
            pane.show(self._field if self._metric else "", len(self._compared.runs), bool(self._chosen), self._job)

    # Commands

    async def action_next_tab(self) -> None:
        await self._detail.turn(1)

    async def action_previous_tab(self) -> None:
        await self._detail.turn(-1)

    def action_compare_all(self) -> None:
        if isinstance(pane := self._detail.widget, TablePane):
            pane.toggle_all()

    def action_next_metric(self, by: int = 1) -> None:
        names = [line.name for line in self._compared.comparison.metrics]
        if names:
            self._metric = names[(names.index(self._metric) + by) % len(names)]
            self._job = None
            self._show()

    def action_previous_metric(self) -> None:
        self.action_next_metric(-1)

    def action_importance(self) -> None:
        """From any tab: a job for the metric that is looked at; its tab tells of it."""
        if self._metric:
            request = {"metric": self._field, "runs": list(self._chosen)}
            self.console.act("Which params count", "importance", request, self._look_for_job)

    def on_table_pane_diff_wished(self, event: TablePane.DiffWished) -> None:
        event.stop()
        if self._stats is not None:
            self.app.push_screen(DiffDialog(self._compared.runs, self._stats))

    def action_compare_copy(self) -> None:
        if self._compared.runs:
            table = self._detail.pane("table")
            everything = isinstance(table, TablePane) and table.everything
            self.app.copy_to_clipboard(comparison.to_markdown(self._compared.comparison, everything))
            self.console.tell("Copied the table as Markdown.")

    def action_compare_write(self) -> None:
        if self._compared.runs:
            told = "The ending decides: .csv, .json or .md. Without a folder it goes to the workspace."
            self.app.push_screen(Prompt("Write the comparison", told, "compare.csv"), self._write)

    def _write(self, name: str | None) -> None:
        if not name or not name.strip():
            return
        path = writing.place_of(self.console.workspace, name)
        form = _FORMATS.get(path.suffix.lower())
        if form is None:
            self.console.tell_error(
                UsageError(f"{safe_line(name, 100)} is no format.", "Let the name end in .csv, .json or .md.")
            )
            return
        text = form(self._compared.comparison)
        self.read("write", lambda _: writing.write(path, text))

    def on_taken(self, event: writing.Taken) -> None:
        def replace() -> None:
            self.read("write", lambda _: writing.write(event.path, event.text, replace=True))

        writing.ask_to_replace(self.app, event, replace)

    def on_written(self, event: writing.Written) -> None:
        self.console.tell(f"The comparison is in {event.path}.")
