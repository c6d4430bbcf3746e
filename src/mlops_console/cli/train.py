"""`train`."""

from typing import Annotated, Any

import typer

from mlops_console.cli.acting import act
from mlops_console.cli.options import DryRunOption, JsonOption, WaitOption, WorkspaceOption, opened
from mlops_console.pipelines.params import parse_override


def add_to(app: typer.Typer) -> None:
    app.command("train")(train)


def train(
    pipeline: Annotated[
        str | None, typer.Argument(metavar="[PIPELINE]", help="By default the only one, or 'train'.")
    ] = None,
    params: Annotated[
        list[str] | None, typer.Option("-p", "--param", metavar="KEY=VALUE", help="Override a param, as fit.lr=0.3.")
    ] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", "-k", help="After a failure, run the stages that don't wait for it.")
    ] = False,
    wait: WaitOption = False,
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a pipeline of mlops.toml in the background."""
    request: dict[str, Any] = {"params": dict(parse_override(text) for text in params or ())}
    if pipeline is not None:
        request["pipeline"] = pipeline
    if keep_going:
        request["keep_going"] = True
    act(opened(workspace), "train", request, wait=wait, dry_run=dry_run, as_json=as_json)
