"""Fires the triggers of mlops.toml: looks which of them have something to answer to, and queues what they do."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from mlops_console.actions.base import ensure_writable
from mlops_console.actions.fire_trigger import fire
from mlops_console.core.alerts import Severity
from mlops_console.core.config import Config
from mlops_console.core.errors import ConfigError, NotFoundError, RefusedError, StoreError, UsageError
from mlops_console.core.jobs import JobState
from mlops_console.core.text import clock
from mlops_console.core.triggers import Trigger, TriggerState, basis, missed, next_firing
from mlops_console.drift.retraining import goes_on, propose
from mlops_console.pipelines.matrix import expanded
from mlops_console.store import alerts, jobs, ledger, triggers
from mlops_console.store.database import Connection
from mlops_console.store.triggers import Event
from mlops_console.store.workspace import Workspace
from mlops_console.worker.watch import Watch

_LATE = 60.0  # seconds after which a firing was missed also where a worker was there: the machine slept
_LABELS = 10.0  # seconds between two looks whether the labels have come that a retraining needs
_ACTION = "fire_trigger"  # what the ledger calls it

Move = Callable[[Connection], None]


class Triggers:
    """What a worker knows of them. The store is read only when there is news in it."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._began = time.time()
        self._config: Config | None = None
        self._outs: tuple[str, ...] = ()
        self._version = -1
        self._on: list[tuple[Trigger, TriggerState]] = []
        self._watched: tuple[Trigger, ...] = ()
        self._watch: Watch | None = None
        self._labels_at: dict[str, float] = {}  # by trigger, on the monotonic clock
        self._again_at = math.inf  # when to look for labels again: they are no news of the store

    @property
    def need_worker(self) -> bool:
        """Whether one is on that nothing but a worker can see to."""
        return any(trigger.on in ("schedule", "change") for trigger, _ in self._on)

    def look(self, config: Config | None) -> None:
        """Fire what is due. Each trigger answers to one thing at a look; the next look comes soon."""
        if config is not self._config:
            self._take(config)
        if config is None or not (config.triggers or self._on):
            return
        news = self._workspace.store.data_version()
        if news != self._version or time.monotonic() >= self._again_at:
            self._version, self._again_at = news, math.inf
            self._read(config)
            for trigger, state in self._on:
                if trigger.on == "after":
                    self._follow(trigger, state)
                elif trigger.on == "drift":
                    self._watch_drift(trigger, state)
        for trigger, state in self._on:
            if trigger.on == "schedule":
                self._keep_time(trigger, state)
            elif trigger.on == "change":
                self._watch_files(trigger, state)

    def stop(self) -> None:
        """Watch no more files."""
        if self._watch is not None:
            self._watch.stop()
        self._watch, self._watched = None, ()

    def _take(self, config: Config | None) -> None:
        """mlops.toml is another. What a trigger that is gone had told is settled, and what happens without it counts
        for nothing, should it come back.
        """
        self._config, self._version = config, -1
        self._outs = _outs(config) if config else ()
        names = {trigger.name for trigger in config.triggers} if config else set()
        with self._workspace.store.read() as db:
            gone = [state for state in triggers.states(db).values() if state.name not in names]
        if any(state.stopped or state.basis is not None for state in gone):
            with self._workspace.store.write() as tx:
                for state in gone:
                    triggers.rest(tx, state.name)
                    alerts.resolve(tx, "trigger", state.name)
        if not names:
            self._on = []
            self.stop()

    def _read(self, config: Config) -> None:
        with self._workspace.store.read() as db:
            states = triggers.states(db)
            self._on = []
            changed: list[Trigger] = []
            for trigger in config.triggers:
                state = states.get(trigger.name, TriggerState(trigger.name))
                if state.basis != (basis(trigger, self._outs) if state.is_on(trigger) else None):
                    changed.append(trigger)
                elif state.is_on(trigger):
                    self._on.append((trigger, state))
        if changed:
            self._begin(changed)
        on = tuple(trigger for trigger, _ in self._on if trigger.on == "change")
        if on != self._watched or (on and (self._watch is None or self._watch.is_dead)):
            self.stop()
            self._watched = on
            if on:
                known = frozenset(trigger.name for trigger, state in self._on if state.seen is not None)
                self._watch = Watch(self._workspace.root, on, self._outs, known)
                self._watch.start()

    def _begin(self, changed: list[Trigger]) -> None:
        """Those that are new, changed or were switched: what was before counts no more."""
        with self._workspace.store.write() as tx:
            for trigger in changed:
                if triggers.state(tx, trigger.name).is_on(trigger):
                    triggers.begin(tx, trigger, time.time(), self._outs)
                    self._on.append((trigger, triggers.state(tx, trigger.name)))
                else:
                    triggers.rest(tx, trigger.name)

    # By kind

    def _keep_time(self, trigger: Trigger, state: TriggerState) -> None:
        now, due = time.time(), state.next_at
        if due is None or due > now:
            return
        late = due < self._began or now - due > _LATE
        count, last = missed(trigger, due, now) if late else (1, due)
        following = next_firing(trigger, max(last, now))

        def move(tx: Connection) -> None:
            triggers.move(tx, trigger.name, None, following)

        if not late:
            self._fire(trigger, state, f"{due:.0f}", move)
            return
        told = f"{count} firing{'s' * (count > 1)} {'were' if count > 1 else 'was'} missed, since {clock(due)}"
        detail = {"missed": count, "first": due, "last": last}
        if trigger.missed == "run":
            self._fire(trigger, state, f"{last:.0f}", move, f"{told}: it was fired once for all.", detail)
        else:
            self._skip(trigger, state, move, f"{told}: skipped.", detail)

    def _watch_files(self, trigger: Trigger, state: TriggerState) -> None:
        found = self._watch.at_rest(trigger.name) if self._watch else None
        if found is None or found == state.seen:
            return

        def move(tx: Connection) -> None:
            triggers.move(tx, trigger.name, found, None)

        if state.seen is None:
            with self._workspace.store.write() as tx:
                if triggers.state(tx, trigger.name) == state:
                    move(tx)
            self._version = -1
        else:
            self._fire(trigger, state, f"change-{state.firings + 1}", move)

    def _follow(self, trigger: Trigger, state: TriggerState) -> None:
        with self._workspace.store.read() as db:
            events = triggers.successes(db, str(trigger.pipeline), int(state.seen or 0))
        if events:
            seen = str(events[0].seq)
            ref = events[0].ref
            self._fire(
                trigger, state, ref, lambda tx: triggers.move(tx, trigger.name, seen, None), f"Run {ref} succeeded."
            )

    def _watch_drift(self, trigger: Trigger, state: TriggerState) -> None:
        with self._workspace.store.read() as db:
            failed = triggers.failures(db, state)
            events, newest = triggers.turns(db, str(trigger.environment), int(state.seen or 0))
            today = triggers.fired_today(db, trigger.name, time.time()) if events else 0
        if len(failed) >= trigger.stop_after:
            self._give_up(trigger, state, failed)
            return
        reads_served = self._reads_served(trigger)
        if reads_served:  # one that waits for labels answers to all turns at once
            events = events[-1:]
        seen = str(events[0].seq if events else newest)

        def move(tx: Connection) -> None:
            triggers.move(tx, trigger.name, seen, None)

        if events and today >= trigger.most_per_day:
            told = f"Drift report {events[0].ref} fired nothing: it has fired {today} times in 24 hours (most_per_day)."
            self._skip(trigger, state, move, told, {"report": events[0].seq})
        elif events:
            told = f"Drift report {events[0].ref} turned {trigger.environment} to drifted."
            if reads_served:
                self._fire_with_labels(trigger, state, events[0], move, told)
            else:
                self._fire(trigger, state, f"report-{events[0].ref}", move, told)
        elif seen != state.seen:
            with self._workspace.store.write() as tx:
                if triggers.state(tx, trigger.name) == state:
                    move(tx)

    def _reads_served(self, trigger: Trigger) -> bool:
        return self._config is not None and self._config.pipelines[trigger.do].reads_served

    def _fire_with_labels(self, trigger: Trigger, state: TriggerState, event: Event, move: Move, told: str) -> None:
        """Fire once enough of the rows have labels, which are known later than the rows, unless the drift is over."""
        now = time.monotonic()
        last = self._labels_at.get(trigger.name, -math.inf)
        if now - last < _LABELS:
            self._again_at = min(self._again_at, last + _LABELS)
            return
        self._labels_at[trigger.name] = now
        self._again_at = min(self._again_at, now + _LABELS)
        environment = str(trigger.environment)
        is_over, refused = False, None
        try:
            is_over = not goes_on(self._workspace, environment)
            refused = None if is_over else propose(self._workspace, environment, time.time()).refused
        except NotFoundError:  # nothing is live there any more
            is_over = True
        except StoreError as error:  # of the prediction log, which must not keep the worker from all else
            refused = str(error)
        if is_over:
            over = f"Drift report {event.ref} fired nothing: the drift was over before enough of its rows had labels."
            self._skip(trigger, state, move, over, {"report": event.seq})
        elif refused is None:
            self._fire(trigger, state, f"report-{event.ref}", move, told)
        elif state.last_note != (waits := f"{told} It waits for labels."):
            self._tell(trigger, state, lambda tx: None, waits, "waiting", {"report": event.seq, "why": refused})

    # What comes of it

    def _fire(
        self,
        trigger: Trigger,
        state: TriggerState,
        firing: str,
        move: Move,
        note: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Queue what it does and answer to what has happened, in one transaction. What can't be done is told, once."""
        self._version = -1
        try:
            ensure_writable(self._workspace)
            with self._workspace.store.write() as tx:
                if triggers.state(tx, trigger.name) != state:  # somebody was quicker
                    return
                move(tx)
                if self._waits(tx, trigger, state):
                    told = f"Job {state.last_job}, which it has queued, has not begun yet: that one will do."
                    triggers.note(tx, trigger.name, told)
                    return
                job_id = fire(tx, self._workspace, trigger, firing, note)
                if detail is not None:
                    entry = {**detail, "job": job_id}
                    ledger.append(tx, trigger.actor, _ACTION, trigger.name, "succeeded", entry)
        except (UsageError, RefusedError) as error:
            outcome = "refused" if isinstance(error, RefusedError) else "failed"
            told = f"{clock(time.time())}: {error}"
            self._tell(trigger, state, move, told, outcome, {**(detail or {}), "firing": firing, "error": str(error)})

    @staticmethod
    def _waits(tx: Connection, trigger: Trigger, state: TriggerState) -> bool:
        """Whether the job before has not begun: it does all that another one would do."""
        if trigger.on not in ("schedule", "change") or state.last_job is None:
            return False
        return jobs.get(tx, state.last_job).state is JobState.QUEUED

    def _skip(self, trigger: Trigger, state: TriggerState, move: Move, note: str, detail: Mapping[str, Any]) -> None:
        self._tell(trigger, state, move, note, "skipped", detail)

    def _tell(
        self, trigger: Trigger, state: TriggerState, move: Move, note: str, outcome: str, detail: Mapping[str, Any]
    ) -> None:
        """Answer without a job: in the trigger's note and in the ledger."""
        self._version = -1
        with self._workspace.store.write() as tx:
            if triggers.state(tx, trigger.name) != state:
                return
            move(tx)
            triggers.note(tx, trigger.name, note)
            ledger.append(tx, trigger.actor, _ACTION, trigger.name, outcome, detail)

    def _give_up(self, trigger: Trigger, state: TriggerState, failed: list[int]) -> None:
        """Switch it off after too many failures in a row, and say so."""
        note = f"It has switched itself off: its last {len(failed)} jobs failed, the newest was job {failed[0]}."
        hint = f"'mlops-console trigger on {trigger.name}' switches it on again."
        self._version = -1
        with self._workspace.store.write() as tx:
            if triggers.state(tx, trigger.name) != state:
                return
            triggers.stop(tx, trigger.name, note)
            alerts.open_alert(tx, "trigger", trigger.name, Severity.WARNING, f"Trigger {trigger.name}: {note} {hint}")
            ledger.append(tx, trigger.actor, "set_trigger", trigger.name, "stopped", {"on": False, "failed": failed})


def _outs(config: Config) -> tuple[str, ...]:
    """What the pipelines of mlops.toml make: a change of it fires nothing."""
    outs: set[str] = set()
    for name, pipeline in config.pipelines.items():
        try:
            stages = expanded(name, pipeline)
        except ConfigError:  # told where the pipeline is run
            stages = pipeline.stages
        outs |= {out for stage in stages.values() for out in stage.outs}
    return tuple(sorted(outs))
