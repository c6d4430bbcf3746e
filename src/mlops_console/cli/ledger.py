"""`ledger list|verify|head|export`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from mlops_console.cli import shapes
from mlops_console.cli.ledger_file import export_entries, read_entries
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import text
from mlops_console.core.errors import StoreError, UsageError
from mlops_console.core.ledger import Head, Verification
from mlops_console.core.ledger import verify as verify_entries
from mlops_console.store import ledger

app = typer.Typer(help="The ledger: who did what, and when.", no_args_is_help=True)

_NOT_PROVEN = (
    "No head of it was noted elsewhere, so that neither would show: that its newest entries were cut off, or that "
    "somebody has written all of it anew. Note what 'mlops-console ledger head' prints, and give it as --head."
)
_KEPT_BESIDE = (
    "The file ledger.head lies beside the store: who can write there can change both. A head that is noted elsewhere "
    "('mlops-console ledger head', then --head) shows that too."
)


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
def verify(
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="What 'ledger export' has written; not the store.")
    ] = None,
    noted: Annotated[
        list[str] | None,
        typer.Option("--head", metavar="SEQ:HASH", help="What 'ledger head' has printed once; again for more."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the hash chain, and against heads that were noted; a broken one exits with 1."""
    heads = {f"--head {head}": head for head in map(Head.parse, noted or ())}
    if file is not None:
        found = verify_entries(read_entries(file), heads)
    else:
        found = ledger.verification(opened(workspace).store, heads)
    if as_json:
        show_json(_document(found))
    elif found.broken is None:
        _tell(found)
    if found.broken is not None:
        if as_json:
            raise typer.Exit(1)
        raise StoreError(f"The ledger is broken at entry {found.broken.seq}: {found.broken.why}.")


@app.command("head")
def head(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Print SEQ:HASH of the newest entry, to be noted where nobody can change it: in a ticket, in CI."""
    with opened(workspace).store.read() as db:
        found = ledger.head(db)
    if as_json:
        show_json({"seq": found.seq, "hash": found.hash, "head": str(found)})
    else:
        show(str(found))


@app.command("export")
def export(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="- is standard output.")] = "-",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write all entries with their hashes as JSON lines, the oldest first."""
    if file == "-" and as_json:
        raise UsageError("Standard output can't be the file and hold a JSON document too.", "Name a file.")
    found = export_entries(opened(workspace).store, file)
    if as_json:
        show_json({"file": file, "entries": found.seq, "head": str(found)})
    elif file != "-":
        show(f"{file} has {found.seq:,} entries; the head is {found}.")


def _tell(found: Verification) -> None:
    show(f"The chain of {found.entries:,} entries is whole.")
    for kept in found.noted:
        since = f"; {kept.later:,} have come since" if kept.later else ""
        show(f"It has entry {kept.head.seq} as {kept.where} knows it{since}.")
    if not found.noted:
        show(_NOT_PROVEN)
    elif all(kept.where == "ledger.head" for kept in found.noted):
        show(_KEPT_BESIDE)


def _document(found: Verification) -> dict[str, Any]:
    return {
        "entries": found.entries,
        "first_broken": found.broken.seq if found.broken else None,
        "why": found.broken.why if found.broken else None,
        "head": str(found.head),
        "noted": [{"where": kept.where, "seq": kept.head.seq, "later": kept.later} for kept in found.noted],
    }
