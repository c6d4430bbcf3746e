"""Performing a job's action, and writing down how it ended: job, run, revision, ledger and alert in one transaction."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_console import actions
from mlops_console.actions.base import JobContext, ensure_writable
from mlops_console.core.alert_readings import of_ended
from mlops_console.core.errors import JobStopped, MlopsError, RefusedError, StoreError
from mlops_console.core.jobs import Job, JobState
from mlops_console.core.runs import RunStatus
from mlops_console.delivery import intervene
from mlops_console.store import alerting, alerts, deployments, jobs, ledger, runs
from mlops_console.store.database import Connection
from mlops_console.store.stages import end_run
from mlops_console.store.workspace import Workspace

PATIENCE = 60.0  # seconds that a store which can't be written may take to be so again
_RETRY = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended. `recorded`: the action has seen to its entry in the ledger itself."""

    state: JobState
    error: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    recorded: bool = False


def perform(workspace: Workspace, job: Job, stopping: Callable[[], bool] | None = None) -> Outcome:
    """Perform the action of a job. What it raises as an expected error becomes its outcome."""
    context = JobContext(workspace, job.action, job.subject, job.id, job.actor, stopping)
    try:
        ensure_writable(workspace)
        action = actions.get(job.action)
        result = action.perform(workspace, action.check(job.request), context)
    except JobStopped as stopped:
        return Outcome(JobState.STOPPED, stopped.message)
    except RefusedError as error:
        return Outcome(JobState.REFUSED, str(error))
    except MlopsError as error:
        return Outcome(JobState.FAILED, str(error))
    except OSError as error:  # a full disk, a folder that was taken away
        return Outcome(JobState.FAILED, f"{job.action} {job.subject} failed: {error}.")
    return Outcome(JobState.SUCCEEDED, None, result, context.recorded)


def settle_patiently(workspace: Workspace, job: Job, outcome: Outcome, exit_code: int | None = None) -> bool:
    """As `settle`, for who gets no second look: a disk that is full for a moment makes no failure of a success.

    Raises:
        StoreError: the store could not be written for a minute.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return settle(workspace, job, outcome, exit_code)
        except StoreError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_RETRY)


def settle(
    workspace: Workspace,
    job: Job,
    outcome: Outcome,
    exit_code: int | None = None,
    heartbeat_before: float | None = None,
) -> bool:
    """End a job that has not ended yet, with all that follows from it; whether it was this call that did.

    Args:
        heartbeat_before: only if it has shown no sign of life since.
    """
    settings = alerting.settings_of(workspace)
    with workspace.store.write() as tx:
        ended = jobs.finish(
            tx,
            job.id,
            outcome.state,
            error=outcome.error,
            exit_code=exit_code,
            result=dict(outcome.result),
            heartbeat_before=heartbeat_before,
        )
        if not ended:
            return False
        intervene.end_abandoned(tx)
        run = runs.of_job(tx, job.id)
        if run is not None:
            stopped = outcome.state is JobState.STOPPED
            end_run(tx, run.id, _RUN_STATUS[outcome.state], None if stopped else outcome.error)
        if not outcome.recorded:
            detail = {"job": job.id, "request": dict(job.request), **_deployed(tx, job), **outcome.result}
            if outcome.error:
                detail["error"] = outcome.error
            ledger.append(tx, job.actor, job.action, job.subject, outcome.state, detail)
        if outcome.state is JobState.SUCCEEDED:
            _follow(tx, workspace, job, outcome.result)
        alerts.resolve(tx, "job_slow", f"{job.action} {job.subject}")
        seen = of_ended(job, outcome.state, outcome.error)
        if seen is not None:
            alerting.observe(tx, settings, seen, time.time())
    return True


def _follow(tx: Connection, workspace: Workspace, job: Job, result: Mapping[str, Any]) -> None:
    """What its action has to follow a success."""
    action = actions.get(job.action)
    if action.succeeded is not None:
        action.succeeded(tx, workspace, action.check(job.request), job, result)


def _deployed(tx: Connection, job: Job) -> dict[str, Any]:
    """What a deployment or a rollback was about, however it ended."""
    revision = deployments.revision_of_job(tx, job.id)
    if revision is None:
        return {}
    found = {"model": revision.model, "version": revision.version, "revision": revision.revision}
    gates = deployments.gate_results(tx, revision.environment, revision.revision)
    return {**found, "gates": [[gate.gate, gate.passed, gate.figure] for gate in gates]} if gates else found


_RUN_STATUS = {
    JobState.SUCCEEDED: RunStatus.SUCCEEDED,
    JobState.FAILED: RunStatus.FAILED,
    JobState.REFUSED: RunStatus.FAILED,
    JobState.STOPPED: RunStatus.STOPPED,
    JobState.LOST: RunStatus.LOST,
}
