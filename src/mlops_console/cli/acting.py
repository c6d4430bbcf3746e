"""What train, deploy and rollback share: show the plan, queue the job, wait for it, and tell how it went."""

from collections.abc import Callable, Mapping
from typing import Any

import typer

from mlops_console import actions
from mlops_console.cli import progress, shapes
from mlops_console.cli.output import show, show_error, show_json, show_table
from mlops_console.cli.replay import show_replay
from mlops_console.core import text
from mlops_console.core.errors import JobError, MlopsError, RefusedError
from mlops_console.core.jobs import Job, JobState, Turn
from mlops_console.core.plans import Difference, Plan
from mlops_console.store import deployments, jobs, runs
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client


def act(
    workspace: Workspace,
    name: str,
    request: Mapping[str, Any],
    *,
    wait: bool,
    dry_run: bool,
    as_json: bool,
    turn: Turn = jobs.NOW,
) -> None:
    """Plan an action and, unless it is a dry run, queue it; with `wait` until its end. What came of it is shown.

    Raises:
        RefusedError: the plan or the job was refused.
        JobError: it was waited for, and it failed.
    """
    if dry_run:
        plan = actions.plan(workspace, name, request)
        show_plan(plan, as_json=as_json)
        _end(RefusedError(plan.refused, plan.hint) if plan.refused is not None else None, as_json=as_json)
        return
    execution = client.execute(workspace, name, request, turn)
    assert execution.job_id is not None, f"{name} is no job"
    job_id = execution.job_id
    job = progress.wait(workspace, job_id, as_json=as_json) if wait else _job(workspace, job_id)
    follower = _follower(workspace, job, as_json=as_json) if wait else None
    if as_json:
        document = _document(workspace, job, execution.plan)
        show_json({**document, "deployment": shapes.job(follower)} if follower else document)
    else:
        show(_sentence(job, again=execution.again))
        if follower is not None:
            show(_sentence(follower))
        if job.state is JobState.QUEUED:
            _tell_missed(workspace)
    _end(error_of(follower or job, wait=wait), as_json=as_json)


def act_at_once(
    workspace: Workspace,
    name: str,
    request: Mapping[str, Any],
    *,
    dry_run: bool,
    as_json: bool,
    tell_notes: Callable[[str], None] = show,
) -> None:
    """Plan an action that its caller performs and, unless it is a dry run, perform it. What came of it is shown.

    Args:
        tell_notes: takes the notes of its plan, which stand below what came of it.

    Raises:
        RefusedError: the plan was refused.
        MlopsError: it failed.
    """
    if dry_run:
        plan = actions.plan(workspace, name, request)
        show_plan(plan, as_json=as_json)
        _end(RefusedError(plan.refused, plan.hint) if plan.refused is not None else None, as_json=as_json)
        return
    execution = client.execute(workspace, name, request)
    if as_json:
        show_json({**(execution.result or {}), "state": "succeeded", "plan": shapes.plan(execution.plan)})
        return
    show(f"Done: {execution.plan.title[:1].lower()}{execution.plan.title[1:]}.")
    for note in execution.plan.notes:
        tell_notes(f"  • {text.safe_line(note)}")
    if execution.job_id is not None:
        _tell_missed(workspace)


def _follower(workspace: Workspace, job: Job, *, as_json: bool) -> Job | None:
    """The job that the success of another one has queued, when it has ended as well; None where there is none."""
    with workspace.store.read() as db:
        found = jobs.with_key(db, jobs.follower_key(job.id))
    return progress.wait(workspace, found.id, as_json=as_json) if found else None


def _tell_missed(workspace: Workspace) -> None:
    if owner := client.missed(workspace):
        show(f"It waits until {owner}, whose workspace this is, starts the worker: 'mlops-console worker start'.")


def _document(workspace: Workspace, job: Job, plan: Plan) -> dict[str, Any]:
    with workspace.store.read() as db:
        run, revision = runs.of_job(db, job.id), deployments.revision_of_job(db, job.id)
    made = ({"run": run.id} if run else {}) | ({"revision": revision.revision} if revision else {})
    return {
        "job": job.id,
        "state": job.state.value,
        **made,
        **job.result,
        "error": job.error,
        "plan": shapes.plan(plan),
    }


