"""`experiment list|delete|restore`."""

from typing import Annotated

import typer

from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import text
from mlops_console.store import experiments
from mlops_console.worker import client

app = typer.Typer(help="Experiments: list, delete, restore.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Its name.")]


@app.command("list")
def list_experiments(
    deleted: Annotated[bool, typer.Option("--deleted", help="Those in the trash.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """All of them, with how many runs they have."""
    with opened(workspace).store.read() as db:
        found = experiments.listing(db, deleted=deleted)
    if as_json:
        show_json(
            {
                "experiments": [
                    {"name": e.name, "runs": e.runs, "created_at": e.created_at, "deleted_at": e.deleted_at}
                    for e in found
                ]
            }
        )
    elif not found:
        show("The trash holds no experiment." if deleted else "There is no experiment yet: a run makes its own.")
    else:
        rows = [(e.name, f"{e.runs:,}", text.age(e.created_at)) for e in found]
        show_table(("EXPERIMENT", "RUNS", "CREATED"), rows, right=("RUNS",))


@app.command("delete")
def delete(name: NameArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Put an experiment with all its runs in the trash; its name is free again."""
    result = client.execute(opened(workspace), "delete_experiment", {"experiment": name}).result or {}
    if as_json:
        show_json(result)
    else:
        show(f"Experiment {name} is in the trash; 'mlops-console experiment restore' brings it back.")


@app.command("restore")
def restore(name: NameArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Take an experiment out of the trash, with the runs that went there with it."""
    done = client.execute(opened(workspace), "restore_experiment", {"experiment": name})
    if as_json:
        show_json(done.result)
    else:
        show(" ".join((f"Experiment {name} is back.", *done.plan.notes)))
