"""Make a model version serve in an environment."""

from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.plans import Plan
from mlops_console.delivery import plans, rollout
from mlops_console.store.workspace import Workspace


class Deploy(Request):
    """`model_ref` is `fraud:7` or `fraud@champion`."""

    model_ref: str
    environment: str
    reason: str = ""


def _plan(workspace: Workspace, request: Deploy) -> Plan:
    return plans.plan_deploy(workspace, request.model_ref, request.environment, request.reason)


def _perform(workspace: Workspace, request: Deploy, job: JobContext) -> dict[str, Any]:
    return rollout.deploy(workspace, request.model_ref, request.environment, request.reason, job)


ACTION = Action("deploy", Deploy, "worker", _plan, _perform)
