"""View 2: every run. Only a window of them is in memory; the details follow the cursor."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_console.core.errors import MlopsError, UsageError
from mlops_console.core.filters import Field, FilterError, field_text, parse_field, typed_filter
from mlops_console.core.runs import RunRow
from mlops_console.core.text import safe_line
from mlops_console.core.views import RunView, ViewColumn
from mlops_console.tui.screens.dialogs.picker import Picker
from mlops_console.tui.screens.dialogs.prompt import Prompt
from mlops_console.tui.screens.list_view import ListView
from mlops_console.tui.screens.runs import facts, groups, reading
from mlops_console.tui.screens.runs.columns import ColumnsDialog
from mlops_console.tui.screens.runs.completing import CompletionLoaded, read_completion
from mlops_console.tui.screens.runs.groups import GroupsLoaded
from mlops_console.tui.screens.runs.metrics import MetricsPane
from mlops_console.tui.screens.runs.plot_reading import PlotsLoaded, read_plots
from mlops_console.tui.screens.runs.plots import PlotsPane
from mlops_console.tui.screens.runs.source import RunSource, Shown, Window, columns, window_at
from mlops_console.tui.screens.runs.views import (
    ViewsChanged,
    ViewsDialog,
    ViewsLoaded,
    Wished,
    delete_view,
    keep_view,
    read_views,
)
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

    EMPTY_TRASH = (
        "The trash is empty",
        "D moves the marked runs here; u brings them back, P deletes them for ever.",
        "Z or esc goes back to the runs.",
    )

    def __init__(self) -> None:
        super().__init__()
        self.order, self.descending = "started", True
        self._window = Window()
        self._offset = 0  # of the window that is wanted
        self._chosen: tuple[Shown, ...] = ()  # columns; none: those that the newest runs suggest
        self._trash = False
        self._group: Field | None = None  # by what the runs are grouped
        self._groups: GroupsLoaded | None = None
        self._group_order, self._group_descending = "", False
        # Filter and groups from which somebody has gone into one, and the filter there.
        self._left: tuple[str, Field, str] | None = None
        self._total: int | None = None  # None while it is being counted
        self._count_is_stale = False
        self._count_due = 0.0  # not before this moment it is counted again
        self._loaded: reading.RunLoaded | None = None
        self._shown = reading.Asked()  # of the window: what is being typed may be no filter yet
        self._sent_to = ""  # a run that another view wants to be seen, once the query is as it wants it
        self._wanted = ""  # the same, from then on until it is found
        self._left_behind: RunRow | None = None  # the run under the cursor when its window was left

    def make_detail(self) -> DetailPane:
        return DetailPane(
            Pane("metrics", "Metrics", MetricsPane),
            Pane("plots", "Plots", PlotsPane),
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
        has_chart = self._metrics is not None and self._metrics.has_focus_within
        return "chart" if has_chart else super().footer

    def leave(self) -> bool:
        if self._metrics is not None and self._metrics.leave():
            return True
        left = self._left
        if left is not None and left[2] == self.filter_bar.text and not self.split.opened:
            self._left = None
            self.filter_bar.set_text(left[0])
            self._group_by(left[1])
            return True
        if super().leave():
            return True
        if self._trash:
            self.action_trash()
            return True
        return False

    # Reading

    def reload(self, topics: frozenset[str]) -> None:
        if self._group is not None:
            if "runs" in topics:
                self._read_groups()
            return
        if topics & {"runs", "series"}:
            self._read_window()
        if "runs" in topics or ("series" in topics and self.filter_bar.text):
            self._read_count()
        self._read_detail()

    def query_changed(self) -> None:
        if self._group is not None:
            self._read_groups()
            return
        self._offset, self._total, self._count_due = 0, None, 0.0
        self._wanted, self._sent_to = self._sent_to or self._wanted, ""
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
        if self._group is not None:
            return
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
        if event.asked != self._asked or self._group is not None:
            return
        self.filter_bar.show_problem("")
        self._left_behind = self._selected
        self._window, self._shown, self._offset = event.window, event.asked, event.window.offset
        self._show_window()
        if not event.window.runs:
            self._show_none()
        if self._wanted:
            self._go_to_wanted()
        self._read_detail()

    def on_count_loaded(self, event: reading.CountLoaded) -> None:
        if (event.text, event.deleted) == (self.filter_bar.text, self._trash):
            if self._window.offset and event.total != self._total:
                self._read_window()  # it may have been read from the end, by the count of before
            self._total = event.total
            self._count_due = time.monotonic() + 10 * event.cost
            if self._group is None:
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

    def on_plots_loaded(self, event: PlotsLoaded) -> None:
        pane, run = self.detail.widget if self.detail else None, self._selected
        if isinstance(pane, PlotsPane) and run is not None and run.id == event.run_id:
            pane.show(event.plots)

    def on_metrics_pane_wished(self, event: MetricsPane.Wished) -> None:
        event.stop()
        self._read_curve()

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
    def _selected(self) -> RunRow | None:
        """The run under the cursor, also where somebody has scrolled away from it."""
        if self._group is not None:
            return None
        at = self.grid.cursor - self._window.offset
        if 0 <= at < len(self._window.runs):
            return self._window.runs[at]
        return self._left_behind if self._left_behind and self._left_behind.id == self.grid.key else None

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
        self._left, self._trash = None, False
        self._set_group(None)
        self._sent_to = str(where.get("run", ""))
        if "filter" in where:
            self.filter_bar.set_text(str(where["filter"]))  # which changes the query, a moment later
        else:
            self.query_changed()

    def _go_to_wanted(self) -> None:
        """Where it is not among the first runs it is looked for by its id."""
        wanted, self._wanted = self._wanted, ""
        by_id = f"id = {wanted}"
        if not self.grid.select(wanted) and self.filter_bar.text != by_id:
            self._wanted = wanted
            self.filter_bar.set_text(by_id)

    # Columns, views, groups, trash

    def action_columns(self) -> None:
        self.read("names", lambda workspace: reading.read_names(workspace, "columns"))

    def action_group(self, field: str = "") -> None:
        if field:
            self._group_chosen(field)
        else:
            self.read("names", lambda workspace: reading.read_names(workspace, "groups"))

    def on_names_loaded(self, event: reading.NamesLoaded) -> None:
        if not self._is_looked_at:
            return
        if event.wanted_for == "columns":
            self.app.push_screen(ColumnsDialog(self._window.shown, event.names, self._choose_columns))
        else:
            self.app.push_screen(Picker("Group by", groups.choices(event.names)), self._group_chosen)

    def _choose_columns(self, shown: tuple[Shown, ...]) -> None:
        self._chosen = shown
        if self._group is None:
            self._read_window()
        else:
            self._read_groups()

    def _group_chosen(self, field: str | None) -> None:
        if field == groups.NO_GROUPS:
            self._group_by(None)
        elif field:
            try:
                self._group_by(parse_field(field))
            except FilterError as error:
                self.console.tell_error(error)

    def _group_by(self, field: Field | None) -> None:
        self._set_group(field)
        self._group_order, self._group_descending = "", False
        self.grid.unmark_all()
        self.grid.reset()
        self._show_none()
        self.query_changed()

    def _set_group(self, field: Field | None) -> None:
        self._group, self._groups = field, None
        self.grid.markable = field is None

    def _read_groups(self) -> None:
        asked, by = self._asked, self._group
        shown = self._chosen or self._window.shown
        if by is not None:
            if self._groups is None:
                self.frame.show_title(self.list_title, None, f"grouping by {field_text(by)} …")
            self.read("runs", lambda workspace: groups.read_groups(workspace, asked, by, shown))

    def on_groups_loaded(self, event: GroupsLoaded) -> None:
        if event.by == self._group and event.asked == self._asked:
            self.filter_bar.show_problem("")
            self._groups = event
            self._show_groups()

    def _show_groups(self) -> None:
        if self._groups is not None:
            source = groups.source(self._groups, self._group_order, self._group_descending)
            note = f"{self._groups.asked.text} by {field_text(self._groups.by)}".strip()
            self.frame.show_title(f"{self.list_title} in groups", source.count, note)
            self.grid.update(source, order=self._group_order, descending=self._group_descending)

    def sort_by(self, column: str) -> None:
        if self._group is None:
            super().sort_by(column)
            return
        again = column == self._group_order
        self._group_descending = not self._group_descending if again else column != "group"
        self._group_order = column
        self._show_groups()

    async def row_opened(self, row: Row) -> None:
        """A group opens into its runs; `esc` comes back."""
        if self._groups is None or self._group is None:
            await super().row_opened(row)
            return
        found = next((group for group in self._groups.groups if groups.key_of(group) == row.key), None)
        if found is not None:
            text = self.filter_bar.text.strip()
            wanted = groups.condition(self._group, found.value)
            inside = f"({typed_filter(text)}) and {wanted}" if text else wanted
            self._left = (text, self._group, inside)
            self._set_group(None)
            self.filter_bar.set_text(inside)

    def action_views(self) -> None:
        self.read("views", read_views)

    @property
    def _is_looked_at(self) -> bool:
        """Whether a dialogue that somebody has wished for may still open."""
        return self.display and self.app.screen is self.screen

    def on_views_loaded(self, event: ViewsLoaded) -> None:
        if not self._is_looked_at:
            return
        found = {view.name: view for view in event.views}

        def wished(wish: Wished | None) -> None:
            if wish is None:
                return
            if wish.what == "show":
                self._show_view(found[wish.name])
            elif wish.what == "delete":
                self.read("view", lambda workspace: delete_view(workspace, wish.name))
            else:
                self.app.push_screen(Prompt("Keep this view as", "A name; one that is taken is replaced."), self._keep)

        self.app.push_screen(ViewsDialog(event.views), wished)

    def on_views_changed(self, event: ViewsChanged) -> None:
        self.app.notify(safe_line(event.told, 200), markup=False)

    def _keep(self, name: str | None) -> None:
        if not name or not name.strip():
            return
        chosen = tuple(ViewColumn(field_text(column.field), column.width) for column in self._chosen)
        group = field_text(self._group) if self._group else ""
        view = RunView(name.strip(), self.filter_bar.text, self._asked.order, chosen, group)
        self.read("view", lambda workspace: keep_view(workspace, view))

    def _show_view(self, view: RunView) -> None:
        self._left, self._trash = None, False
        self.grid.unmark_all()
        self._chosen = tuple(Shown(parse_field(column.field), column.width) for column in view.columns)
        self.order, self.descending = view.order_by.removeprefix("-"), view.order_by.startswith("-")
        self._set_group(parse_field(view.group_by) if view.group_by else None)
        self.filter_bar.set_text(view.filter)

    @property
    def list_title(self) -> str:
        return "Trash" if self._trash else self.TITLE

    @property
    def nothing_here(self) -> Sequence[str]:
        return self.EMPTY_TRASH if self._trash else self.EMPTY

    def action_trash(self) -> None:
        self._trash = not self._trash
        self.grid.unmark_all()
        self.grid.empty = tuple(self.nothing_here)
        self.query_changed()

    def action_delete(self) -> None:
        self._act_on_marked("Delete", "delete_runs", in_trash=False)

    def action_restore(self) -> None:
        self._act_on_marked("Restore", "restore_runs", in_trash=True)

    def action_purge(self) -> None:
        self.console.act("Purge the trash", "purge_runs", {})

    def _act_on_marked(self, doing: str, action: str, *, in_trash: bool) -> None:
        if self._trash != in_trash:
            self.app.notify("Z shows the trash, and leaves it.", markup=False)
            return
        runs = list(self.grid.marks) or ([self._selected.id] if self._selected else [])
        if runs:
            title = f"{doing} {len(runs):,} runs" if len(runs) > 1 else f"{doing} a run"
            self.console.act(title, action, {"runs": runs}, self.grid.unmark_all)
        elif self._group is not None:
            self.app.notify("A group is no run: enter shows its runs.", markup=False)

    def action_compare(self) -> None:
        from mlops_console.tui.screens.runs.compare import CompareDialog

        marked = dict(self.grid.marks)
        if len(marked) == 1 and self._selected is not None:
            marked[self._selected.id] = None
        if self._group is not None:
            self.app.notify("A group is no run: enter shows its runs.", markup=False)
        elif len(marked) < 2:
            self.app.notify("Mark two or more runs with space, then compare.", markup=False)
        else:
            self.app.push_screen(CompareDialog(tuple(marked)))


def _no_log(loaded: reading.RunLoaded, path: Path | None) -> str:
    if not loaded.stages and loaded.run.job_id is None:
        return "This run has no log: one that is started by hand keeps it with start_run(capture_output=True)."
    return f"{path} is not there." if path is not None else "No stage has been started yet."
