"""End a deployment that is not live yet; what is live goes on."""

import shlex
from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.errors import UsageError
from mlops_console.core.plans import Change, Plan
from mlops_console.delivery import intervene
from mlops_console.delivery.wording import state_word
from mlops_console.store import deployments
from mlops_console.store.workspace import Workspace


class Abort(Request):
    """`revision`: by default the newest that is on its way."""

    environment: str
    revision: int | None = None
    reason: str = ""


def _plan(workspace: Workspace, request: Abort) -> Plan:
    with workspace.store.read() as db:
        revision = intervene.stoppable(db, request.environment, request.revision)
        environment = deployments.environment(db, request.environment)
    command = ["mlops-console", "abort", request.environment, str(revision.revision)]
    live = environment.live if environment else None
    return Plan(
        "abort",
        request.environment,
        f"Abort revision {revision.revision} of {request.environment}: {revision.model_ref}",
        shlex.join(command + (["--reason", request.reason] if request.reason else [])),
        changes=(Change("state", state_word(revision), "aborted"),),
        notes=(f"{live.model_ref} serves on." if live else "Nothing serves there then.",),
        settles={"revision": revision.revision},
    )


def _perform(workspace: Workspace, request: Abort, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        revision = intervene.stoppable(tx, request.environment, request.revision)
        if not intervene.abort(tx, revision, job.actor, request.reason):
            raise UsageError(f"Revision {revision.revision} of {request.environment} is over already.")
        told = {"revision": revision.revision, "model": revision.model, "version": revision.version}
        job.record(tx, {**told, "reason": request.reason})
    return told


ACTION = Action("abort", Abort, "caller", _plan, _perform)