def _sentence(job: Job, *, again: bool = False) -> str:
    match job.state:
        case JobState.QUEUED | JobState.RUNNING if again:
            return f"Job {job.id} ({job.action} {job.subject}), which is {job.state}, is to do the same already."
        case JobState.QUEUED | JobState.RUNNING:
            return f"Job {job.id} ({job.action} {job.subject}) is {job.state}: 'mlops-console job show {job.id}'."
        case JobState.SUCCEEDED if is_waiting(job):
            where = f"{job.result['environment']} {job.result['revision']}"
            return (
                f"Revision {job.result['revision']} waits for approval by another person: mlops-console approve {where}"
            )
        case JobState.SUCCEEDED:
            made = "  ".join(f"{key} {value}" for key, value in job.result.items() if value is not None)
            took = text.duration((job.ended_at or 0) - (job.started_at or 0))
            return f"Job {job.id} ({job.action} {job.subject}) succeeded in {took}.  {made}".rstrip()
        case _:
            return f"Job {job.id} ({job.action} {job.subject}) {job.state}."


def is_waiting(job: Job) -> bool:
    """Whether a deployment has ended for now because it needs approvals."""
    return job.state is JobState.SUCCEEDED and job.result.get("revision_state") == "waiting"


def error_of(job: Job, *, wait: bool = True) -> MlopsError | None:
    """Why a job did not succeed; `wait`: its end was waited for."""
    if wait and not job.state.is_final:
        return JobError(
            f"Job {job.id} is still queued: the worker was stopped, or could not start.",
            "'mlops-console worker start' starts one; .mlops/worker.log tells why it ended.",
        )
    if is_waiting(job):
        return RefusedError(
            f"Revision {job.result['revision']} of {job.result['environment']} waits for approval.",
            f"Another person gives it: mlops-console approve {job.result['environment']} {job.result['revision']}.",
        )
    if job.state is JobState.REFUSED:
        return RefusedError(job.error or f"Job {job.id} was refused.")
    if job.state.is_final and job.state is not JobState.SUCCEEDED:
        return JobError(job.error or f"Job {job.id} ended {job.state}.")
    return None


def _end(error: MlopsError | None, *, as_json: bool) -> None:
    """End the command with its error, if there is one. The JSON document on standard output stays the only one."""
    if error is None:
        return
    if as_json:
        show_error(error, as_json=False)
        raise typer.Exit(error.exit_code)
    raise error


def _job(workspace: Workspace, job_id: int) -> Job:
    with workspace.store.read() as db:
        return jobs.get(db, job_id)


def show_plan(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        show_json({"job": None, "state": "planned", "error": plan.refused, "plan": shapes.plan(plan)})
        return
    show(plan.title)
    for change in plan.changes:
        show(f"  {change.what}: {change.before or '–'} → {change.after}")
    if plan.steps:
        show("\nSTAGES")
        show_table(("STAGE", "", "WHY"), [(step.stage, step.verdict, step.why) for step in plan.steps])
    for title, differences in (("METRICS", plan.metrics), ("PARAMS", plan.params)):
        if differences:
            show(f"\n{title}")
            show_table(("NAME", "NOW", "THEN", ""), [_row(d) for d in differences], right=("NOW", "THEN"))
    if plan.gates:
        show("\nGATES")
        show_table(("", "GATE", "FIGURE"), [("✓" if g.passed else "✗", g.gate, g.figure) for g in plan.gates])
    if plan.replay:
        show("\nREPLAY")
        show_replay(plan.replay)
    for note in plan.notes:
        show(f"  • {text.safe_line(note)}")
    show("\nNothing was changed." + (f" To do it: {plan.command}" if plan.refused is None else ""))


def _row(found: Difference) -> tuple[str, ...]:
    verdict = {True: "▲ better", False: "▼ worse", None: "=" if found.same else ""}[found.better]
    return found.name, _value(found.before), _value(found.after), verdict


def _value(value: float | str | None) -> str:
    return value if isinstance(value, str) else text.number(value)
