"""Point an alias of a model at a version, or take the alias away."""

import shlex
from typing import Annotated, Any

from pydantic import AfterValidator

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.errors import NotFoundError
from mlops_console.core.models import NAME, ModelRef, ModelVersion
from mlops_console.core.plans import Change, Plan
from mlops_console.store import models
from mlops_console.store.database import Connection
from mlops_console.store.workspace import Workspace


def _is_alias(alias: str) -> str:
    if not NAME.fullmatch(alias):
        raise ValueError("an alias has letters, digits, '_', '.' and '-', and starts with a letter or digit")
    return alias


class SetAlias(Request):
    """`version` None takes the alias away."""

    model: str
    alias: Annotated[str, AfterValidator(_is_alias)]
    version: int | None = None


def _plan(workspace: Workspace, request: SetAlias) -> Plan:
    with workspace.store.read() as db:
        before = _before(db, request)
        if request.version is not None:
            models.get(db, ModelRef(request.model, request.version))
    subject = f"{request.model}@{request.alias}"
    after = "" if request.version is None else f"{request.model}:{request.version}"
    options = [] if after else ["--remove"]
    ref = after or (before.ref if before else "")
    return Plan(
        action="set_alias",
        subject=subject,
        title=f"Point {subject} at {after}" if after else f"Take {subject} away",
        command=shlex.join(["mlops-console", "model", "alias", ref, request.alias, *options]),
        changes=(Change(subject, before.ref if before else "", after),),
    )


def _before(db: Connection, request: SetAlias) -> ModelVersion | None:
    """The version the alias points at; None for a new alias, which can't be taken away."""
    try:
        return models.get(db, ModelRef(request.model, alias=request.alias))
    except NotFoundError:
        if request.version is None:
            raise
        return None


def _perform(workspace: Workspace, request: SetAlias, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        before = _before(tx, request)
        models.set_alias(tx, request.model, request.alias, request.version)
        change = {"model": request.model, "alias": request.alias, "version": request.version}
        job.record(tx, {**change, "before": before.version if before else None})
    return change


ACTION = Action("set_alias", SetAlias, "caller", _plan, _perform)
