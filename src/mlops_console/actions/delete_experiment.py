"""Put an experiment with all its runs in the trash; its name is free at once."""

import shlex
from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.errors import RefusedError
from mlops_console.core.plans import Change, Plan
from mlops_console.core.text import safe_line
from mlops_console.store import experiments
from mlops_console.store.workspace import Workspace


class DeleteExperiment(Request):
    experiment: str


def _plan(workspace: Workspace, request: DeleteExperiment) -> Plan:
    with workspace.store.read() as db:
        found = experiments.get(db, request.experiment)
    name = safe_line(found.name, 100)
    return Plan(
        action="delete_experiment",
        subject=found.name,
        title=f"Move experiment {name} with {found.runs:,} runs to the trash",
        command=f"mlops-console experiment delete {shlex.quote(found.name)}",
        changes=(Change(f"experiment {name}", f"{found.runs:,} runs", "in the trash"),),
        notes=("Its name is free again; 'mlops-console experiment restore' brings it back.",),
        refused=_refusal(name, found.open),
        hint="'mlops-console run stop' stops a run." if found.open else "",
    )


def _refusal(name: str, n: int) -> str | None:
    if not n:
        return None
    return (
        f"{n} {'run' if n == 1 else 'runs'} of experiment {name} {'has' if n == 1 else 'have'} not ended: stop first."
    )


def _perform(workspace: Workspace, request: DeleteExperiment, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        found = experiments.get(tx, request.experiment)
        refusal = _refusal(safe_line(found.name, 100), found.open)
        if refusal:  # one has begun since the plan
            raise RefusedError(refusal)
        experiments.delete(tx, found.key)
        result = {"experiment": found.name, "runs": found.runs}
        job.record(tx, result)
    return result


ACTION = Action("delete_experiment", DeleteExperiment, "caller", _plan, _perform)
