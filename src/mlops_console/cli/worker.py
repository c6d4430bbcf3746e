"""`worker run|start|stop|status|unit`."""

from typing import Annotated, Any

import typer

from mlops_console.cli.options import JsonOption, WorkspaceOption
from mlops_console.cli.output import show, show_json
from mlops_console.core import text
from mlops_console.core.errors import RefusedError
from mlops_console.store.workspace import Workspace, find_workspace
from mlops_console.worker import client

app = typer.Typer(help="The background process that performs jobs and keeps servers up.", no_args_is_help=True)


@app.command("run")
def run(
    stay: Annotated[bool, typer.Option("--stay", help="Stay also where there is nothing to do.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Be the worker, in the foreground, until it is stopped or idle."""
    from mlops_console.worker import loop

    found = find_workspace(workspace)
    if not loop.run(found.root, stay=stay):
        raise RefusedError(f"{found.root} has a worker already.", "'mlops-console worker status' tells which.")


@app.command("start")
def start(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Start a worker in the background, if there is none."""
    found = find_workspace(workspace)
    client.start_worker(found)
    _tell(found, as_json=as_json)


@app.command("stop")
def stop(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Stop the worker with its jobs and its model servers."""
    found = find_workspace(workspace)
    stopped = client.stop_worker(found)
    if as_json:
        show_json({"stopped": stopped})
    else:
        show("The worker, its jobs and its servers have ended." if stopped else "There was no worker.")


@app.command("status")
def status(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Whether there is a worker, and how much it has to do."""
    _tell(find_workspace(workspace), as_json=as_json)


@app.command("unit")
def unit(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Print a systemd user unit that keeps a worker up."""
    from mlops_console.worker.unit import unit as unit_of

    found = unit_of(find_workspace(workspace).root)
    if as_json:
        show_json({"unit": found})
    else:
        show(found.removesuffix("\n"))


def _tell(workspace: Workspace, *, as_json: bool) -> None:
    found = client.worker_status(workspace)
    process = found.worker.process if found.worker else None
    document: dict[str, Any] = {
        "state": found.state,
        "pid": process.pid if process else None,
        "since": found.worker.started_at if found.worker else None,
        "running": found.running,
        "queued": found.queued,
    }
    if as_json:
        show_json(document)
    elif found.worker is None:
        show("There is no worker; the next job starts one.")
    elif found.state == "dead":
        show("The worker was killed; the next job, or 'mlops-console worker start', starts one that takes over.")
    else:
        age = text.age(found.worker.started_at)
        tasks = f"{found.running} running, {found.queued} queued"
        show(f"The worker is {found.state}: pid {document['pid']}, started {age}, {tasks}.")
