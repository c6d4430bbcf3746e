"""View 5: a card per environment, and the revisions of the selected one."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult

from mlops_console.core.deployments import Revision
from mlops_console.core.plans import GateResult
from mlops_console.tui.screens.deployments import rows as tell
from mlops_console.tui.screens.deployments.cards import Cards
from mlops_console.tui.screens.deployments.reading import (
    Deployments,
    DeploymentsRead,
    GatesRead,
    read_deployments,
    read_gates,
)
from mlops_console.tui.screens.list_view import ListView
from mlops_console.tui.screens.overview.reading import Card
from mlops_console.tui.selection import NOTHING, Selection
from mlops_console.tui.widgets.detail import DetailPane, Pane
from mlops_console.tui.widgets.facts import Facts
from mlops_console.tui.widgets.rows import Row

_READ_EVERY = 5  # seconds; served requests are no change of the store, so nothing announces them


class DeploymentsView(ListView):
    NAME = "deployments"
    TITLE = "Revisions"
    TOPICS = frozenset({"environments", "models", "drift"})
    COLUMNS = tell.COLUMNS
    EMPTY = (
        "Nothing was ever deployed here",
        "Press d to deploy a model version, t to train one first.",
        "Every deploy and every rollback becomes a numbered revision in this list.",
    )

    def __init__(self) -> None:
        super().__init__()
        self.cards = Cards()
        self._deployments = Deployments((), {}, False)
        self._told: Sequence[Row] | None = None
        self._gates: dict[tuple[str, int], tuple[GateResult, ...]] = {}
        self._ticks = 0

    def compose(self) -> ComposeResult:
        yield self.cards
        yield from super().compose()

    def make_detail(self) -> DetailPane:
        return DetailPane(Pane("revision", "Revision", Facts), Pane("server", "Server", Facts))

    def reload(self, topics: frozenset[str]) -> None:
        self.read("deployments", read_deployments)

    def tick(self) -> None:
        self._ticks += 1
        if self._ticks % _READ_EVERY == 0 and any(card.live for card in self._deployments.cards):
            self.read("deployments", read_deployments)
        elif self._told is not None:
            self._tell()
            self.cards.repaint()

    def on_deployments_read(self, event: DeploymentsRead) -> None:
        event.stop()
        first = self._told is None
        self._deployments = event.deployments
        self.cards.show(event.deployments.cards, event.deployments.has_models)
        if first:
            self._told = ()
            self.show_rows(())
        self._tell()
        self.show_detail()

    def _tell(self) -> None:
        history = self._deployments.history.get(self.cards.selected, ())
        rows = tell.revision_rows(history, time.time())
        if rows != self._told:
            self._told = rows
            self.show_rows(rows)

    @property
    def list_title(self) -> str:
        return f"Revisions of {self.cards.selected}" if self.cards.selected else self.TITLE

    # The selected environment

    def action_next_environment(self) -> None:
        names = [card.environment.name for card in self._deployments.cards]
        if names:
            at = names.index(self.cards.selected) if self.cards.selected in names else -1
            self._choose(names[(at + 1) % len(names)])

    def _choose(self, environment: str) -> None:
        self.cards.choose(environment)
        self.grid.reset()
        self._told = ()
        self.show_rows(())
        self._tell()
        self.show_detail()
        self.place_changed()

    async def go_to(self, where: Mapping[str, Any]) -> None:
        environment = str(where.get("environment") or "")
        if environment:
            self.cards.wish(environment)
            self._choose(environment)

    @property
    def card(self) -> Card | None:
        return next((card for card in self._deployments.cards if card.environment.name == self.cards.selected), None)

    @property
    def selected(self) -> Revision | None:
        row = self.grid.row
        history = self._deployments.history.get(self.cards.selected, ())
        return next((revision for revision in history if row and str(revision.revision) == row.key), None)

    # Details

    def row_selected(self, row: Row | None) -> None:
        self.show_detail()

    def pane_shown(self, pane: str) -> None:
        self.show_detail()

    def show_detail(self) -> None:
        """Give the tab that is looked at what it shows."""
        revision, card, detail = self.selected, self.card, self.detail
        if detail is None or not isinstance(detail.widget, Facts):
            return
        now = time.time()
        if detail.active == "server":
            detail.show_title(card.environment.name if card else "")
            detail.widget.show(tell.server_facts(card.environment, now) if card else ())
        elif revision is None:
            detail.show_title("")
            detail.widget.show(())
        else:
            key = (revision.environment, revision.revision)
            if key not in self._gates:
                self.read("gates", lambda workspace: read_gates(workspace, *key))
            detail.show_title(f"{revision.environment} r{revision.revision}")
            detail.widget.show(tell.revision_facts(revision, self._gates.get(key), now))

    def on_gates_read(self, event: GatesRead) -> None:
        event.stop()
        self._gates[event.environment, event.revision] = event.gates
        if event.gates:
            self.show_detail()

    # For the commands of the console

    @property
    def selection(self) -> Selection:
        card, revision = self.card, self.selected
        if card is None:
            return NOTHING
        name = card.environment.name
        back = revision.revision if revision and tell.can_return_to(revision) else None
        to = f" --to {back}" if back is not None else ""
        return Selection(
            reference=revision.model_ref if revision else "",
            command=f"mlops-console rollback {name}{to}" if back is not None else f"mlops-console history {name}",
            model=card.environment.model,
            environment=name,
            revision=back,
        )

    @property
    def crumb(self) -> str:
        revision = self.selected
        inside = f" ▸ r{revision.revision}" if revision and self.split.opened else ""
        return f"{self.cards.selected}{inside}"
