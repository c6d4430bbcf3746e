"""Acknowledge an alert: it stays open, and nobody is reminded of it."""

import shlex
from typing import Any

from mlops_console.actions.base import Action, JobContext, Note, Request
from mlops_console.core.alerts import Alert
from mlops_console.core.errors import RefusedError
from mlops_console.core.plans import Change, Plan
from mlops_console.store import alerts
from mlops_console.store.workspace import Workspace

_OPEN = "'mlops-console alert list' shows those that are open."


class Acknowledge(Request):
    alert: int
    note: Note = ""


def _plan(workspace: Workspace, request: Acknowledge) -> Plan:
    with workspace.store.read() as db:
        found = alerts.get(db, request.alert)
    note = ["--note", request.note] if request.note else []
    before = f"by {found.acknowledged_by}: {found.note}" if found.acknowledged_at is not None else ""
    return Plan(
        "acknowledge",
        found.subject,
        f"Acknowledge alert {found.id}",
        shlex.join(["mlops-console", "alert", "ack", str(found.id), *note]),
        changes=(Change("acknowledged", before, request.note or "yes"),),
        notes=(found.message, "It stays open until it is right again; nobody is reminded of it."),
        refused=_over(found),
        hint=_OPEN,
    )


def _over(found: Alert) -> str | None:
    return f"Alert {found.id} is over already." if found.resolved_at is not None else None


def _perform(workspace: Workspace, request: Acknowledge, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        found = alerts.get(tx, request.alert)
        if over := _over(found):  # since its plan
            raise RefusedError(over, _OPEN)
        alerts.acknowledge(tx, found.id, job.actor, request.note)
        told = {"alert": found.id, "rule": found.rule, "subject": found.subject, "note": request.note}
        job.record(tx, told)
    return told


ACTION = Action("acknowledge", Acknowledge, "caller", _plan, _perform)
