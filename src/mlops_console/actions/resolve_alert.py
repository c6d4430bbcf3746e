"""End an alert by hand: one that is left over, as of a job that nobody runs again."""

import shlex
from typing import Any

from mlops_console.actions.base import Action, JobContext, Note, Request
from mlops_console.core.plans import Change, Plan
from mlops_console.store import alerts
from mlops_console.store.workspace import Workspace


class ResolveAlert(Request):
    alert: int
    note: Note = ""


def _plan(workspace: Workspace, request: ResolveAlert) -> Plan:
    with workspace.store.read() as db:
        found = alerts.get(db, request.alert)
    note = ["--note", request.note] if request.note else []
    over = f"Alert {found.id} is over already." if found.resolved_at is not None else None
    return Plan(
        "resolve_alert",
        found.subject,
        f"End alert {found.id}",
        shlex.join(["mlops-console", "alert", "resolve", str(found.id), *note]),
        changes=(Change("state", found.state, "resolved"),),
        notes=(found.message, "It opens again when it is found wrong again."),
        refused=over,
        hint="'mlops-console alert list' shows those that are open.",
    )


def _perform(workspace: Workspace, request: ResolveAlert, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        found = alerts.get(tx, request.alert)
        alerts.resolve_one(tx, found)
        told = {"alert": found.id, "rule": found.rule, "subject": found.subject, "note": request.note}
        job.record(tx, told)
    return told


ACTION = Action("resolve_alert", ResolveAlert, "caller", _plan, _perform)
