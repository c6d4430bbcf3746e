"""Make an environment serve what an earlier revision served."""

from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.plans import Plan
from mlops_console.delivery import plans, rollout
from mlops_console.store.workspace import Workspace


class Rollback(Request):
    """`to` is the revision to go back to; by default the one that was live before and served another version."""

    environment: str
    to: int | None = None
    reason: str = ""


def _plan(workspace: Workspace, request: Rollback) -> Plan:
    return plans.plan_rollback(workspace, request.environment, request.to, request.reason)


def _perform(workspace: Workspace, request: Rollback, job: JobContext) -> dict[str, Any]:
    return rollout.rollback(workspace, request.environment, request.to, request.reason, job)


ACTION = Action("rollback", Rollback, "worker", _plan, _perform)
