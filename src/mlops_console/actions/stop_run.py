"""Stop a run: through its job, through the sweep that it is a trial of, or by a signal to the process that logs it."""

import contextlib
import os
import signal
from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.actions.stop_job import request_stop
from mlops_console.core.errors import UsageError
from mlops_console.core.plans import Change, Plan
from mlops_console.core.runs import Run
from mlops_console.store import runs
from mlops_console.store.database import Connection
from mlops_console.store.identity import process_state
from mlops_console.store.workspace import Workspace


class StopRun(Request):
    run: str


def _plan(workspace: Workspace, request: StopRun) -> Plan:
    with workspace.store.read() as db:
        run = runs.get(db, request.run)
        sweep = _sweep_of(db, run)
    if run.status.is_final:
        raise UsageError(
            f"Run {run.name} has ended already: it is {run.status}.", "'mlops-console run list' shows what runs."
        )
    return Plan(
        action="stop_run",
        subject=run.id,
        title=f"Stop run {run.name}",
        command=f"mlops-console run stop {run.id}",
        changes=(Change(f"run {run.name}", run.status, "stopped"),),
        notes=(f"How: {_how(run, sweep)}.",),
        refused=_refusal(run),
    )


def _sweep_of(db: Connection, run: Run) -> Run | None:
    """The sweep that a run is a trial of: their process is the same. The tag alone may be somebody else's."""
    found = next(iter(runs.of_ids(db, [run.tags.get("sweep_of", "")])), None)
    return found if found is not None and found.job_id is not None and found.process == run.process else None


def _how(run: Run, sweep: Run | None) -> str:
    if sweep is not None:
        return (
            f"sweep {sweep.name} ends this trial and goes on; 'mlops-console job cancel {sweep.job_id}' stops all of it"
        )
    return f"job {run.job_id} is stopped" if run.job_id is not None else "its process gets SIGTERM"


def _refusal(run: Run) -> str | None:
    if run.job_id is not None:
        return None
    state = process_state(run.process) if run.process is not None else "dead"
    if state == "alive":
        return None
    if state == "dead":
        return f"The process of run {run.name} is gone; the worker will show the run as lost."
    return f"Run {run.name} runs on {run.process.host if run.process else 'another host'}, not on this machine."


def _perform(workspace: Workspace, request: StopRun, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        run = runs.get(tx, request.run)
        sweep = _sweep_of(tx, run)
        if sweep is not None:
            runs.request_stop(tx, run.id)
        elif run.job_id is not None:
            request_stop(tx, run.job_id)
        job.record(tx, {"run": run.id, "name": run.name})
    if sweep is None and run.job_id is None and run.process is not None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself in the meantime
            os.kill(run.process.pid, signal.SIGTERM)
    return {"run": run.id}


ACTION = Action("stop_run", StopRun, "caller", _plan, _perform)
