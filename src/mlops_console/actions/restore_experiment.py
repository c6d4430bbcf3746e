"""Take an experiment out of the trash, with the runs that went there with it."""

import shlex
from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.plans import Change, Plan
from mlops_console.core.text import safe_line
from mlops_console.store import experiments
from mlops_console.store.workspace import Workspace


class RestoreExperiment(Request):
    experiment: str


def _plan(workspace: Workspace, request: RestoreExperiment) -> Plan:
    with workspace.store.read() as db:
        found = experiments.get(db, request.experiment, deleted=True)
        taken = any(experiment.name == found.name for experiment in experiments.listing(db))
    name = safe_line(found.name, 100)
    return Plan(
        action="restore_experiment",
        subject=found.name,
        title=f"Take experiment {name} out of the trash",
        command=f"mlops-console experiment restore {shlex.quote(found.name)}",
        changes=(Change(f"experiment {name}", "in the trash", "restored"),),
        notes=(f"There is another experiment {name} by now: the runs become its own.",) if taken else (),
    )


def _perform(workspace: Workspace, request: RestoreExperiment, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        found = experiments.get(tx, request.experiment, deleted=True)
        experiments.restore(tx, found)
        result = {"experiment": found.name}
        job.record(tx, result)
    return result


ACTION = Action("restore_experiment", RestoreExperiment, "caller", _plan, _perform)
