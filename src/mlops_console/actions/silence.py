"""Silence alerts for a while: they are recorded and shown, and nobody is told of them."""

import shlex
import time
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from mlops_console.actions.base import Action, JobContext, Note, Request
from mlops_console.core.alert_settings import Alerts
from mlops_console.core.alerts import ANY
from mlops_console.core.errors import ConfigError, NotFoundError
from mlops_console.core.moments import seconds
from mlops_console.core.plans import Change, Plan
from mlops_console.core.text import clock, did_you_mean, safe_line
from mlops_console.store import alerts, silences
from mlops_console.store.workspace import Workspace

LONGEST = 366 * 86_400.0  # seconds


def _ends(span: str) -> str:
    if not 0 < seconds(span) <= LONGEST:
        raise ValueError("a silence has an end, within a year")
    return span


class SilenceAlerts(Request):
    """`rule`: the name of a rule, a kind of alert, or `*`; `subject`: what the alerts are about, or `*`."""

    rule: str
    subject: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(safe_line)] = ANY
    span: Annotated[str, AfterValidator(_ends)]
    note: Note = ""


def _plan(workspace: Workspace, request: SilenceAlerts) -> Plan:
    _check_rule(workspace, request.rule)
    now = time.time()
    with workspace.store.read() as db:
        met = [a for a in alerts.open_alerts(db) if request.rule in (ANY, a.rule, a.kind)]
    met = [alert for alert in met if request.subject in (ANY, alert.subject)]
    subject = [] if request.subject == ANY else [request.subject]
    note = ["--note", request.note] if request.note else []
    until = clock(now + seconds(request.span))
    return Plan(
        "silence",
        f"{request.rule} {request.subject}",
        f"Silence {request.rule} of {request.subject} until {until}",
        shlex.join(["mlops-console", "alert", "silence", request.rule, *subject, "--for", request.span, *note]),
        changes=(Change("silenced", "", f"until {until}"),),
        notes=(
            *(f"Silences alert {alert.id}: {alert.message}" for alert in met[:5]),
            "What is still wrong when it ends is told then.",
        ),
    )


def _check_rule(workspace: Workspace, rule: str) -> None:
    try:
        known = workspace.config().alerts.names
    except ConfigError:  # at three in the morning with a broken mlops.toml
        known = Alerts().names
    if rule not in known:
        raise NotFoundError(
            f"There is no rule {rule!r}{did_you_mean(rule, known) or '.'}", f"Known are: {', '.join(known)}."
        )


def _perform(workspace: Workspace, request: SilenceAlerts, job: JobContext) -> dict[str, Any]:
    _check_rule(workspace, request.rule)
    with workspace.store.write() as tx:
        until = time.time() + seconds(request.span)
        made = silences.add(tx, request.rule, request.subject, until, job.actor, request.note)
        told = {"silence": made.id, "rule": made.rule, "subject": made.subject, "until": until, "note": made.note}
        job.record(tx, told)
    return told


ACTION = Action("silence", SilenceAlerts, "caller", _plan, _perform)
