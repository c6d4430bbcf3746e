"""Make a model version serve in an environment."""

from typing import Any, Literal

from pydantic import Field

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.plans import Plan
from mlops_console.delivery import plans, rollout
from mlops_console.store.workspace import Workspace


class Deploy(Request):
    """`model_ref` is `fraud:7` or `fraud@champion`; `break_glass` is why it may pass by gates, approvals and a freeze;
    `if_busy` what becomes of it where another deployment is under way there."""

    model_ref: str
    environment: str
    reason: str = ""
    break_glass: str | None = Field(default=None, min_length=1)
    if_busy: Literal["wait", "refuse"] = "wait"


def _plan(workspace: Workspace, request: Deploy) -> Plan:
    return plans.plan_deploy(
        workspace, request.model_ref, request.environment, request.reason, request.break_glass, request.if_busy
    )


def _perform(workspace: Workspace, request: Deploy, job: JobContext) -> dict[str, Any]:
    return rollout.deploy(
        workspace,
        request.model_ref,
        request.environment,
        request.reason,
        job,
        break_glass=request.break_glass,
        when_busy=request.if_busy,
    )


ACTION = Action("deploy", Deploy, "worker", _plan, _perform)
