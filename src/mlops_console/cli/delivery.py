"""`deploy`, `rollback`, and what people do to a deployment on its way: `approve`, `promote`, `abort`."""

from typing import Annotated, Any

import typer

from mlops_console import actions
from mlops_console.cli.acting import act, act_at_once
from mlops_console.cli.options import DryRunOption, JsonOption, ReasonOption, WaitOption, WorkspaceOption, opened

EnvironmentArgument = Annotated[str, typer.Argument(metavar="ENVIRONMENT")]


def add_to(app: typer.Typer) -> None:
    app.command("deploy")(deploy)
    app.command("rollback")(rollback)
    app.command("approve")(approve)
    app.command("promote")(promote)
    app.command("abort")(abort)
    app.command("freeze")(freeze)
    app.command("unfreeze")(unfreeze)


def deploy(
    model_ref: Annotated[str, typer.Argument(metavar="MODEL_REF", help="fraud:7 or fraud@champion")],
    environment: EnvironmentArgument,
    reason: ReasonOption = "",
    break_glass: Annotated[
        str | None,
        typer.Option("--break-glass", metavar="REASON", help="Pass by gates, approvals and a freeze; marked for ever."),
    ] = None,
    if_busy: Annotated[
        str, typer.Option("--if-busy", metavar="wait|refuse", help="Where another deployment is under way there.")
    ] = "wait",
    wait: WaitOption = False,
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve a model version in an environment, if its gates pass."""
    request: dict[str, Any] = {"model_ref": model_ref, "environment": environment, "reason": reason}
    if break_glass is not None:
        request["break_glass"] = break_glass
    if if_busy != "wait":
        request["if_busy"] = if_busy
    act(opened(workspace), "deploy", request, wait=wait, dry_run=dry_run, as_json=as_json)


def rollback(
    environment: EnvironmentArgument,
    to: Annotated[int | None, typer.Option("--to", metavar="REVISION", help="By default the one before.")] = None,
    reason: ReasonOption = "",
    wait: WaitOption = False,
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve again what an earlier revision served, as a new revision."""
    request: dict[str, Any] = {"environment": environment, "reason": reason}
    if to is not None:
        request["to"] = to
    act(opened(workspace), "rollback", request, wait=wait, dry_run=dry_run, as_json=as_json)


def approve(
    environment: EnvironmentArgument,
    revision: Annotated[int | None, typer.Argument(help="By default the newest that waits.")] = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a deployment that another person asked for."""
    request = _of_revision(environment, revision, reason)
    act_at_once(opened(workspace), "approve", request, dry_run=dry_run, as_json=as_json)


def promote(
    environment: EnvironmentArgument,
    full: Annotated[bool, typer.Option("--full", help="All the traffic at once.")] = False,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a canary its next share of the traffic now, or a shadow all of it."""
    place = opened(workspace)
    request = {"environment": environment, "full": full, "reason": reason}
    seen = actions.plan(place, "promote", request).settles  # of two who promote at once the second one has not seen it
    act_at_once(place, "promote", {**request, **seen}, dry_run=dry_run, as_json=as_json)


def abort(
    environment: EnvironmentArgument,
    revision: Annotated[int | None, typer.Argument(help="By default the newest that is on its way.")] = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a deployment that is not live yet; what is live goes on."""
    request = _of_revision(environment, revision, reason)
    act_at_once(opened(workspace), "abort", request, dry_run=dry_run, as_json=as_json)


def freeze(
    environment: EnvironmentArgument,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is shown to all.")],
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let no deployment change an environment; a rollback stays possible."""
    request = {"environment": environment, "reason": reason}
    act_at_once(opened(workspace), "freeze", request, dry_run=dry_run, as_json=as_json)


def unfreeze(
    environment: EnvironmentArgument,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let deployments change an environment again."""
    request = {"environment": environment, "reason": reason}
    act_at_once(opened(workspace), "unfreeze", request, dry_run=dry_run, as_json=as_json)


def _of_revision(environment: str, revision: int | None, reason: str) -> dict[str, Any]:
    """Without a number the action chooses the revision itself."""
    return {"environment": environment, "reason": reason, **({} if revision is None else {"revision": revision})}
