"""Take runs out of the trash."""

from typing import Any

from mlops_console.actions.base import Action, JobContext
from mlops_console.actions.delete_runs import DeleteRuns, changes, named, read, subject_of
from mlops_console.core.plans import Plan
from mlops_console.store import experiments, runs
from mlops_console.store.workspace import Workspace


class RestoreRuns(DeleteRuns):
    pass


def _plan(workspace: Workspace, request: RestoreRuns) -> Plan:
    with workspace.store.read() as db:
        found = read(db, request.runs)
    return Plan(
        action="restore_runs",
        subject=subject_of(found),
        title=f"Take {named(found)} out of the trash",
        command=f"mlops-console run restore {' '.join(run.id for run in found)}",
        changes=changes(found, "in the trash", None),
    )


def _perform(workspace: Workspace, request: RestoreRuns, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        found = read(tx, request.runs)
        for run in found:
            experiments.bring_back(tx, run.experiment)
            runs.restore(tx, run.id)
        experiments.join_living(tx)
        result = {"runs": [run.id for run in found], "names": [run.name for run in found]}
        job.record(tx, result)
    return result


ACTION = Action("restore_runs", RestoreRuns, "caller", _plan, _perform)
