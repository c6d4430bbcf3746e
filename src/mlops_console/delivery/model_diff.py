"""Two model versions side by side, with what their datasets' profiles and git tell beyond the versions themselves."""

from dataclasses import dataclass

from mlops_console.core.comparison import Goal
from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.errors import ConfigError
from mlops_console.core.model_diff import DataPair, Made, ModelDiff, compare
from mlops_console.core.models import ModelRef
from mlops_console.data.changes import DatasetDiff, compare_versions
from mlops_console.delivery.lineage import uncommitted
from mlops_console.store import datasets, models, runs
from mlops_console.store.database import Connection
from mlops_console.store.workspace import Workspace
from mlops_console.tracking.diff_stat import DiffStat, between


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """`data`: by role, how the dataset versions have changed where they differ and both profiles are known; `stat`:
    what lies between the commits, None where one of them is not known."""

    diff: ModelDiff
    data: dict[str, DatasetDiff]
    stat: DiffStat | None


def compare_models(workspace: Workspace, before: str, after: str) -> ModelComparison:
    """Compare two versions, by number or by alias. Git may take some seconds on a big tree.

    Raises:
        UsageError: one is no reference.
        NotFoundError: there is no such version.
    """
    with workspace.store.read() as db:
        old, new = made(db, before), made(db, after)
    found = compare(old, new, _goals(workspace))
    changes = {pair.role: changed for pair in found.data if (changed := _changed(pair)) is not None}
    commits = [m.run.provenance.git_commit if m.run else None for m in (old, new)]
    stat = between(workspace.root, commits[0], commits[1]) if commits[0] and commits[1] else None
    return ModelComparison(found, changes, stat)


def made(db: Connection, ref: str) -> Made:
    """A version with what its run has recorded. Raises as `compare_models`."""
    version = models.get(db, ModelRef.parse(ref))
    run = runs.get(db, version.run_id) if version.run_id else None
    return Made(version, run, tuple(datasets.run_inputs(db, run.id)) if run else (), uncommitted(db, run))


def _goals(workspace: Workspace) -> dict[str, Goal]:
    """Without a readable mlops.toml the names of the metrics tell what is better."""
    try:
        return workspace.config().metric_goals
    except ConfigError:
        return {}


def _changed(pair: DataPair) -> DatasetDiff | None:
    before, after = pair.before, pair.after
    if before is None or after is None or pair.same or not (_has_profile(before) and _has_profile(after)):
        return None
    return compare_versions(before, after)


def _has_profile(version: DatasetVersion) -> bool:
    return version.schema.keys() <= version.profile.keys()
