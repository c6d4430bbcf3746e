"""View 1: one board that answers in one look."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message

from mlops_console.core.alerts import Alert
from mlops_console.core.errors import MlopsError
from mlops_console.core.text import safe_line
from mlops_console.tui import commands
from mlops_console.tui.screens.overview.painting import needs, overview_rows
from mlops_console.tui.screens.overview.reading import Card, DoraRead, Overview, OverviewRead, read_dora, read_overview
from mlops_console.tui.screens.view import View
from mlops_console.tui.selection import NOTHING, Selection, of_alert
from mlops_console.tui.widgets.chart_paint import Ink, Painted, Row, message_rows, told_rows

if TYPE_CHECKING:
    from mlops_console.core.dora import Dora
    from mlops_console.tui.app import ConsoleApp

_TRAFFIC_EVERY = 5  # seconds; served requests are no change of the store, so nothing announces them
_DORA_EVERY = 600  # seconds; the period that it is of goes on


class Board(Painted, can_focus=True):
    """The drawn overview with its selected environment."""

    BINDINGS: ClassVar[list[BindingType]] = [*commands.bindings("grid")]
    DEFAULT_CSS = "Board { height: 1fr; width: 1fr; }"

    class Moved(Message):
        """Another environment is selected."""

    class Opened(Message):
        """Somebody wants to go into the selected environment or alert."""

    def __init__(self) -> None:
        super().__init__()
        self.overview: Overview | None = None
        self._trouble = ""  # why it could not be read yet
        self.dora: dict[str, Dora] = {}
        self.selected = ""
        self._alert = 0  # the selected alert, where the cursor is on one

    def show(self, overview: Overview) -> None:
        self.overview = overview
        names = self.names
        if self.selected not in names:
            self.selected = "production" if "production" in names else names[0] if names else ""
            self.post_message(self.Moved())
        if self._alert and self.alert is None:
            self._alert = 0
            self.post_message(self.Moved())
        self.repaint()

    def show_trouble(self, trouble: str) -> None:
        """Until there is something else to show."""
        self._trouble = trouble
        self.repaint()

    @property
    def console(self) -> "ConsoleApp":
        return cast("ConsoleApp", self.app)

    @property
    def names(self) -> list[str]:
        return [card.environment.name for card in self.overview.cards] if self.overview else []

    @property
    def alert(self) -> Alert | None:
        """The alert that the cursor is on."""
        alerts = self.overview.alerts if self.overview else ()
        return next((alert for alert in alerts if self._alert and alert.id == self._alert), None)

    def rows(self, width: int, height: int) -> tuple[Row, ...]:
        if self.overview is None and self._trouble:
            return told_rows(self._trouble, width, height)
        if self.overview is None:
            return message_rows("Reading…", width, height)
        dora = self.dora.get(self.selected)
        overview = replace(self.overview, read_only=self.console.read_only, dora=dora, alert=self._alert)
        inner = overview_rows(overview, self.selected, time.time(), max(width - 2, 0), height)
        return tuple(_padded(row) for row in inner) if inner else message_rows("", width, height)

    def move(self, by: int) -> None:
        """Select the environment `by` further on; after the last one comes the first."""
        names = self.names
        if names:
            at = names.index(self.selected) if self.selected in names else 0
            self.move_to((at + by) % len(names))

    def move_to(self, index: int) -> None:
        if names := self.names:
            self.selected, self._alert = names[index], 0
            self.post_message(self.Moved())
            self.repaint()

    def _step(self, by: int) -> None:
        """Up or down through the environments and then the alerts."""
        alerts = [alert.id for alert in needs(self.overview) if alert.id] if self.overview else []
        names = self.names
        count = len(names) + len(alerts)
        if not count:
            return
        at = names.index(self.selected) if self.selected in names else 0
        if self._alert in alerts:
            at = len(names) + alerts.index(self._alert)
        at = (at + by) % count
        if at < len(names):
            self.move_to(at)
        else:
            self._alert = alerts[at - len(names)]
            self.post_message(self.Moved())
            self.repaint()

    def action_cursor_down(self) -> None:
        self._step(1)

    def action_cursor_up(self) -> None:
        self._step(-1)

    def action_columns_right(self) -> None:
        self.move(1)

    def action_columns_left(self) -> None:
        self.move(-1)

    def action_top(self) -> None:
        self.move_to(0)

    def action_bottom(self) -> None:
        self.move_to(len(self.names) - 1)

    action_page_up, action_page_down = action_top, action_bottom

    def action_open(self) -> None:
        self.post_message(self.Opened())

    def on_click(self, event: events.Click) -> None:
        self.focus()


def _padded(row: Row) -> Row:
    return (Ink(" "), *row, Ink(" "))


class OverviewView(View):
    NAME = "overview"
    TOPICS = frozenset({"runs", "series", "jobs", "workers", "models", "environments", "drift", "alerts"})

    def __init__(self) -> None:
        super().__init__()
        self.board = Board()
        self._ticks = 0
        self._reckoned: object = None  # what the last reckoning of how well is delivered was of

    def compose(self) -> ComposeResult:
        yield self.board

    def reload(self, topics: frozenset[str]) -> None:
        self.read("overview", read_overview)

    def tick(self) -> None:
        self._ticks += 1
        if self._ticks % _DORA_EVERY == 0:
            self._reckoned = None
        overview = self.board.overview
        if overview and self._ticks % _TRAFFIC_EVERY == 0 and any(card.live for card in overview.cards):
            self.read("overview", read_overview)
        self.board.repaint()

    def focus_first(self) -> None:
        self.board.focus()

    def read_failed(self, what: str, error: MlopsError) -> None:
        super().read_failed(what, error)
        self.board.show_trouble(safe_line(error, 600))

    def on_overview_read(self, event: OverviewRead) -> None:
        event.stop()
        self.board.show(event.overview)
        self._reckon()

    def on_dora_read(self, event: DoraRead) -> None:
        event.stop()
        self.board.dora[event.dora.environment] = event.dora
        self.board.repaint()

    def on_board_moved(self, event: Board.Moved) -> None:
        event.stop()
        self.place_changed()
        self._reckon()

    def _reckon(self) -> None:
        """Read how well the selected environment is delivered to, if that can be different by now."""
        card = self._card
        if card is None or card.newest is None:
            return
        name, newest = card.environment.name, card.newest
        reckoned = (name, newest.revision, newest.state, card.live and card.live.revision)
        if reckoned != self._reckoned:
            self._reckoned = reckoned
            self.read("dora", lambda workspace: read_dora(workspace, name))

    @property
    def _card(self) -> Card | None:
        cards = self.board.overview.cards if self.board.overview else ()
        return next((card for card in cards if card.environment.name == self.board.selected), None)

    async def on_board_opened(self, event: Board.Opened) -> None:
        event.stop()
        if self.board.alert is not None:
            await self.console.action_show_view("alerts", {"alert": self.board.alert.id})
        else:
            await self.console.action_show_view("deployments", {"environment": self.board.selected})

    def action_next_environment(self) -> None:
        self.board.move(1)

    async def go_to(self, where: Mapping[str, Any]) -> None:
        name = str(where.get("environment", ""))
        if name in self.board.names:
            self.board.selected = name
            self.board.repaint()

    @property
    def selection(self) -> Selection:
        overview = self.board.overview
        if overview is None:
            return NOTHING
        if self.board.alert is not None:
            return of_alert(self.board.alert)
        card = self._card
        job = overview.jobs[0].id if len(overview.jobs) == 1 else None
        if card is None:
            return Selection(command="mlops-console status", job_id=job)
        ref = card.live.model_ref if card.live else ""
        return Selection(
            reference=ref,
            command="mlops-console status",
            model=card.environment.model,
            environment=card.environment.name,
            job_id=job,
        )
