"""Put a run in the trash, from where it can be restored."""

from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.plans import Change, Plan
from mlops_console.store import runs
from mlops_console.store.workspace import Workspace


class DeleteRun(Request):
    run: str


def _plan(workspace: Workspace, request: DeleteRun) -> Plan:
    with workspace.store.read() as db:
        run = runs.get(db, request.run)
    return Plan(
        action="delete_run",
        subject=run.id,
        title=f"Move run {run.name} to the trash",
        command=f"mlops-console run delete {run.id}",
        changes=(Change(f"run {run.name}", run.status, "in the trash"),),
        notes=(f"'mlops-console run restore {run.id}' brings it back.",),
        refused=None if run.status.is_final else f"Run {run.name} is {run.status}: stop it first.",
        hint="" if run.status.is_final else f"'mlops-console run stop {run.id}' stops it.",
    )


def _perform(workspace: Workspace, request: DeleteRun, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        run = runs.get(tx, request.run)
        runs.delete(tx, run.id)
        job.record(tx, {"run": run.id, "name": run.name})
    return {"run": run.id}


ACTION = Action("delete_run", DeleteRun, "caller", _plan, _perform)
