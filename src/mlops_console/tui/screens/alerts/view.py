"""The alerts: what is wrong, since when, who has taken it up, and what to do about it."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mlops_console.core.alerts import Alert, Delivery
from mlops_console.tui.screens.alerts import rows as tell
from mlops_console.tui.screens.alerts.reading import AlertsLoaded, DeliveriesLoaded, read_alerts, read_deliveries
from mlops_console.tui.screens.list_view import ListView
from mlops_console.tui.selection import NOTHING, Selection, of_alert
from mlops_console.tui.widgets.detail import DetailPane, Pane
from mlops_console.tui.widgets.facts import Facts
from mlops_console.tui.widgets.rows import Column, Row


class AlertsView(ListView):
    """`enter` goes to what an alert is about: its details are always in sight."""

    NAME = "alerts"
    TITLE = "Alerts"
    THING = "alert"
    TOPICS = frozenset({"alerts"})
    EMPTY = (
        "No alert, now or before",
        "Drift, worse performance, a failed job and a full disk open one by themselves.",
        "For more, and for who is told outside this console, in mlops.toml:",
        "[alerts]",
        'urls = ["slack://…"]',
        "[[alerts.rules]]",
        'on = "latency"',
        'bound = "250ms"',
    )
    COLUMNS: ClassVar[Sequence[Column]] = tell.COLUMNS
    DETAIL_BELOW = True
    HOLDS = True  # what is taken up goes further down
    DEFAULT_CSS = """
    AlertsView Split.-single > .split--detail { display: block; height: 1fr; }
    AlertsView Split.-single > .split--list { height: 1fr; }
    AlertsView.-empty Split > .split--detail { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._alerts: dict[str, Alert] = {}
        self._deliveries: dict[int, tuple[Delivery, ...]] = {}
        self._wanted = ""  # an alert that another view has sent us to

    def make_detail(self) -> DetailPane:
        return DetailPane(Pane("alert", "Alert", Facts))

    def reload(self, topics: frozenset[str]) -> None:
        self.read("alerts", read_alerts)
        self._read_deliveries()

    def on_alerts_loaded(self, event: AlertsLoaded) -> None:
        self._alerts = {str(alert.id): alert for alert in event.alerts}
        self.set_class(not self._alerts, "-empty")  # what teaches the first step has all the room
        self.tick()
        self._find_wanted()
        self._read_deliveries()

    def on_deliveries_loaded(self, event: DeliveriesLoaded) -> None:
        self._deliveries = {event.alert: event.deliveries}
        self._show_detail()

    def tick(self) -> None:
        now = time.time()
        if any(alert.silenced_until is not None and alert.silenced_until <= now for alert in self._alerts.values()):
            self.reload(self.TOPICS)  # nothing announces that a silence has ended
        self.show_rows([tell.alert_row(alert, now) for alert in self._alerts.values()])
        self._show_detail()

    def show_source_title(self, count: int | None, text: str | None = None) -> None:
        """The count is of what is open."""
        super().show_source_title(count, text)
        if not (self.filter_bar.text if text is None else text):
            still = sum(alert.resolved_at is None for alert in self._alerts.values())
            self.frame.show_title(self.list_title, still)

    def row_selected(self, row: Row | None) -> None:
        self._show_detail()
        self._read_deliveries()

    async def row_opened(self, row: Row) -> None:
        found = self._alerts.get(row.key)
        place = tell.leads_to(found) if found else None
        if place is None:
            self.console.tell("There is no view of what this alert is about: all that is known is said here.")
        else:
            await self.console.action_show_view(*place)

    def pane_shown(self, pane: str) -> None:
        self._show_detail()

    async def go_to(self, where: Mapping[str, Any]) -> None:
        self._wanted = str(where.get("alert", ""))
        self._find_wanted()

    def _find_wanted(self) -> None:
        if self._wanted and self.grid.select(self._wanted):
            self._wanted = ""

    def _read_deliveries(self) -> None:
        if self._selected is not None:
            number = self._selected.id
            self.read("deliveries", lambda workspace: read_deliveries(workspace, number))

    def _show_detail(self) -> None:
        alert, detail = self._selected, self.detail
        if detail is None or not isinstance(facts := detail.widget, Facts):
            return
        detail.show_title(f"alert {alert.id}" if alert else "")
        told = self._deliveries.get(alert.id, ()) if alert else ()
        facts.show(tell.alert_facts(alert, told, time.time()) if alert else ())

    @property
    def _selected(self) -> Alert | None:
        row = self.grid.row
        return self._alerts.get(row.key) if row else None

    @property
    def selection(self) -> Selection:
        return of_alert(self._selected) if self._selected else NOTHING
