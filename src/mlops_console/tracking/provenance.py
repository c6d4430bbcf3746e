"""Where a run comes from: what is known at once at its start, and what the clerk finds out afterwards."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_console.core.runs import Provenance
from mlops_console.models.packages import loaded_packages
from mlops_console.tracking.git import is_dirty, read_state


def at_start(event: dict[str, Any]) -> Provenance:
    """What the `start` event of a run says of itself, and the commit of its tree."""
    state = read_state(Path(event["folder"]))
    return Provenance(
        user=event["user"],
        command=event["command"],
        git_commit=state.commit,
        git_branch=state.branch,
        python=event["python"],
        packages=event["packages"],
    )


def completed(origin: Provenance, folder: Path) -> Provenance:
    """The same with what takes longer: whether the tree is dirty, and the packages that are loaded by now."""
    dirty = is_dirty(folder) if origin.git_commit and origin.git_dirty is None else origin.git_dirty
    return replace(origin, git_dirty=dirty, packages={**origin.packages, **loaded_packages()})
