"""What a filter of the runs that is being typed may go on with, read from the names and values in the store."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.completions import Completion, complete

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace


@dataclass
class CompletionLoaded(Message, bubble=False):
    text: str
    completion: Completion


def read_completion(workspace: "Workspace", text: str, cursor: int) -> CompletionLoaded:
    from mlops_console.store import run_table

    with workspace.store.read() as db:
        names = run_table.field_names(db)
        found = complete(text, cursor, names, lambda field, beginning: run_table.field_values(db, field, beginning))
    return CompletionLoaded(text, found)
