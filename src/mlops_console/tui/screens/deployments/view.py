"""View 5: a card per environment, and the revisions of the selected one."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.tui.screens.deployments import rows as tell
from mlops_console.tui.screens.deployments.canary_facts import canary_facts
from mlops_console.tui.screens.deployments.cards import Cards
from mlops_console.tui.screens.deployments.reading import (
    Deployments,
    DeploymentsRead,
    Life,
    LifeRead,
    Standing,
    StandingRead,
    read_deployments,
    read_life,
    read_standing,
)
from mlops_console.tui.screens.deployments.timeline import TimelinePane
from mlops_console.tui.screens.list_view import ListView
from mlops_console.tui.screens.overview.reading import Card
from mlops_console.tui.selection import NOTHING, Selection
from mlops_console.tui.widgets.detail import DetailPane, Pane
from mlops_console.tui.widgets.facts import Fact, Facts
from mlops_console.tui.widgets.rows import Column, Row

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
        self._deployments = Deployments((), {}, False, {})
        self._told: Sequence[Row] | None = None
        self._life: tuple[Revision, Life] | None = None
        self._standing: tuple[Revision, Standing] | None = None
        self._ticks = 0

    def compose(self) -> ComposeResult:
        yield self.cards
        yield from super().compose()

    def make_detail(self) -> DetailPane:
        return DetailPane(
            Pane("revision", "Revision", Facts),
            Pane("timeline", "Timeline", TimelinePane),
            Pane("canary", "Rollout", Facts),
            Pane("server", "Server", Facts),
        )

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

    @property
    def _history(self) -> tuple[Revision, ...]:
        return self._deployments.history.get(self.cards.selected, ())

    def _tell(self) -> None:
        rows = tell.revision_rows(self._history, self._deployments.given, time.time())
        if rows != self._told:
            self._told = rows
            self.show_rows(rows)

    def columns(self) -> Sequence[Column]:
        return tell.columns(self._history)

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
        return next((revision for revision in self._history if row and str(revision.revision) == row.key), None)

    # Details

    def row_selected(self, row: Row | None) -> None:
        self.show_detail()

    def pane_shown(self, pane: str) -> None:
        self.show_detail()

    def show_detail(self) -> None:
        """Read what the tab that is looked at needs, and draw what is known of it."""
        revision, detail = self.selected, self.detail
        if detail is not None and self.split.detail_visible and revision is not None:
            if detail.active in ("revision", "canary"):
                self.read("life", lambda workspace: read_life(workspace, revision))
            if detail.active == "canary" and revision.state is RevisionState.CANARY:
                self.read("standing", lambda workspace: read_standing(workspace, revision))
        self._draw_detail()

    def _draw_detail(self) -> None:
        revision, card, detail = self.selected, self.card, self.detail
        if detail is None or detail.widget is None:
            return
        about_revision = detail.active in ("revision", "canary") and revision is not None
        name = f"{revision.environment} r{revision.revision}" if revision and about_revision else self.cards.selected
        detail.show_title(name)
        widget, now = detail.widget, time.time()
        if isinstance(widget, TimelinePane):
            widget.show(self._history, revision.revision if revision else None)
        elif isinstance(widget, Facts):
            if detail.active == "server":
                widget.show(tell.server_facts(card, now) if card else ())
            elif revision is None:
                widget.show(())
            else:
                life = self._life[1] if self._life and _same(self._life[0], revision) else None
                widget.show(self._facts(revision, life, now))

    def _facts(self, revision: Revision, life: Life | None, now: float) -> Sequence[Fact]:
        if self.detail is None or self.detail.active == "revision":
            return tell.revision_facts(revision, life, now)
        standing = self._standing[1] if self._standing and _same(self._standing[0], revision) else None
        return canary_facts(revision, life.changes if life else (), standing, now)

    def on_life_read(self, event: LifeRead) -> None:
        event.stop()
        self._life = event.revision, event.life
        self._draw_detail()

    def on_standing_read(self, event: StandingRead) -> None:
        event.stop()
        self._standing = (event.revision, event.standing) if event.standing else None
        self._draw_detail()

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
            chosen=revision,
        )

    @property
    def crumb(self) -> str:
        revision = self.selected
        inside = f" ▸ r{revision.revision}" if revision and self.split.opened else ""
        return f"{self.cards.selected}{inside}"


def _same(one: Revision, other: Revision) -> bool:
    return (one.environment, one.revision) == (other.environment, other.revision)
