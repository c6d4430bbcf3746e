"""`train`."""

import time
from itertools import pairwise
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from mlops_console.cli.acting import act
from mlops_console.cli.options import DryRunOption, JsonOption, WaitOption, WorkspaceOption, opened
from mlops_console.core.jobs import Turn
from mlops_console.core.moments import moment
from mlops_console.pipelines.cache import ALL
from mlops_console.pipelines.params import parse_override

_FORCE = "--force"


class _Train(TyperCommand):
    """`--force` takes the name of a stage, or none: then it is for all."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = [
            f"{_FORCE}={ALL}" if word == _FORCE and follower.startswith("-") else word
            for word, follower in pairwise([*args, "--"])
        ]
        return super().parse_args(ctx, named)


def add_to(app: typer.Typer) -> None:
    app.command("train", cls=_Train)(train)


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
    force: Annotated[
        list[str] | None,
        typer.Option(_FORCE, metavar="[STAGE]", help="Run it though nothing has changed; without a name, every stage."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="STAGE", help="Only this stage and those that come after it.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="STAGE", help="Only this stage and those that it needs.")] = None,
    served: Annotated[
        str | None,
        typer.Option(
            metavar="ENV[:START..END]",
            help="Train on what this environment has answered and has labels for; without times, on what is proposed.",
        ),
    ] = None,
    deploy: Annotated[
        str | None, typer.Option(metavar="ENV", help="Then deploy the version that the run has logged there.")
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; of the deployment too.")] = "",
    priority: Annotated[int, typer.Option(metavar="N", help="The greatest goes first; 0 is usual.")] = 0,
    not_before: Annotated[
        str | None, typer.Option("--not-before", metavar="TIME", help="As 2026-03-03T22:00, or 2h from now.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Of any number of jobs with this key, do only the first.")
    ] = None,
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
    given = {"force": force, "start": start, "until": until, "served": served, "deploy": deploy, "reason": reason}
    request |= {name: value for name, value in given.items() if value}
    turn = Turn(priority, moment(not_before, "--not-before", time.time()) if not_before else None, key)
    act(opened(workspace), "train", request, wait=wait, dry_run=dry_run, as_json=as_json, turn=turn)
