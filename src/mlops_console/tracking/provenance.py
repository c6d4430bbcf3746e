"""Where a run comes from: what is known at once at its start, and what is added at its end."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_console.core.runs import Provenance
from mlops_console.models.packages import loaded_packages
from mlops_console.tracking.git import read_state


def at_start(event: dict[str, Any]) -> Provenance:
    """What the `start` event of a run says of itself, and the commit and branch of the tree it was started in."""
    state = read_state(Path(event["folder"]))
    return Provenance(
        user=event["user"],
        command=event["command"],
        git_commit=state.commit,
        git_branch=state.branch,
        python=event["python"],
    )


def with_dirty(origin: Provenance, dirty: bool) -> Provenance:
    """The same with whether the tree is dirty; where there is no commit nothing can be."""
    return replace(origin, git_dirty=dirty) if origin.git_commit and origin.git_dirty is None else origin


def completed(origin: Provenance) -> Provenance:
    """The same with what is known at the end: the packages that were used."""
    return replace(origin, packages={**origin.packages, **loaded_packages()})
