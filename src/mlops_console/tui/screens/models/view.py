"""View 4: model versions and their details."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlops_console.tui.screens.list_view import ListView
from mlops_console.tui.screens.models import rows as tell
from mlops_console.tui.screens.models.compare import EMPTY, comparison
from mlops_console.tui.screens.models.reading import Models, ModelsRead, VersionRow, read_models
from mlops_console.tui.selection import NOTHING, Selection
from mlops_console.tui.widgets.detail import DetailPane, Pane
from mlops_console.tui.widgets.facts import Fact, Facts
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.rows import Column, Row

_FACTS: Mapping[str, Callable[[VersionRow], Sequence[Fact]]] = {
    "version": tell.version_facts,
    "metrics": tell.metric_facts,
    "params": tell.param_facts,
    "signature": lambda row: tell.signature_facts(row.version.signature),
}


class ModelsView(ListView):
    NAME = "models"
    TITLE = "Models"
    TOPICS = frozenset({"models", "environments", "runs"})
    EMPTY = (
        "No model version yet",
        'Press t to train: run.log_model(model, "NAME") in the script stores the next version.',
        "Press d here to deploy the one you select.",
    )
    MARKABLE = True

    def __init__(self) -> None:
        super().__init__()
        self._models = Models((), {})
        self._told: Sequence[Row] | None = None
        self._went_to = ""

    def make_detail(self) -> DetailPane:
        return DetailPane(
            Pane("version", "Version", Facts),
            Pane("metrics", "Metrics", Facts),
            Pane("params", "Params", Facts),
            Pane("signature", "Signature", Facts),
            Pane("compare", "Compare", lambda: Grid(empty=EMPTY)),
        )

    def columns(self) -> Sequence[Column]:
        return tell.columns(self._models)

    def reload(self, topics: frozenset[str]) -> None:
        self.read("models", read_models)

    def tick(self) -> None:
        if self._told is not None:
            self._tell(force=False)

    def on_models_read(self, event: ModelsRead) -> None:
        event.stop()
        self._models = event.models
        self._tell(force=True)
        if self._went_to:
            self._select(self._went_to)
        self.show_detail()

    def _tell(self, force: bool) -> None:
        rows = tell.model_rows(self._models, time.time())
        if force or rows != self._told:
            self._told = rows
            self.show_rows(rows)

    @property
    def selected(self) -> VersionRow | None:
        row = self.grid.row
        return self._row(row.key) if row else None

    def _row(self, ref: str) -> VersionRow | None:
        return next((row for row in self._models.rows if row.version.ref == ref), None)

    def row_selected(self, row: Row | None) -> None:
        self.show_detail()

    def pane_shown(self, pane: str) -> None:
        self.show_detail()

    def show_detail(self) -> None:
        """Give the tab that is looked at what it shows."""
        row, detail = self.selected, self.detail
        if detail is None:
            return
        detail.show_title(row.version.ref if row else "")
        if isinstance(detail.widget, Grid):
            goals = {column.metric: column.goal for column in self._models.metrics.values()}
            marked = [found for key in self.grid.marks if (found := self._row(key))]
            detail.widget.update(comparison(marked, goals))
        elif isinstance(detail.widget, Facts):
            detail.widget.show(_FACTS[detail.active](row) if row else ())

    def on_grid_marked(self) -> None:
        self.show_detail()

    async def action_compare(self) -> None:
        await self.open_detail("compare")
        self.show_detail()

    async def go_to(self, where: Mapping[str, Any]) -> None:
        self._went_to = str(where.get("model_ref") or "")
        self._select(self._went_to)

    def _select(self, ref: str) -> None:
        keys = [row.key for row in self.grid.source.rows(0, self.grid.source.count) if row]
        if ref in keys:
            self._went_to = ""
            self.grid.move_to(keys.index(ref))

    @property
    def selection(self) -> Selection:
        row = self.selected
        if row is None:
            return NOTHING
        ref = row.version.ref
        return Selection(
            reference=ref,
            command=f"mlops-console model show {ref}",
            run_id=row.version.run_id,
            model=row.version.model,
            model_ref=ref,
        )

    @property
    def crumb(self) -> str:
        row = self.selected
        return row.version.ref if row and self.split.opened else ""
