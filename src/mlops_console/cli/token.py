"""`token`: who may ask a model server."""

from typing import Annotated

import typer

from mlops_console.cli.acting import act_at_once
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_aside, show_json, show_table
from mlops_console.core.text import clock
from mlops_console.store import tokens
from mlops_console.worker import client

app = typer.Typer(help="Bearer tokens of the model servers.", no_args_is_help=True)

EnvironmentArgument = Annotated[str, typer.Argument(metavar="ENVIRONMENT")]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Whose it is: it is shown in lists, the token never.")
]


@app.command("create")
def create(
    environment: EnvironmentArgument,
    name: NameArgument,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token and show it, this once. From the first one on every request needs one."""
    request = {"environment": environment, "name": name}
    found = opened(workspace)
    result = client.execute(found, "set_token", request).result or {}
    if as_json:
        show_json(result)
        return
    show(result["token"])
    with found.store.read() as db:
        held = [token for token in tokens.tokens(db, environment) if token.revoked_at is None]
    if len(held) == 1:
        show_aside(
            f"From now on {environment} answers only who brings a token, as the header 'Authorization: Bearer TOKEN'; "
            "this is the only one that it lets in. It is not shown again."
        )


@app.command("revoke")
def revoke(
    environment: EnvironmentArgument,
    name: NameArgument,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a token in no more, from now on."""
    request = {"environment": environment, "name": name, "revoke": True}
    act_at_once(opened(workspace), "set_token", request, dry_run=False, as_json=as_json, tell_notes=show_aside)


@app.command("list")
def list_tokens(
    environment: EnvironmentArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """The tokens of an environment, by name."""
    with opened(workspace).store.read() as db:
        found = tokens.tokens(db, environment)
    if as_json:
        rows = [
            {"name": t.name, "actor": t.actor, "created_at": t.created_at, "revoked_at": t.revoked_at} for t in found
        ]
        show_json({"tokens": rows})
        return
    if not found:
        show(f"{environment} has no token, so that whoever reaches it may ask it.")
        return
    show_table(
        ("NAME", "BY", "CREATED", "STATE"),
        [
            (t.name, t.actor, clock(t.created_at), f"revoked {clock(t.revoked_at)}" if t.revoked_at else "let in")
            for t in found
        ],
    )
