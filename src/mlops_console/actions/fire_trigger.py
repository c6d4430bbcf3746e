"""Fire a trigger now, whether it is on or not. The worker fires them in the same way."""

import dataclasses
import time
from typing import Any

from mlops_console import actions
from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.actions.set_trigger import find
from mlops_console.actions.train import pipeline_of
from mlops_console.core.jobs import Turn
from mlops_console.core.plans import Plan
from mlops_console.core.triggers import Trigger
from mlops_console.store import triggers
from mlops_console.store.database import Connection
from mlops_console.store.workspace import Workspace


class FireTrigger(Request):
    trigger: str


def fire(tx: Connection, workspace: Workspace, trigger: Trigger, firing: str, note: str = "") -> int:
    """Queue what a trigger does, in the transaction of what it answers to; the job. No firing makes two jobs.

    Raises:
        UsageError: what it does can't be done as mlops.toml is now.
    """
    turn = Turn(key=triggers.key(trigger.name, firing))
    asked = _train(workspace, trigger, note)
    job_id, again = actions.queue(tx, workspace, "train", asked, trigger.do, trigger.actor, turn)
    if not again:
        triggers.fired(tx, trigger.name, time.time(), job_id, note)
    return job_id


def _train(workspace: Workspace, trigger: Trigger, reason: str = "") -> dict[str, Any]:
    """What it asks for. On drift, a pipeline that reads served rows is run on the window that is proposed then."""
    _, pipeline = pipeline_of(workspace.config(), trigger.do)
    reads = trigger.on == "drift" and pipeline.reads_served
    return {
        "pipeline": trigger.do,
        "params": dict(trigger.params),
        **({"served": trigger.environment} if reads else {}),
        **({"deploy": trigger.deploy} if trigger.deploy else {}),
        **({"reason": reason} if reason else {}),
    }


def _plan(workspace: Workspace, request: FireTrigger) -> Plan:
    trigger = find(workspace, request.trigger)
    return dataclasses.replace(
        actions.plan(workspace, "train", _train(workspace, trigger)),
        action="fire_trigger",
        subject=trigger.name,
        title=f"Fire trigger {trigger.name}: run pipeline {trigger.do}",
        command=f"mlops-console trigger fire {trigger.name}",
        settles={},
    )


def _perform(workspace: Workspace, request: FireTrigger, job: JobContext) -> dict[str, Any]:
    trigger = find(workspace, request.trigger)
    with workspace.store.write() as tx:
        firing = f"by-hand-{triggers.state(tx, trigger.name).firings + 1}"
        job_id = fire(tx, workspace, trigger, firing, f"Fired by {job.actor}.")
        fired = {"trigger": trigger.name, "job": job_id}
        job.record(tx, {**fired, "of": trigger.do})
    return fired


ACTION = Action("fire_trigger", FireTrigger, "caller", _plan, _perform, queues=True)
