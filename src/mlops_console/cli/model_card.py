"""`model card`: what is known of a version, as Markdown."""

from pathlib import Path
from typing import Annotated

import typer

from mlops_console.cli.model_options import RefArgument
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json
from mlops_console.core.errors import UsageError
from mlops_console.core.models import ModelRef
from mlops_console.models.card import build
from mlops_console.models.card_facts import gather
from mlops_console.store import models


def card(
    ref: RefArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="By default standard output.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """A model card as Markdown: what is known of a version, and what is not."""
    found = opened(workspace)
    with found.store.read() as db:
        version = models.get(db, ModelRef.parse(ref))
    made = build(gather(found, version))
    text = made.markdown()
    if output is not None:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{output} can't be written: {error.strerror}.", "Name another file.") from None
    if as_json:
        gaps = [{"section": s.title, "what": g.what, "how": g.how} for s in made.sections for g in s.gaps]
        show_json(
            {
                "model": version.model,
                "version": version.version,
                "file": str(output) if output else None,
                "markdown": text,
                "gaps": gaps,
            }
        )
    elif output is None:
        show(text.rstrip("\n"))
    else:
        show(f"{output} is the card of {version.ref}; {len(made.gaps)} things are not known.")
