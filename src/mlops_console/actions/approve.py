"""Approve a deployment that waits for it. With the last approval that it needs it is rolled out."""

import shlex
from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.plans import Change, Plan
from mlops_console.delivery import intervene
from mlops_console.store import deploying, deployments, jobs
from mlops_console.store.identity import actor
from mlops_console.store.workspace import Workspace


class Approve(Request):
    """`revision`: by default the newest that waits."""

    environment: str
    revision: int | None = None
    reason: str = ""


def _plan(workspace: Workspace, request: Approve) -> Plan:
    with workspace.store.read() as db:
        revision = intervene.waiting(db, request.environment, request.revision)
        people = {given.actor for given in deployments.approvals(db, request.environment, revision.revision)}
        gates = deployments.gate_results(db, request.environment, revision.revision)
        environment = deployments.environment(db, request.environment)
    command = ["mlops-console", "approve", request.environment, str(revision.revision)]
    live = environment.live.model_ref if environment and environment.live else ""
    given, then = len(people), len(people | {actor()})  # who approves again is no second person
    left = revision.approvals - then
    freeze = environment.freeze if environment else None
    note = "It is rolled out at once." if left <= 0 else f"It needs {left} more then."
    if then == given:
        note = f"{actor()} has approved it already, which counts once: it needs {left} more."
    return Plan(
        "approve",
        request.environment,
        f"Approve revision {revision.revision} of {request.environment}: {revision.model_ref}",
        shlex.join(command + (["--reason", request.reason] if request.reason else [])),
        changes=(
            Change("model", live, revision.model_ref),
            Change("approvals", f"{given} of {revision.approvals}", f"{then} of {revision.approvals}"),
        ),
        gates=tuple(gates),
        notes=(f"Asked for by {revision.actor}" + (f": {revision.reason}" if revision.reason else "."), note),
        refused=intervene.why_not_approve(revision, actor(), freeze),
        hint=f"'mlops-console {'history' if freeze is None else 'unfreeze'} {request.environment}' "
        + ("shows it." if freeze is None else "ends it; the revision waits on."),
        settles={"revision": revision.revision},
    )


def _perform(workspace: Workspace, request: Approve, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        revision = intervene.waiting(tx, request.environment, request.revision)
        is_last = intervene.approve(tx, revision, job.actor, request.reason)
        queued = None
        if is_last:
            what = {"environment": request.environment, "revision": revision.revision}
            queued = jobs.enqueue(tx, "roll_out", request.environment, what, revision.actor)
            deploying.give_to_job(tx, request.environment, revision.revision, queued)
        told = {"revision": revision.revision, "model": revision.model, "version": revision.version}
        job.record(tx, {**told, "reason": request.reason, "is_last": is_last})
    return {**told, "job": queued}


ACTION = Action("approve", Approve, "caller", _plan, _perform, queues=True)
