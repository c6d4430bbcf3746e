"""What this process holds: a clerk for each workspace, and the runs that have not ended; what a fork makes of them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_console.tracking import endings
from mlops_console.tracking.clerk import Clerk
from mlops_console.tracking.endings import Ending

if TYPE_CHECKING:
    from mlops_console.tracking.run import Run

runs: "set[Run]" = set()
_clerks: dict[Path, Clerk] = {}


def clerk(root: Path) -> Clerk:
    """The clerk of a workspace in this process; hired when it is first asked for."""
    found = _clerks.get(root)
    if found is None:
        found = _clerks[root] = Clerk(root)
    return found


def forget(run: "Run") -> None:
    """A run has ended."""
    runs.discard(run)
    if not runs:
        endings.unwatch_signals()


def end_all(ending: Ending) -> None:
    for run in list(runs):
        run._end(ending)


def _before_fork() -> None:
    for found in _clerks.values():
        found.before_fork()


def _after_in_parent() -> None:
    for found in _clerks.values():
        found.after_fork()


def _after_in_child() -> None:
    """The clerks' threads are not here, and the segments are the parent's: what the child logs gets its own."""
    _clerks.clear()
    for run in runs:
        run._journal.detach()
    runs.clear()
    endings.unwatch_signals()


os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
