"""`feedback import`."""

from pathlib import Path
from typing import Annotated

import typer

from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json
from mlops_console.worker import client

app = typer.Typer(help="Feedback: what was true of what a model has predicted.", no_args_is_help=True)


@app.callback()
def feedback() -> None:
    """Or else the only command would be `feedback` itself."""


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".csv or .jsonl with id, label and, if need be, row.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store true labels for answered requests; a later one replaces an earlier one."""
    request = {"file": str(Path.cwd() / file)}
    result = client.execute(opened(workspace), "import_feedback", request).result or {}
    if as_json:
        show_json(result)
        return
    labels, unknown = result["labels"], result["unknown"]
    show(f"{labels:,} {'label is' if labels == 1 else 'labels are'} stored.")
    if unknown:
        show(
            f"{unknown:,} of them {'is' if unknown == 1 else 'are'} for requests that are not in the prediction log: "
            "they count when they come."
        )
