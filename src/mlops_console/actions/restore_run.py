"""Take a run out of the trash."""

from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.plans import Change, Plan
from mlops_console.store import runs
from mlops_console.store.workspace import Workspace


class RestoreRun(Request):
    run: str


def _plan(workspace: Workspace, request: RestoreRun) -> Plan:
    with workspace.store.read() as db:
        run = runs.get(db, request.run)
    return Plan(
        action="restore_run",
        subject=run.id,
        title=f"Take run {run.name} out of the trash",
        command=f"mlops-console run restore {run.id}",
        changes=(Change(f"run {run.name}", "in the trash", run.status),),
    )


def _perform(workspace: Workspace, request: RestoreRun, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        run = runs.get(tx, request.run)
        runs.restore(tx, run.id)
        job.record(tx, {"run": run.id, "name": run.name})
    return {"run": run.id}


ACTION = Action("restore_run", RestoreRun, "caller", _plan, _perform)
