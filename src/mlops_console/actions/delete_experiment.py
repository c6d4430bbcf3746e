"""Put an experiment with all its runs in the trash; its name is free at once."""

from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.errors import UsageError
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
        command=f"mlops-console experiment delete {name!r}",
        changes=(Change(f"experiment {name}", f"{found.runs:,} runs", "in the trash"),),
        notes=("Its name is free again; 'mlops-console experiment restore' brings it back.",),
        refused=f"{found.open} runs of experiment {name} have not ended: stop them first." if found.open else None,
    )


def _perform(workspace: Workspace, request: DeleteExperiment, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        found = experiments.get(tx, request.experiment)
        if found.open:
            raise UsageError(f"{found.open} runs of experiment {found.name!r} have not ended.", "Stop them first.")
        experiments.delete(tx, found.key)
        result = {"experiment": found.name, "runs": found.runs}
        job.record(tx, result)
    return result


ACTION = Action("delete_experiment", DeleteExperiment, "caller", _plan, _perform)
