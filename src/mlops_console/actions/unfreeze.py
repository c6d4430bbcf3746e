"""Let deployments change an environment again."""

import shlex
from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.deployments import Freeze
from mlops_console.core.errors import UsageError
from mlops_console.core.plans import Change, Plan
from mlops_console.store import deploying, deployments
from mlops_console.store.database import Connection
from mlops_console.store.workspace import Workspace


class Unfreeze(Request):
    environment: str
    reason: str = ""


def _plan(workspace: Workspace, request: Unfreeze) -> Plan:
    with workspace.store.read() as db:
        found = _frozen(db, request.environment)
    command = ["mlops-console", "unfreeze", request.environment]
    return Plan(
        "unfreeze",
        request.environment,
        f"Unfreeze {request.environment}",
        shlex.join(command + (["--reason", request.reason] if request.reason else [])),
        changes=(Change("frozen", f"{found.reason} ({found.actor})", "no"),),
    )


def _perform(workspace: Workspace, request: Unfreeze, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        before = _frozen(tx, request.environment)
        deploying.set_freeze(tx, request.environment, None)
        told = {"environment": request.environment, "reason": request.reason}
        job.record(tx, {**told, "was": before.reason, "frozen_by": before.actor, "frozen_at": before.at})
    return told


def _frozen(db: Connection, name: str) -> Freeze:
    environment = deployments.environment(db, name)
    if environment is None or environment.freeze is None:
        raise UsageError(f"{name} is not frozen.", f"'mlops-console freeze {name} --reason TEXT' freezes it.")
    return environment.freeze


ACTION = Action("unfreeze", Unfreeze, "caller", _plan, _perform)
