"""Let no deployment change an environment, until it is unfrozen. A rollback stays possible."""

import shlex
from typing import Any

from pydantic import Field

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.deployments import Environment
from mlops_console.core.errors import NotFoundError
from mlops_console.core.plans import Change, Plan
from mlops_console.delivery import intervene
from mlops_console.delivery.settings import settle
from mlops_console.delivery.situation import frozen_by, settings_of
from mlops_console.store import deployments
from mlops_console.store.database import Connection
from mlops_console.store.identity import actor
from mlops_console.store.workspace import Workspace


class Freeze(Request):
    environment: str
    reason: str = Field(min_length=1)


def _plan(workspace: Workspace, request: Freeze) -> Plan:
    with workspace.store.read() as db:
        known = deployments.environment(db, request.environment)
    if known is None:
        settings_of(workspace.config(), request.environment)
    busy = known.candidate if known else None
    note = f"Revision {busy.revision} ({busy.model_ref}) is on its way already and goes on." if busy else ""
    return Plan(
        "freeze",
        request.environment,
        f"Freeze {request.environment}",
        shlex.join(["mlops-console", "freeze", request.environment, "--reason", request.reason]),
        changes=(Change("frozen", known.freeze.reason if known and known.freeze else "", request.reason),),
        notes=tuple(text for text in (note, "A rollback stays possible.") if text),
        refused=frozen_by(request.environment, known.freeze if known else None),
        hint=f"'mlops-console unfreeze {request.environment}' first.",
    )


def _perform(workspace: Workspace, request: Freeze, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        ensure_known(tx, workspace, request.environment)
        intervene.freeze(tx, request.environment, job.actor, request.reason)
        told = {"environment": request.environment, "reason": request.reason}
        job.record(tx, told)
    return told


def ensure_known(tx: Connection, workspace: Workspace, environment: str) -> Environment:
    """An environment that mlops.toml has, but where nothing was ever deployed, is made known.

    Raises:
        NotFoundError: there is no such environment.
    """
    if deployments.environment(tx, environment) is None:
        settle(tx, environment, settings_of(workspace.config(), environment), None, actor())
    found = deployments.environment(tx, environment)
    if found is None:
        raise NotFoundError(f"There is no environment {environment!r}.", "'mlops-console status' shows those that are.")
    return found


ACTION = Action("freeze", Freeze, "caller", _plan, _perform)
