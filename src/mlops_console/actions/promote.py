"""Give a canary its next share of the traffic now, or a shadow all of it, without waiting for the end of its step."""

import shlex
from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.errors import UsageError
from mlops_console.core.plans import Change, Plan
from mlops_console.delivery import canary, intervene
from mlops_console.store import deployments
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
        if request.revision is not None and request.revision != revision.revision:
            seen = deployments.revision(tx, request.environment, request.revision)
            what = "shadow" if seen.rollout.strategy == "shadow" else "canary"
            raise UsageError(f"Revision {seen.revision} of {request.environment} is no {what} any more.")
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
