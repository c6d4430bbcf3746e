"""The datasets view: the versions of all datasets, and their details."""

import shlex
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mlops_console.core.datasets import VersionRow
from mlops_console.tui.screens.datasets import rows as tell
from mlops_console.tui.screens.datasets.reading import (
    Datasets,
    DatasetsRead,
    Details,
    DetailsRead,
    read_datasets,
    read_details,
)
from mlops_console.tui.screens.list_view import ListView
from mlops_console.tui.selection import NOTHING, Selection
from mlops_console.tui.widgets.detail import DetailPane, Pane
from mlops_console.tui.widgets.facts import Fact, Facts
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.rows import ListSource, Row


class DatasetsView(ListView):
    NAME = "datasets"
    TITLE = "Datasets"
    THING = "dataset"
    TOPICS = frozenset({"datasets", "runs"})
    COLUMNS = tell.COLUMNS
    EMPTY = (
        "No dataset yet",
        '1. Name a file in mlops.toml: [datasets.NAME] with path = "data/…csv".',
        "2. 'mlops-console dataset scan NAME' records its first version.",
        "A pipeline that has the file among its deps does so by itself.",
    )

    def __init__(self) -> None:
        super().__init__()
        self._datasets = Datasets()
        self._details: Details | None = None
        self._told: Sequence[Row] | None = None
        self._went_to = ""

    def make_detail(self) -> DetailPane:
        no_run = ("No run has read it", "A run reads a dataset that is a dep of its stages, or that its script logs.")
        return DetailPane(
            Pane("changes", "Changes", Facts),
            Pane("profile", "Profile", lambda: Grid(empty=("No profile",))),
            Pane("runs", "Runs", lambda: Grid(empty=no_run)),
            Pane("expectations", "Expectations", Facts),
        )

    def reload(self, topics: frozenset[str]) -> None:
        if "datasets" in topics:
            self.read("datasets", read_datasets)
        self._read_details()

    def tick(self) -> None:
        if self._told is not None:
            self._tell(force=False)

    def on_datasets_read(self, event: DatasetsRead) -> None:
        event.stop()
        self._datasets = event.datasets
        self._tell(force=True)
        if self._went_to:
            self._select(self._went_to)
        self._read_details()

    def on_details_read(self, event: DetailsRead) -> None:
        event.stop()
        if self.selected is not None and event.details.version.ref == self.selected.ref:
            self._details = event.details
            self.show_detail()

    def _tell(self, force: bool) -> None:
        rows = tell.dataset_rows(self._datasets, time.time())
        if force or rows != self._told:
            self._told = rows
            self.show_rows(rows)

    @property
    def list_title(self) -> str:
        """A list that is not whole says so."""
        return (
            f"{self.TITLE}, the first {len(self._datasets.versions):,} versions" if self._datasets.more else self.TITLE
        )

    # What is selected

    @property
    def selected(self) -> VersionRow | None:
        row = self.grid.row
        return next((found for found in self._datasets.versions if row and found.ref == row.key), None)

    @property
    def _unread(self) -> str:
        """The dataset that is selected and has no version; "" if there is none."""
        row = self.grid.row
        return row.key if row and self.selected is None and row.key in self._datasets.known else ""

    def row_selected(self, row: Row | None) -> None:
        self._read_details()

    def pane_shown(self, pane: str) -> None:
        self.show_detail()

    def _read_details(self) -> None:
        row = self.selected
        if row is None:
            self.show_detail()
        else:
            self.read("details", partial(read_details, dataset=row.dataset, number=row.version))

    def show_detail(self) -> None:
        """Give the tab that is looked at what it shows. What is shown stays until the next version is read."""
        detail, row = self.detail, self.selected
        if detail is None:
            return
        details = self._details if row is not None and self._details is not None else None
        detail.show_title(details.version.ref if details else self._unread)
        widget, now = detail.widget, time.time()
        if isinstance(widget, Facts):
            widget.show(self._facts(detail.active, details))
        elif isinstance(widget, Grid) and detail.active == "profile":
            widget.update(ListSource(tell.PROFILE_COLUMNS, tell.profile_rows(details.version) if details else ()))
        elif isinstance(widget, Grid):
            widget.update(ListSource(tell.RUN_COLUMNS, tell.run_rows(details.runs, now) if details else ()))

    def _facts(self, pane: str, details: Details | None) -> Sequence[Fact]:
        if details is None:
            name = self._unread
            return tell.unread_facts(name, self._datasets.known[name].path) if name else ()
        if pane == "changes":
            return tell.change_facts(details)
        row = next((row for row in self._datasets.versions if row.ref == details.version.ref), None)
        known = self._datasets.known.get(details.version.dataset)
        newest = row is not None and self._datasets.is_newest(row)
        return tell.expectation_facts(details.version, (known.expected if known else ()) if newest else None)

    async def on_grid_opened(self, event: Grid.Opened) -> None:
        """A run of the details is shown among all runs."""
        if event.grid is self.grid:
            await super().on_grid_opened(event)
            return
        event.stop()
        if self.detail is not None and self.detail.active == "runs":
            await self.console.action_show_view("runs", {"run": event.row.key.split(" ")[0]})

    async def go_to(self, where: Mapping[str, Any]) -> None:
        self._went_to = str(where.get("dataset") or "")
        self._select(self._went_to)

    def _select(self, ref: str) -> None:
        if self.grid.select(ref):
            self._went_to = ""

    # For the commands of the console

    @property
    def selection(self) -> Selection:
        ref = self.selected.ref if self.selected else ""
        if ref:
            return Selection(reference=ref, command=f"mlops-console dataset show {shlex.quote(ref)}")
        name = self._unread
        return Selection(reference=name, command=f"mlops-console dataset scan {shlex.quote(name)}") if name else NOTHING

    @property
    def crumb(self) -> str:
        row = self.grid.row
        return row.key if row and self.split.opened else ""
