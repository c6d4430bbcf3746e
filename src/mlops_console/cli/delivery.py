"""`deploy`, `rollback` and `history`."""

from typing import Annotated, Any

import typer

from mlops_console.cli import shapes
from mlops_console.cli.acting import act
from mlops_console.cli.options import DryRunOption, JsonOption, ReasonOption, WaitOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import text
from mlops_console.core.errors import ConfigError, NotFoundError
from mlops_console.store import deployments
from mlops_console.store.workspace import Workspace

EnvironmentArgument = Annotated[str, typer.Argument(metavar="ENVIRONMENT")]


def add_to(app: typer.Typer) -> None:
    app.command("deploy")(deploy)
    app.command("rollback")(rollback)
    app.command("history")(history)


def deploy(
    model_ref: Annotated[str, typer.Argument(metavar="MODEL_REF", help="fraud:7 or fraud@champion")],
    environment: EnvironmentArgument,
    reason: ReasonOption = "",
    wait: WaitOption = False,
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve a model version in an environment, if its gates pass."""
    request = {"model_ref": model_ref, "environment": environment, "reason": reason}
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


def history(environment: EnvironmentArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """The revisions of an environment, newest first."""
    found = opened(workspace)
    with found.store.read() as db:
        known = deployments.environment(db, environment) is not None
        revisions = deployments.revisions(db, environment)
    if not known:
        _require_configured(found, environment)
    if as_json:
        show_json({"revisions": [shapes.revision(r) for r in revisions]})
        return
    if not revisions:
        show(f"Nothing was ever deployed to {environment}: 'mlops-console deploy MODEL:VERSION {environment}' does it.")
        return
    show_table(
        ("REV", "MODEL", "KIND", "STATE", "BY", "WHEN", "REASON"),
        [
            (
                r.revision,
                r.model_ref,
                _kind(r.kind, r.restores),
                r.state,
                r.actor,
                text.clock(r.created_at),
                r.error or r.reason,
            )
            for r in revisions
        ],
        right=("REV",),
    )


def _kind(kind: str, restores: int | None) -> str:
    return kind if restores is None else f"{kind} to {restores}"


def _require_configured(workspace: Workspace, environment: str) -> None:
    try:
        names = list(workspace.config().environments)
    except ConfigError:
        names = []
    if environment not in names:
        known = f"Known are: {', '.join(names)}." if names else "mlops.toml names none: add [environments.NAME]."
        raise NotFoundError(f"There is no environment {environment!r}.", known)
