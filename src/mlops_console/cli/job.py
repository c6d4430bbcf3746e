"""`job list|show|cancel|retry`."""

import json
import time
from typing import Annotated

import typer

from mlops_console.cli import shapes
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import text
from mlops_console.core.errors import UsageError
from mlops_console.core.jobs import Job
from mlops_console.store import jobs
from mlops_console.store.logs import target_log
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client

app = typer.Typer(help="Jobs: what was asked of the worker.", no_args_is_help=True)
JobArgument = Annotated[int, typer.Argument(metavar="JOB", help="Its number.")]


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at the most.")] = 50,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Jobs, the newest first."""
    with opened(workspace).store.read() as db:
        found = jobs.listing(db, limit)
    if as_json:
        show_json({"jobs": [shapes.job(job) for job in found]})
        return
    if not found:
        show("There are no jobs yet: 'mlops-console train' makes one.")
        return
    now = time.time()
    show_table(
        ("JOB", "ACTION", "ON", "STATE", "BY", "QUEUED", "TOOK", "TELLS"),
        [
            (j.id, j.action, j.subject, j.state, j.actor, text.age(j.created_at), _took(j), j.telling(now))
            for j in found
        ],
        right=("JOB", "TOOK"),
    )


@app.command("show")
def show_job(job: JobArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """All that is known of a job."""
    place = opened(workspace)
    found = _get(place, job)
    document = shapes.job(found)
    if as_json:
        show_json(document)
        return
    show(f"job {found.id}  {found.action} {found.subject}  {found.state}  {_took(found)}")
    told = {**document, "tells": found.telling(time.time())}
    for name in ("actor", "tells", "exit_code", "request", "result"):
        if told[name] not in (None, "", {}):
            value = told[name]
            show(f"  {name:<14}{json.dumps(value) if isinstance(value, dict) else value}")
    if (place.root / target_log(job)).is_file():
        show(f"  {'log':<14}{target_log(job)}")


@app.command("cancel")
def cancel(job: JobArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Stop a queued or running job."""
    found = opened(workspace)
    client.execute(found, "stop_job", {"job": job})
    after = _get(found, job)
    if as_json:
        show_json(shapes.job(after))
    else:
        show(f"Job {job} is {after.state}." if after.state.is_final else f"Job {job} is asked to stop.")


@app.command("retry")
def retry(job: JobArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Queue an ended job's action anew."""
    found = opened(workspace)
    old = _get(found, job)
    if not old.state.is_final:
        raise UsageError(f"Job {job} is {old.state}.", "Wait for its end, or cancel it first.")
    execution = client.execute(found, old.action, old.request)
    assert execution.job_id is not None, "a job's action is queued"
    new = _get(found, execution.job_id)
    if as_json:
        show_json(shapes.job(new))
    elif execution.again:
        show(f"Job {new.id}, which is {new.state}, is to do already what job {job} was to: {old.action} {old.subject}.")
    else:
        show(f"Job {new.id} does what job {job} was to do: {old.action} {old.subject}.")


def _get(workspace: Workspace, job: int) -> Job:
    with workspace.store.read() as db:
        return jobs.get(db, job)


def _took(job: Job) -> str:
    if job.started_at is None:
        return "–"
    return text.duration((job.ended_at or time.time()) - job.started_at)
