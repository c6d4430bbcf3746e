"""End an alert by hand: of something that has happened, or that nobody sees any more. What is still found wrong is not
over, whoever says so.
"""

import shlex
import time
from typing import Any

from mlops_console.actions.base import Action, JobContext, Note, Request
from mlops_console.core.alerts import Alert
from mlops_console.core.errors import ConfigError, RefusedError
from mlops_console.core.plans import Change, Plan
from mlops_console.store import alerting, alerts, deployments, sightings
from mlops_console.store.database import Connection
from mlops_console.store.workspace import Workspace


class ResolveAlert(Request):
    alert: int
    note: Note = ""


def _plan(workspace: Workspace, request: ResolveAlert) -> Plan:
    with workspace.store.read() as db:
        found = alerts.get(db, request.alert)
        refused, hint = _refusal(workspace, db, found)
    note = ["--note", request.note] if request.note else []
    return Plan(
        "resolve_alert",
        found.subject,
        f"End alert {found.id}",
        shlex.join(["mlops-console", "alert", "resolve", str(found.id), *note]),
        changes=(Change("state", found.state, "resolved"),),
        notes=(found.message, "It opens again when it is found wrong again."),
        refused=refused,
        hint=hint,
    )


def _refusal(workspace: Workspace, db: Connection, found: Alert) -> tuple[str | None, str]:
    """Why an alert can't be ended now, and what to do instead."""
    if found.resolved_at is not None:
        return f"Alert {found.id} is over already.", "'mlops-console alert list' shows those that are open."
    wrong = _still_wrong(workspace, db, found)
    if not wrong:
        return None, ""
    silence = shlex.join(["mlops-console", "alert", "silence", found.rule, found.subject, "--for", "2h"])
    return (
        f"Alert {found.id} is not over: {wrong}",
        f"It ends by itself once that is right. For quiet until then: '{silence}'.",
    )


def _still_wrong(workspace: Workspace, db: Connection, found: Alert) -> str:
    if found.environment and _is_retired(workspace, found.environment):
        return ""
    if found.kind == "server":
        environment = deployments.environment(db, found.subject)
        serves = environment is not None and (environment.live is not None or environment.candidate is not None)
        return (environment.error or "") if environment is not None and serves else ""
    seen = sightings.of_alert(db, workspace.home, found, time.time())
    return alerting.still_wrong(alerting.settings_of(workspace), found, seen)


def _is_retired(workspace: Workspace, environment: str) -> bool:
    """Whether mlops.toml knows it no more, and so nobody is to look after it."""
    try:
        return environment not in workspace.config().environments
    except ConfigError:
        return False


def _perform(workspace: Workspace, request: ResolveAlert, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        found = alerts.get(tx, request.alert)
        refused, hint = _refusal(workspace, tx, found)  # again: since its plan it may have been ended, or found wrong
        if refused is not None:
            raise RefusedError(refused, hint)
        alerts.resolve_one(tx, found, job.actor, request.note)
        told = {"alert": found.id, "rule": found.rule, "subject": found.subject, "note": request.note}
        job.record(tx, told)
    return told


ACTION = Action("resolve_alert", ResolveAlert, "caller", _plan, _perform)
