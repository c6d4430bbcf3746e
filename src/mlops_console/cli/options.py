"""The options that every command takes."""

from pathlib import Path
from typing import Annotated

import typer

from mlops_console.store.location import VARIABLE
from mlops_console.store.workspace import Workspace, find_workspace

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace", "-w", metavar="DIR", help="The workspace; by default the nearest one.", envvar=VARIABLE
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait for the end; the exit status tells how it went.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in history and ledger.")]


def opened(workspace: Path | None) -> Workspace:
    """The workspace of a command, with what dead training processes left behind taken in."""
    from mlops_console.tracking.recover import recover

    found = find_workspace(workspace)
    recover(found)
    return found
