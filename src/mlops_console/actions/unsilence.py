"""End a silence before its time."""

import time
from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.plans import Change, Plan
from mlops_console.core.text import clock
from mlops_console.store import silences
from mlops_console.store.workspace import Workspace


class Unsilence(Request):
    silence: int


def _plan(workspace: Workspace, request: Unsilence) -> Plan:
    with workspace.store.read() as db:
        found = silences.get(db, request.silence)
    over = f"Silence {found.id} has ended already." if found.until <= time.time() else None
    return Plan(
        "unsilence",
        f"{found.rule} {found.subject}",
        f"End silence {found.id}",
        f"mlops-console alert unsilence {found.id}",
        changes=(Change("silenced", f"until {clock(found.until)}", ""),),
        notes=("What is still wrong is told now.",),
        refused=over,
        hint="'mlops-console alert silences' shows those that hold.",
    )


def _perform(workspace: Workspace, request: Unsilence, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        found = silences.get(tx, request.silence)
        silences.end(tx, found.id, time.time())
        told = {"silence": found.id, "rule": found.rule, "subject": found.subject}
        job.record(tx, told)
    return told


ACTION = Action("unsilence", Unsilence, "caller", _plan, _perform)
