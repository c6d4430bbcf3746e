"""The table of runs: a window of them is in memory, which follows the grid, and their count comes by itself."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from mlops_console.core.errors import MlopsError, UsageError
from mlops_console.core.filters import FilterError
from mlops_console.core.runs import RunRow
from mlops_console.tui.screens.list_view import ListView
from mlops_console.tui.screens.runs import reading
from mlops_console.tui.screens.runs.completing import CompletionLoaded, read_completion
from mlops_console.tui.screens.runs.source import RunSource, Shown, Window, columns, window_at
from mlops_console.tui.widgets.filter_bar import FilterBar
from mlops_console.tui.widgets.rows import Column


class RunTable(ListView):
    """A base of `RunsView`. What stands in the place of the runs, or beside them, comes with `RunDetails` and
    `GroupedRuns`."""

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
        self._total: int | None = None  # None while it is being counted
        self._count_is_stale = False
        self._count_due = 0.0  # not before this moment it is counted again
        self._shown = reading.Asked()  # of the window: what is being typed may be no filter yet
        self._sent_to = ""  # a run that another view wants to be seen, once the query is as it wants it
        self._wanted = ""  # the same, from then on until it is found
        self._left_behind: RunRow | None = None  # the run under the cursor when its window was left

    def columns(self) -> Sequence[Column]:
        return columns(self._window.shown)

    # For the layers above

    @property
    def _has_runs(self) -> bool:
        """Whether the rows are runs now."""
        return True

    def _read_detail(self) -> None:
        """Another run may be selected, or the same one has changed."""

    def _show_none(self) -> None:
        """There is no run to show the details of."""

    # Reading

    def reload(self, topics: frozenset[str]) -> None:
        if topics & {"runs", "series"}:
            self._read_window()
        if "runs" in topics or ("series" in topics and self.filter_bar.text):
            self._read_count()
        self._read_detail()

    def query_changed(self) -> None:
        self._offset, self._total, self._count_due = 0, None, 0.0
        self._wanted, self._sent_to = self._sent_to or self._wanted, ""
        self.grid.reset()
        self._read_window()
        self._read_count()

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

    # What was read

    def on_window_loaded(self, event: reading.WindowLoaded) -> None:
        if event.asked != self._asked or not self._has_runs:
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
            if self._has_runs:
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

    # Drawing

    def _show_window(self) -> None:
        self.show_source_title(self._total, self._shown.text)
        source = RunSource(self._window, self._total, self._want)
        self.grid.update(source, order=self.order, descending=self.descending)

    @property
    def _selected(self) -> RunRow | None:
        """The run under the cursor, also where somebody has scrolled away from it."""
        if not self._has_runs:
            return None
        at = self.grid.cursor - self._window.offset
        if 0 <= at < len(self._window.runs):
            return self._window.runs[at]
        return self._left_behind if self._left_behind and self._left_behind.id == self.grid.key else None

    @property
    def list_title(self) -> str:
        return "Trash" if self._trash else self.TITLE

    @property
    def nothing_here(self) -> Sequence[str]:
        return self.EMPTY_TRASH if self._trash else self.EMPTY

    # Commands

    async def go_to(self, where: Mapping[str, Any]) -> None:
        self._trash = False
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
