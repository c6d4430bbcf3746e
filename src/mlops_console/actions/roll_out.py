"""Go on with a deployment that has its approvals."""

from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.plans import Plan
from mlops_console.delivery import rollout
from mlops_console.store import deployments
from mlops_console.store.workspace import Workspace


class RollOut(Request):
    """The last approval asks for it."""

    environment: str
    revision: int


def _plan(workspace: Workspace, request: RollOut) -> Plan:
    with workspace.store.read() as db:
        revision = deployments.revision(db, request.environment, request.revision)
    title = f"Roll out revision {request.revision} of {request.environment}: {revision.model_ref}"
    return Plan(
        "roll_out", request.environment, title, f"mlops-console approve {request.environment} {request.revision}"
    )


def _perform(workspace: Workspace, request: RollOut, job: JobContext) -> dict[str, Any]:
    return rollout.go_on(workspace, request.environment, request.revision, job)


ACTION = Action("roll_out", RollOut, "worker", _plan, _perform)
