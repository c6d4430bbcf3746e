"""Take runs out of the trash."""

from typing import Any

from mlops_console.actions.base import Action, JobContext
from mlops_console.actions.delete_runs import DeleteRuns, changes, named, read, subject_of
from mlops_console.core.plans import Plan
from mlops_console.core.text import safe_line
from mlops_console.store import experiments, runs
from mlops_console.store.workspace import Workspace


class RestoreRuns(DeleteRuns):
    pass


def _plan(workspace: Workspace, request: RestoreRuns) -> Plan:
    with workspace.store.read() as db:
        found = read(db, request.runs)
        taken = experiments.replaced(db, [run.id for run in found])
    return Plan(
        action="restore_runs",
        subject=subject_of(found),
        title=f"Take {named(found)} out of the trash",
        command=f"mlops-console run restore {' '.join(run.id for run in found)}",
        changes=changes(found, "in the trash", None),
        notes=tuple(
            f"There is another experiment {safe_line(name, 100)} by now: the runs become its own." for name in taken
        ),
    )


def _perform(workspace: Workspace, request: RestoreRuns, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        found = read(tx, request.runs)
        for run in found:
            runs.restore(tx, run.id)
            experiments.bring_back(tx, experiments.of_run(tx, run.id))
        experiments.join_living(tx)
        result = {"runs": [run.id for run in found], "names": [run.name for run in found]}
        job.record(tx, result)
    return result


ACTION = Action("restore_runs", RestoreRuns, "caller", _plan, _perform)
