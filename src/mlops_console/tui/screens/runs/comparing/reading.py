"""What the comparison reads, in threads, and the messages that bring it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.comparison import Comparison, Goal, compare
from mlops_console.core.errors import ConfigError
from mlops_console.core.jobs import Job
from mlops_console.core.runs import Curve, Run
from mlops_console.tracking.diff_stat import DiffStat, between

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

MOST = 200  # runs that are compared
_JOBS = 500  # newest jobs among which a table of importance is looked for


@dataclass(frozen=True, slots=True)
class Compared:
    """The runs that are compared, and what they have in common and not."""

    runs: tuple[Run, ...] = ()
    comparison: Comparison = field(default_factory=lambda: Comparison(()))


@dataclass
class RunsCompared(Message, bubble=False):
    compared: Compared


@dataclass
class DiffsCounted(Message, bubble=False):
    """By commit, what it has changed against the first run's."""

    stats: Mapping[str, DiffStat]


@dataclass
class CurvesLoaded(Message, bubble=False):
    """The curves of one metric, by run."""

    metric: str
    curves: Mapping[str, Curve]


@dataclass
class ImportanceFound(Message, bubble=False):
    """The newest job that has reckoned, or is reckoning, just this; None if there is none."""

    metric: str
    job: Job | None


def read_comparison(workspace: "Workspace", run_ids: tuple[str, ...]) -> RunsCompared:
    """Of more than `MOST` runs the newest."""
    from mlops_console.store import datasets, runs

    with workspace.store.read() as db:
        found = runs.of_ids(db, run_ids)
        if len(found) > MOST:
            by_age = sorted(found, key=lambda run: run.started_at or run.created_at)
            newest = {run.id for run in by_age[-MOST:]}
            found = [run for run in found if run.id in newest]
        inputs = {
            run.id: [f"{i.role}: {i.version.dataset}:{i.version.version}" for i in datasets.run_inputs(db, run.id)]
            for run in found
        }
    return RunsCompared(Compared(tuple(found), compare(found, _goals(workspace), inputs)))


def _goals(workspace: "Workspace") -> Mapping[str, Goal]:
    try:
        return workspace.config().metric_goals
    except ConfigError:  # told of elsewhere
        return {}


def count_diffs(workspace: "Workspace", first: str, others: Sequence[str]) -> DiffsCounted:
    return DiffsCounted({commit: between(workspace.root, first, commit) for commit in dict.fromkeys(others)})


def read_curves(workspace: "Workspace", run_ids: Sequence[str], metric: str, buckets: int) -> CurvesLoaded:
    from mlops_console.store import series

    with workspace.store.read() as db:
        found = {run_id: series.curve(db, run_id, metric, buckets=buckets) for run_id in run_ids}
    return CurvesLoaded(metric, {run_id: curve for run_id, curve in found.items() if curve is not None})


def find_importance(workspace: "Workspace", metric: str, run_ids: Sequence[str]) -> ImportanceFound:
    from mlops_console.store import jobs

    asked = {"metric": metric, "filter": "", "runs": list(run_ids)}
    with workspace.store.read() as db:
        for job in jobs.listing(db, _JOBS):
            if job.action == "importance" and job.request == asked:
                return ImportanceFound(metric, job)
    return ImportanceFound(metric, None)
