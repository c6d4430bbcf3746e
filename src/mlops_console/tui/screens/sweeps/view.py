"""The sweeps: how far they are, what the trials came to, and what is done with the best one."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mlops_console.core.runs import RunStatus
from mlops_console.tui.screens.list_view import ListView
from mlops_console.tui.screens.sweeps import rows as tell
from mlops_console.tui.screens.sweeps.history import HistoryPane
from mlops_console.tui.screens.sweeps.reading import (
    MOST_TRIALS,
    Details,
    DetailsRead,
    Sweep,
    SweepsRead,
    read_details,
    read_sweeps,
)
from mlops_console.tui.selection import NOTHING, Selection
from mlops_console.tui.widgets.detail import DetailPane, Pane
from mlops_console.tui.widgets.facts import Facts
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.rows import Column, ListSource, Row

_COMPARED = 8  # the best trials that `c` compares


class SweepsView(ListView):
    NAME = "sweeps"
    TITLE = "Sweeps"
    THING = "sweep"
    TOPICS = frozenset({"runs", "series", "jobs", "models"})
    DETAIL_BELOW = True
    EMPTY = (
        "No sweep yet",
        "A sweep runs a pipeline many times with other params, and finds the best:",
        "mlops-console sweep train --param fit.lr=log:1e-4..1e-1 --trials 50",
        "Each trial is a run; they are judged by the metric of a model of mlops.toml, or by --metric.",
    )
    NOT_INSTALLED = ("It needs Optuna, which is not installed here:", "pip install 'mlops-console[sweep]'")

    def __init__(self) -> None:
        super().__init__()
        self._loaded = SweepsRead()
        self._details: Details | None = None
        self._told: Sequence[Row] | None = None
        self._went_to = ""

    def make_detail(self) -> DetailPane:
        return DetailPane(
            Pane("history", "History", HistoryPane),
            Pane("trials", "Trials", lambda: Grid(empty=("No trial yet", "Each appears here as it begins."))),
            Pane("space", "Space", Facts),
        )

    def reload(self, topics: frozenset[str]) -> None:
        self.read("sweeps", partial(read_sweeps, known=self._loaded.sweeps))
        self._read_details()

    def tick(self) -> None:
        if self._told is not None:
            self._tell(force=False)
            if self._selected is not None and not self._selected.run.status.is_final:
                self.show_detail()

    def on_sweeps_read(self, event: SweepsRead) -> None:
        event.stop()
        taught = event.installed != self._loaded.installed
        self._loaded = event
        self._tell(force=True)
        if taught:
            self.grid.refresh()  # an empty list says something else now
        if self._went_to:
            self._select(self._went_to)
        self._read_details()

    def on_details_read(self, event: DetailsRead) -> None:
        event.stop()
        if self._selected is not None and event.details.sweep_id == self._selected.run.id:
            self._details = event.details
            self.show_detail()
            self.place_changed()

    def _tell(self, force: bool) -> None:
        rows = tell.sweep_rows(self._loaded.sweeps, time.time())
        if force or rows != self._told:
            self._told = rows
            self.show_rows(rows)

    def columns(self) -> Sequence[Column]:
        return tell.columns(self._loaded.sweeps)

    @property
    def list_title(self) -> str:
        """A list that is not whole says so."""
        return f"{self.TITLE}, the newest {len(self._loaded.sweeps):,}" if self._loaded.more else self.TITLE

    @property
    def nothing_here(self) -> Sequence[str]:
        return self.EMPTY if self._loaded.installed else (*self.EMPTY, *self.NOT_INSTALLED)

    # What is selected

    @property
    def _selected(self) -> Sweep | None:
        row = self.grid.row
        return next((sweep for sweep in self._loaded.sweeps if row and sweep.run.id == row.key), None)

    @property
    def _known(self) -> Details | None:
        """The details of the selected sweep, once they have been read."""
        sweep, details = self._selected, self._details
        return details if sweep and details and details.sweep_id == sweep.run.id else None

    def row_selected(self, row: Row | None) -> None:
        self._read_details()

    def pane_shown(self, pane: str) -> None:
        self.show_detail()

    def _read_details(self) -> None:
        sweep = self._selected
        if sweep is None:
            self._details = None
            self.show_detail()
        else:
            self.read("details", partial(read_details, sweep=sweep))

    def show_detail(self) -> None:
        """Give the tab that is looked at what it shows. What is shown stays until the next sweep is read."""
        detail, details = self.detail, self._details
        if detail is None:
            return
        sweep = next((one for one in self._loaded.sweeps if details and one.run.id == details.sweep_id), None)
        if details is not None:
            detail.show_title(_title(sweep, details))
        match detail.widget:
            case HistoryPane() as pane:
                pane.show(sweep, details)
            case Grid() as grid if sweep is not None and details is not None:
                found = tell.trial_columns(sweep.metric, details.keys)
                grid.update(ListSource(found, tell.trial_rows(details, time.time())))
            case Grid() as grid:
                grid.update(ListSource(()))
            case Facts() as facts:
                facts.show(tell.space_facts(sweep, details) if sweep else ())

    async def on_grid_opened(self, event: Grid.Opened) -> None:
        """A trial of the details is shown among all trials of its sweep."""
        if event.grid is self.grid:
            await super().on_grid_opened(event)
            return
        event.stop()
        if self._details is not None:
            where = {"filter": _trials_of(self._details.sweep_id), "run": event.row.key}
            await self.console.action_show_view("runs", where)

    async def go_to(self, where: Mapping[str, Any]) -> None:
        self._went_to = str(where.get("sweep") or "")
        self._select(self._went_to)

    def _select(self, sweep_id: str) -> None:
        if self.grid.select(sweep_id):
            self._went_to = ""

    # For the commands of the console

    @property
    def selection(self) -> Selection:
        sweep, details = self._selected, self._known
        if sweep is None:
            return NOTHING
        run = sweep.run
        best = tell.best_params(details) if details else {}
        goes_on = run.status.is_final and run.status is not RunStatus.SUCCEEDED
        return Selection(
            reference=run.id,
            command=f"mlops-console {'sweep --resume' if goes_on else 'run show'} {run.id}",
            run_id=run.id,
            pipeline=sweep.pipeline or None,
            model_ref=details.model_ref if details else None,
            job_id=run.job_id if not run.status.is_final else None,
            params={**sweep.fixed, **best} if best else {},
            no_model=_no_model(sweep, details),
        )

    @property
    def crumb(self) -> str:
        return self._selected.run.name if self._selected and self.split.opened else ""

    # Commands

    async def action_all_trials(self) -> None:
        sweep = self._chosen()
        if sweep is not None:
            await self.console.action_show_view("runs", {"filter": _trials_of(sweep.run.id)})

    def action_compare(self) -> None:
        from mlops_console.tui.screens.runs.compare import CompareDialog

        if self._chosen() is None:
            return
        details = self._known
        best = [trial.run.id for trial in details.trials if trial.counts][:_COMPARED] if details else []
        if len(best) < 2:
            self.console.tell("Two trials of this sweep must have a value before there is anything to compare.")
        else:
            self.app.push_screen(CompareDialog(tuple(best)))

    def action_resume(self) -> None:
        """Go on with one that did not end."""
        sweep = self._chosen()
        if sweep is None:
            return
        if not sweep.run.status.is_final:
            self.console.tell("This sweep has not ended: x stops it.")
        elif sweep.run.status is RunStatus.SUCCEEDED:
            self.console.tell("This sweep has all its trials; a new one may try more.")
        elif not sweep.request:
            self.console.tell("The job of this sweep is gone, and with it what was to be tried.", "warning")
        else:
            self.console.act(f"Resume sweep {sweep.run.name}", "sweep", {**sweep.request, "sweep": sweep.run.id})

    def _chosen(self) -> Sweep | None:
        """What is selected; where nothing is, that is told."""
        if self._selected is None:
            self.console.tell("No sweep is selected.", "warning")
        return self._selected


def _trials_of(sweep_id: str) -> str:
    return f'tags.sweep_of = "{sweep_id}"'


def _title(sweep: Sweep | None, details: Details) -> str:
    if sweep is None:
        return ""
    return (
        f"{sweep.run.name}, the newest {MOST_TRIALS:,} trials" if len(details.trials) >= MOST_TRIALS else sweep.run.name
    )


def _no_model(sweep: Sweep, details: Details | None) -> str:
    """Why there is nothing to deploy, and what to do; "" where there is."""
    if details is None:
        return "The trials of this sweep are still being read."
    winner = details.winner
    if details.model_ref is not None:
        return ""
    if winner is None:
        return "No trial of this sweep has a value yet."
    return (
        f"Trial {winner.number:,}, the best, has stored no model version: "
        f"t trains {sweep.pipeline} with its params, which stores one if a stage does."
    )
