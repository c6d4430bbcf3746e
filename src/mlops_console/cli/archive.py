"""`backup` and `restore`."""

from pathlib import Path
from typing import Annotated

import typer

from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json
from mlops_console.core import text
from mlops_console.core.errors import NotFoundError
from mlops_console.store import archive
from mlops_console.store.workspace import find_workspace

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A .tar.gz file.")]


def add_to(app: typer.Typer) -> None:
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(file: FileArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Write the store, the prediction log and all objects to one file."""
    size = archive.save(opened(workspace), file)
    if as_json:
        show_json({"file": str(file), "size": size})
    else:
        show(f"{file} has {text.size(size)}.")


def restore(file: FileArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Put a backup in the place of the workspace's store, which is kept beside it."""
    root = _place(workspace)
    before = archive.restore(root, file)
    if as_json:
        show_json({"workspace": str(root), "before": str(before) if before else None})
    else:
        show(f"{root} has the store of {file} now." + (f" The old one is {before}." if before else ""))


def _place(folder: Path | None) -> Path:
    """The workspace, or a folder that is none yet."""
    try:
        return find_workspace(folder).root
    except NotFoundError:
        if folder is None or not folder.is_dir():
            raise
        return folder.resolve()
