"""Stop a job that is queued or running."""

from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.errors import UsageError
from mlops_console.core.jobs import Job
from mlops_console.core.plans import Change, Plan
from mlops_console.core.runs import RunStatus
from mlops_console.store import jobs, runs
from mlops_console.store.database import Connection
from mlops_console.store.stages import end_run
from mlops_console.store.workspace import Workspace


class StopJob(Request):
    job: int


def request_stop(tx: Connection, job_id: int) -> Job:
    """Ask for a job to be stopped. A queued one ends at once, and its run with it.

    Raises:
        NotFoundError: there is no such job.
    """
    job = jobs.request_stop(tx, job_id)
    run = runs.of_job(tx, job_id) if job.state.is_final else None
    if run is not None:
        end_run(tx, run.id, RunStatus.STOPPED)
    return job


def _plan(workspace: Workspace, request: StopJob) -> Plan:
    with workspace.store.read() as db:
        job = jobs.get(db, request.job)
    if job.state.is_final:
        raise UsageError(
            f"Job {job.id} has ended already: it is {job.state}.",
            "'mlops-console job list' shows what runs; 'mlops-console job retry' does an ended one again.",
        )
    return Plan(
        action="stop_job",
        subject=str(job.id),
        title=f"Stop job {job.id}: {job.action} {job.subject}",
        command=f"mlops-console job cancel {job.id}",
        changes=(Change(f"job {job.id}", job.state, "stopped"),),
    )


def _perform(workspace: Workspace, request: StopJob, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        stopped = request_stop(tx, request.job)
        job.record(tx, {"stopped": stopped.id, "action": stopped.action, "of": stopped.subject})
    return {"job": stopped.id, "state": str(stopped.state)}


ACTION = Action("stop_job", StopJob, "caller", _plan, _perform)
