"""`ledger list|verify`."""

import json
from typing import Annotated

import typer

from mlops_console.cli import shapes
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import text
from mlops_console.core.errors import StoreError
from mlops_console.store import ledger

app = typer.Typer(help="The ledger: who did what, and when.", no_args_is_help=True)


@app.command("list")
def list_entries(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at the most.")] = 50,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Entries, the newest first."""
    with opened(workspace).store.read() as db:
        found = ledger.entries(db, limit)
    if as_json:
        show_json({"entries": [shapes.ledger_entry(entry) for entry in found]})
        return
    if not found:
        show("The ledger is empty: nothing was done yet.")
        return
    show_table(
        ("SEQ", "WHEN", "WHO", "ACTION", "ON", "OUTCOME", "DETAIL"),
        [
            (
                e.seq,
                text.clock(e.at),
                e.actor,
                e.action,
                e.subject,
                e.outcome,
                text.shorten(json.dumps(dict(e.detail)), 80),
            )
            for e in found
        ],
        right=("SEQ",),
    )


@app.command("verify")
def verify(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Check the hash chain; a broken one exits with 1."""
    with opened(workspace).store.read() as db:
        broken = ledger.first_broken(db)
        count = ledger.count(db)
    if as_json:
        show_json({"entries": count, "first_broken": broken})
    elif broken is None:
        show(
            f"The chain of {count} entries is whole. It can't tell a chain that somebody with write access has written "
            "anew, nor one whose newest entries were cut off."
        )
    if broken is not None:
        if as_json:
            raise typer.Exit(1)
        raise StoreError(f"The ledger is broken at entry {broken}: it does not follow from those before it.")
