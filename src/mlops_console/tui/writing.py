"""Texts that somebody wants in a file: written in a thread, and never over another file unasked."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message

from mlops_console.core.errors import StoreError
from mlops_console.core.text import safe_line

if TYPE_CHECKING:
    from textual.app import App

    from mlops_console.store.workspace import Workspace


@dataclass
class Written(Message, bubble=False):
    path: Path


@dataclass
class Taken(Message, bubble=False):
    """A file of this name is there already: the text was not written."""

    path: Path
    text: str


def place_of(workspace: "Workspace", name: str) -> Path:
    """Where a file of this name goes: without a folder, into that of the workspace."""
    given = Path(name.strip())
    return workspace.root / (given.expanduser() if given.parts[:1] == ("~",) else given)


def write(path: Path, text: str, replace: bool = False) -> Written | Taken:
    """Write a file, and only if there is none yet unless it is to `replace` one.

    Raises:
        StoreError: it can't be written.
    """
    try:
        with path.open("w" if replace else "x", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(text)
    except FileExistsError:
        return Taken(path, text)
    except ValueError:
        raise StoreError("That is no name of a file.", "Choose another name.") from None
    except OSError as error:
        raise StoreError(f"{path} can't be written: {error.strerror}.", "Choose another place.") from None
    return Written(path)


def ask_to_replace(app: "App[Any]", taken: Taken, replace: Callable[[], None]) -> None:
    """Ask what is to become of the file that is there, and call `replace` if it may go."""
    from mlops_console.tui.screens.dialogs.picker import Choice, Picker

    choices = [Choice("", "Leave it as it is"), Choice("replace", "Replace it")]
    title = f"{safe_line(taken.path.name, 100)} is there already"
    app.push_screen(Picker(title, choices), lambda choice: replace() if choice else None)
