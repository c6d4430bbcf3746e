"""Make a bearer token for a model server, or revoke one. Only its hash is kept: the token is told once."""

import hashlib
import secrets
import shlex
from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.actions.freeze import ensure_known
from mlops_console.core.names import Name
from mlops_console.core.plans import Change, Plan
from mlops_console.store import tokens
from mlops_console.store.workspace import Workspace

_BYTES = 32


class SetToken(Request):
    """`revoke`: let it in no more."""

    environment: str
    name: Name
    revoke: bool = False


def _plan(workspace: Workspace, request: SetToken) -> Plan:
    with workspace.store.read() as db:
        known = tokens.tokens(db, request.environment)
    verb = "revoke" if request.revoke else "create"
    held = {token.name for token in known if token.revoked_at is None}
    before = "revoked" if any(token.name == request.name for token in known) else ""
    notes: tuple[str, ...] = ()
    if not known and not request.revoke:
        notes = (f"From then on every request to {request.environment} needs a token.",)
    elif request.revoke and held == {request.name}:
        notes = (f"No other token is left: {request.environment} lets nobody in until there is a new one.",)
    return Plan(
        "set_token",
        request.environment,
        f"{verb.capitalize()} the token {request.name} of {request.environment}",
        shlex.join(["mlops-console", "token", verb, request.environment, request.name]),
        changes=(Change(f"token {request.name}", *(("let in", "revoked") if request.revoke else (before, "let in"))),),
        notes=notes,
    )


def _perform(workspace: Workspace, request: SetToken, job: JobContext) -> dict[str, Any]:
    token = secrets.token_urlsafe(_BYTES)
    told = {"environment": request.environment, "name": request.name}
    with workspace.store.write() as tx:
        ensure_known(tx, workspace, request.environment)
        if request.revoke:
            tokens.revoke(tx, request.environment, request.name)
        else:
            digest = hashlib.sha256(token.encode()).hexdigest()
            tokens.add(tx, request.environment, request.name, digest, job.actor)
        job.record(tx, {**told, "revoked": request.revoke})
    return told if request.revoke else {**told, "token": token}


ACTION = Action("set_token", SetToken, "caller", _plan, _perform)
