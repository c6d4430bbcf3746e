"""Switch a trigger on or off."""

import time
from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.errors import NotFoundError
from mlops_console.core.plans import Change, Plan
from mlops_console.core.text import did_you_mean
from mlops_console.core.triggers import Trigger
from mlops_console.store import alerts, jobs, triggers
from mlops_console.store.workspace import Workspace


class SetTrigger(Request):
    trigger: str
    on: bool


def find(workspace: Workspace, name: str) -> Trigger:
    """The trigger of mlops.toml with this name.

    Raises:
        NotFoundError: there is none.
        ConfigError: mlops.toml is wrong.
    """
    known = {trigger.name: trigger for trigger in workspace.config().triggers}
    if name not in known:
        raise NotFoundError(
            f"There is no trigger {name!r}{did_you_mean(name, known) or '.'}",
            f"mlops.toml has: {', '.join(known) or 'none'}.",
        )
    return known[name]


def _plan(workspace: Workspace, request: SetTrigger) -> Plan:
    trigger = find(workspace, request.trigger)
    with workspace.store.read() as db:
        before = triggers.state(db, trigger.name).word(trigger)
        worker = jobs.worker(db)
    after = "on" if request.on else "off"
    deploys = f" and deploys the version that it logs to {trigger.deploy}" if trigger.deploy else ""
    notes = [f"On {trigger.on}, {trigger.when}, it runs pipeline {trigger.do}{deploys}."]
    if before == after:
        notes.append(f"It is {after} already.")
    if request.on and worker is None:
        notes.append("It fires while there is a worker: 'mlops-console worker start' starts one.")
    return Plan(
        action="set_trigger",
        subject=trigger.name,
        title=f"Switch trigger {trigger.name} {after}",
        command=f"mlops-console trigger {after} {trigger.name}",
        changes=(Change(f"trigger {trigger.name}", before, after),) if before != after else (),
        notes=tuple(notes),
    )


def _perform(workspace: Workspace, request: SetTrigger, job: JobContext) -> dict[str, Any]:
    trigger = find(workspace, request.trigger)
    with workspace.store.write() as tx:
        before = triggers.state(tx, trigger.name).word(trigger)
        if before != ("on" if request.on else "off"):
            triggers.switch(tx, trigger.name, request.on)
            if request.on and trigger.on != "change":  # the worker looks at the files
                triggers.begin(tx, trigger, time.time())
        alerts.resolve(tx, "trigger", trigger.name, by=job.actor)
        change = {"trigger": trigger.name, "on": request.on}
        job.record(tx, {**change, "before": before})
    return change


ACTION = Action("set_trigger", SetTrigger, "caller", _plan, _perform)
