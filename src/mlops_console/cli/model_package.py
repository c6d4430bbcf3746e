"""`model package`: a version as a folder or file that serves without the workspace."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json
from mlops_console.core.errors import UsageError
from mlops_console.core.models import ModelRef
from mlops_console.store import models

if TYPE_CHECKING:
    from mlops_console.models.packaging import Format

_FORMATS: "dict[str, Format]" = {"oci-dir": "oci-dir", "zip": "zip"}


def package_model(
    ref: Annotated[str, typer.Argument(metavar="MODEL_REF", help="fraud:7 or fraud@champion")],
    output_format: Annotated[
        str, typer.Option("--format", metavar="oci-dir|zip", help="A folder, for docker build and OCI tools, or a zip.")
    ] = "oci-dir",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where it is put.")] = Path(),
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a folder that serves a version on a machine without the workspace."""
    from mlops_console.models.packaging import package

    kind = _FORMATS.get(output_format)
    if kind is None:
        raise UsageError(f"There is no format {output_format!r}.", f"Known are: {', '.join(_FORMATS)}.")
    found = opened(workspace)
    with found.store.read() as db:
        version = models.get(db, ModelRef.parse(ref))
    try:
        path = package(found, version, kind, output)
    except OSError as error:
        raise UsageError(f"{output} can't be written: {error.strerror}.", "Give another --output.") from None
    if as_json:
        show_json({"model": version.model, "version": version.version, "format": kind, "path": str(path.resolve())})
    else:
        how = f"unzip {path}, then " if kind == "zip" else ""
        show(f"{version.ref} is packaged as {path}: {how}see its README.md.")
