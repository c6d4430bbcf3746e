"""The triggers: what fires them, whether they are on, and what has come of it."""

import time
from collections.abc import Sequence
from typing import ClassVar

from mlops_console.core.errors import ConfigError
from mlops_console.tui.screens.list_view import ListView
from mlops_console.tui.screens.triggers import rows as tell
from mlops_console.tui.screens.triggers.reading import TriggerRead, TriggersLoaded, read_triggers
from mlops_console.tui.selection import NOTHING, Selection
from mlops_console.tui.widgets.detail import DetailPane, Pane
from mlops_console.tui.widgets.facts import Facts
from mlops_console.tui.widgets.rows import Column, Row


class TriggersView(ListView):
    NAME = "triggers"
    TITLE = "Triggers"
    THING = "trigger"
    TOPICS = frozenset({"triggers", "jobs", "workers", "environments", "config"})
    EMPTY = (
        "No trigger yet",
        "A trigger starts a pipeline by itself. In mlops.toml:",
        "[[triggers]]",
        'name = "nightly"',
        'on = "schedule"',
        'cron = "0 3 * * *"',
        'do = "train"',
        "Save it and it appears here. It may also be on change, after or drift.",
    )
    COLUMNS: ClassVar[Sequence[Column]] = tell.COLUMNS

    def __init__(self) -> None:
        super().__init__()
        self._loaded = TriggersLoaded(())
        self._problem: ConfigError | None = None

    def make_detail(self) -> DetailPane:
        return DetailPane(Pane("trigger", "Trigger", Facts))

    def reload(self, topics: frozenset[str]) -> None:
        self.read("triggers", read_triggers)

    def on_triggers_loaded(self, event: TriggersLoaded) -> None:
        mended = (event.problem is None) != (self._problem is None)
        self._loaded, self._problem = event, event.problem
        self.tick()
        if mended:
            self.grid.refresh()  # an empty list says something else now

    def tick(self) -> None:
        now = time.time()
        self.show_rows([tell.trigger_row(found, now) for found in self._loaded.triggers])
        self._show_detail()

    def show_source_title(self, count: int | None, text: str | None = None) -> None:
        super().show_source_title(count, text)
        if self._problem is not None:
            self.grid.empty = ("mlops.toml can't be used", self._problem.message, self._problem.hint)

    def row_selected(self, row: Row | None) -> None:
        self._show_detail()

    def pane_shown(self, pane: str) -> None:
        self._show_detail()

    def _show_detail(self) -> None:
        found, detail = self._selected, self.detail
        if detail is None or not isinstance(facts := detail.widget, Facts):
            return
        detail.show_title(f"trigger {found.trigger.name}" if found else "")
        facts.show(tell.trigger_facts(found, time.time(), worker=self._loaded.worker) if found else ())

    @property
    def selection(self) -> Selection:
        found = self._selected
        if found is None:
            return NOTHING
        running = next((job.id for job in found.jobs if not job.state.is_final), None)
        return Selection(
            reference=found.trigger.name,
            command=f"mlops-console trigger fire {found.trigger.name}",
            pipeline=found.trigger.do,
            job_id=running,
        )

    @property
    def crumb(self) -> str:
        return self._selected.trigger.name if self._selected and self.split.opened else ""

    @property
    def _selected(self) -> TriggerRead | None:
        row = self.grid.row
        return next((found for found in self._loaded.triggers if row and found.trigger.name == row.key), None)

    # Commands

    def action_switch(self) -> None:
        """Off, if it is on; else on."""
        found = self._chosen()
        if found is not None:
            name, on = found.trigger.name, not found.state.is_on(found.trigger)
            doing = f"Switch trigger {name} {'on' if on else 'off'}"
            self.console.act(doing, "set_trigger", {"trigger": name, "on": on})

    def action_fire(self) -> None:
        found = self._chosen()
        if found is not None:
            name = found.trigger.name
            self.console.act(f"Fire trigger {name}", "fire_trigger", {"trigger": name})

    def _chosen(self) -> TriggerRead | None:
        """What is selected; where nothing is, that is told."""
        if self._selected is None:
            self.console.tell("No trigger is selected.", "warning")
        return self._selected
