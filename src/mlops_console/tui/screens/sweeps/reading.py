"""What the sweeps view reads, in a thread."""

import importlib.util
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from textual.message import Message

from mlops_console.core.comparison import Goal
from mlops_console.core.errors import NotFoundError
from mlops_console.core.filters import Field
from mlops_console.core.jobs import Job
from mlops_console.core.runs import Curve, Run, RunRow, RunStatus

if TYPE_CHECKING:
    from mlops_console.store.database import Connection
    from mlops_console.store.workspace import Workspace

MOST = 200  # sweeps that are shown
MOST_TRIALS = 10_000  # of a sweep, the newest
_BUCKETS = 1000
_AFTER = ("running", "queued", "pruned", "stopped", "lost")  # the order of trials without a value of their own


@dataclass(frozen=True, slots=True)
class Counts:
    """How many trials have ended for good, and of these how many without a value."""

    done: int = 0
    failed: int = 0
    pruned: int = 0


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep: its run, and what its job was asked for (nothing, where that is gone)."""

    run: Run
    request: Mapping[str, Any]
    stopping: bool = False
    counts: Counts = field(default_factory=Counts)

    @property
    def pipeline(self) -> str:
        return self.run.tags.get("sweep", "")

    @property
    def goal(self) -> Goal:
        return "minimize" if self.run.tags.get("objective", "").startswith("minimize ") else "maximize"

    @property
    def metric(self) -> str:
        return self.run.tags.get("objective", "").partition(" ")[2]

    @property
    def best(self) -> float | None:
        """The best value so far."""
        summary = self.run.metrics.get(f"trial/{self.metric}")
        if summary is None:
            return None
        return summary.min if self.goal == "minimize" else summary.max

    @property
    def space(self) -> Mapping[str, Any]:
        """What is tried of each param, as it was written."""
        return self.request.get("space") or self.run.params

    @property
    def fixed(self) -> Mapping[str, Any]:
        """The params that are the same in all trials, where they differ from the params file."""
        return self.request.get("params") or {}

    @property
    def wanted(self) -> int | None:
        """How many trials there should be in the end."""
        return self.request.get("trials")


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial: its newest run. `value` is the last one of the metric, `params` those that are tried."""

    number: int
    run: RunRow
    value: float | None
    pruned: bool
    params: tuple[Any, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it has run to its end and has a value, so that it can be the best."""
        return self.run.status is RunStatus.SUCCEEDED and self.value is not None and math.isfinite(self.value)

    @property
    def state(self) -> str:
        """A word of `glyphs`. One that has ended without a value has failed, whatever its run says."""
        if self.pruned:
            return "pruned"
        return "failed" if self.run.status is RunStatus.SUCCEEDED and not self.counts else str(self.run.status)


@dataclass(frozen=True, slots=True)
class Details:
    """A sweep's trials, the best first, and their history.

    Attributes:
        keys: the params that are tried, in the order of `Trial.params`.
        values: of the trials that have run to their end, by their number; of very many the extremes.
        model_ref: what the best trial has made.
    """

    sweep_id: str
    keys: tuple[str, ...]
    trials: tuple[Trial, ...]
    values: Curve | None
    model_ref: str | None

    @property
    def winner(self) -> Trial | None:
        return next((trial for trial in self.trials if trial.counts), None)


@dataclass
class SweepsRead(Message, bubble=False):
    """The newest first; `more` says that there are older ones, `installed` whether there is Optuna."""

    sweeps: tuple[Sweep, ...] = ()
    more: bool = False
    installed: bool = True


@dataclass
class DetailsRead(Message, bubble=False):
    details: Details


def read_sweeps(workspace: "Workspace", known: Sequence[Sweep] = ()) -> SweepsRead:
    """All sweeps. `known`: as they were read before; the trials of those that had ended are not counted again.

    Raises:
        StoreError: the store can't be read.
    """
    from mlops_console.store import runs

    before = {sweep.run.id: sweep for sweep in known}
    with workspace.store.read() as db:
        keys = runs.page_keys(db, runs.RunQuery('tags.sweep > ""', "-started", MOST + 1))
        found = [_sweep(db, run, before.get(run.id)) for run in runs.of_keys(db, keys[:MOST])]
    return SweepsRead(tuple(found), len(keys) > MOST, importlib.util.find_spec("optuna") is not None)


def read_details(workspace: "Workspace", sweep: Sweep) -> DetailsRead:
    """All that the tabs show of a sweep.

    Raises:
        StoreError: it can't be read.
    """
    from mlops_console.store import models, series

    keys = tuple(sweep.space)
    with workspace.store.read() as db:
        trials = ranked(_trials(db, sweep.run.id, sweep.metric, keys), sweep.goal)
        values = series.curve(db, sweep.run.id, f"trial/{sweep.metric}", buckets=_BUCKETS)
        winner = next((trial for trial in trials if trial.counts), None)
        versions = models.of_run(db, winner.run.id) if winner else ()
    return DetailsRead(Details(sweep.run.id, keys, tuple(trials), values, versions[-1].ref if versions else None))


def ranked(trials: Iterable[Trial], goal: Goal) -> list[Trial]:
    """The best first; of those without a value of their own first the ones that may still get one."""
    sign = 1 if goal == "minimize" else -1

    def place(trial: Trial) -> tuple[int, float, int]:
        if trial.counts and trial.value is not None:
            return -1, sign * trial.value, trial.number
        return _AFTER.index(trial.state) if trial.state in _AFTER else len(_AFTER), 0.0, trial.number

    return sorted(trials, key=place)


def _sweep(db: "Connection", run: Run, known: Sweep | None) -> Sweep:
    job = _job(db, run)
    stopping = job is not None and job.stop_requested_at is not None and not job.state.is_final
    sweep = Sweep(run, job.request if job else {}, stopping)
    if known is not None and run.status.is_final and known.run.ended_at == run.ended_at:
        return replace(sweep, counts=known.counts)
    return replace(sweep, counts=_counted(_trials(db, run.id, sweep.metric)))


def _job(db: "Connection", run: Run) -> Job | None:
    from mlops_console.store import jobs

    try:
        job = jobs.get(db, run.job_id) if run.job_id is not None else None
    except NotFoundError:
        return None
    return job if job is not None and job.action == "sweep" else None


def _counted(trials: Sequence[Trial]) -> Counts:
    states = [trial.state for trial in trials]
    failed, pruned = states.count("failed"), states.count("pruned")
    return Counts(states.count("succeeded") + failed + pruned, failed, pruned)


def _trials(db: "Connection", sweep_id: str, metric: str, keys: Sequence[str] = ()) -> list[Trial]:
    """The newest run of each trial."""
    from mlops_console.store import run_table
    from mlops_console.store.runs import RunQuery

    fields = [Field("tags", "trial"), Field("tags", "pruned"), Field("metrics", metric)]
    fields += [Field("params", key) for key in keys]
    found: dict[int, Trial] = {}
    for row in run_table.rows(db, RunQuery(f'tags.sweep_of = "{sweep_id}"', "-started", MOST_TRIALS), fields):
        told, pruned, value, *params = row.values
        number = _number(told)
        if number is not None:
            found.setdefault(number, Trial(number, row, value, pruned == "true", tuple(params)))
    return list(found.values())


def _number(tag: str | None) -> int | None:
    """The number of a trial; None of what is none."""
    return int(tag) if tag is not None and tag.isascii() and tag.isdigit() and len(tag) < 10 else None
