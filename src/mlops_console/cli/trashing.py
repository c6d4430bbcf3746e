"""`run delete|restore|purge`: added to the commands of runs."""

import re
from typing import Annotated

import typer

from mlops_console import actions
from mlops_console.cli.acting import show_plan
from mlops_console.cli.options import DryRunOption, JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json
from mlops_console.core import text
from mlops_console.core.errors import UsageError
from mlops_console.core.filters import SPANS
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client

RunsArgument = Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids, beginnings of them, or names.")]


def add_to(app: typer.Typer) -> None:
    app.command("delete")(delete)
    app.command("restore")(restore)
    app.command("purge")(purge)


def delete(names: RunsArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Put runs in the trash."""
    done = "in the trash; 'mlops-console run restore' brings back what is there"
    _change(opened(workspace), "delete_runs", names, done, as_json=as_json)


def restore(names: RunsArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Take runs out of the trash."""
    _change(opened(workspace), "restore_runs", names, "back", as_json=as_json)


def purge(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="SPAN", help="Only what was deleted so long ago, as 30d.")
    ] = "0s",
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete what is in the trash for ever; a run that a model version came from stays."""
    found, request = opened(workspace), {"older_than": _seconds(older_than)}
    if dry_run:
        show_plan(actions.plan(found, "purge_runs", request), as_json=as_json)
        return
    result = client.execute(found, "purge_runs", request).result or {}
    if as_json:
        show_json(result)
        return
    gone, kept = result["runs"], result["kept"]
    show(f"{gone:,} {'run is' if gone == 1 else 'runs are'} gone for ever; {text.size(result['freed'])} are freed.")
    if kept:
        show(f"{len(kept):,} in the trash {'stays' if len(kept) == 1 else 'stay'}: model versions came from there.")


def _seconds(span: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", span)
    if match is None:
        raise UsageError(f"{span!r} is no span of time.", "Write it as 90s, 5m, 12h, 30d or 2w.")
    return float(match[1]) * SPANS[match[2]]


def _change(workspace: Workspace, action: str, names: list[str], outcome: str, *, as_json: bool) -> None:
    done = client.execute(workspace, action, {"runs": names})
    result = done.result or {}
    if as_json:
        show_json({"runs": result["runs"], "action": action})
        return
    for name, run_id in zip(result["names"], result["runs"], strict=True):
        show(f"Run {name} ({run_id}) is {outcome}.")
    if action == "restore_runs":
        for note in done.plan.notes:
            show(note)
