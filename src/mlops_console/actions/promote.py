"""Give a canary its next share of the traffic now, without waiting for the end of its step."""

import shlex
from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.errors import UsageError
from mlops_console.core.plans import Change, Plan
from mlops_console.delivery import canary, intervene
from mlops_console.store.workspace import Workspace


class Promote(Request):
    """`full`: all the traffic at once; `revision` and `step`: only if it is this one, at this step of its rollout."""

    environment: str
    full: bool = False
    revision: int | None = None
    step: int | None = None
    reason: str = ""


def _plan(workspace: Workspace, request: Promote) -> Plan:
    with workspace.store.read() as db:
        revision = intervene.in_canary(db, request.environment)
    command = ["mlops-console", "promote", request.environment, *(["--full"] if request.full else [])]
    before, after = canary.shares(revision, request.full)
    return Plan(
        "promote",
        request.environment,
        f"Promote {revision.model_ref} in {request.environment}",
        shlex.join(command + (["--reason", request.reason] if request.reason else [])),
        changes=(Change("traffic", before, after),),
        settles={"revision": revision.revision, "step": revision.step},
    )


def _perform(workspace: Workspace, request: Promote, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        revision = intervene.in_canary(tx, request.environment)
        if request.revision not in (None, revision.revision):
            raise UsageError(f"Revision {request.revision} of {request.environment} is no canary any more.")
        now, after = canary.shares(revision, request.full)
        if request.step not in (None, revision.step):
            raise UsageError(
                f"Revision {revision.revision} of {request.environment} is at another step by now: it gets {now}.",
                "Promote it again if that is still wanted.",
            )
        intervene.promote(tx, revision, job.actor, request.reason, request.full)
        told = {"revision": revision.revision, "model": revision.model, "version": revision.version, "traffic": after}
        job.record(tx, {**told, "reason": request.reason})
    return told


ACTION = Action("promote", Promote, "caller", _plan, _perform)
