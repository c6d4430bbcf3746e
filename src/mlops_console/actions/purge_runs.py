"""Delete what is in the trash for ever, and the objects that nothing needs any more."""

import shutil
import time
from typing import Any

from pydantic import Field

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.plans import Change, Plan
from mlops_console.core.text import duration, safe_line, size
from mlops_console.store import trash
from mlops_console.store.objects import SETTLED
from mlops_console.store.workspace import Workspace

_NAMED = 5  # runs that stay, by name


class PurgeRuns(Request):
    """`older_than`: only what was deleted so many seconds ago."""

    older_than: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)


def _plan(workspace: Workspace, request: PurgeRuns) -> Plan:
    with workspace.store.read() as db:
        found = trash.contents(db, time.time() - request.older_than)
    option = f" --older-than {request.older_than:.0f}s" if request.older_than else ""
    notes = [f"Objects that nothing needs and that are older than {duration(SETTLED)} go as well."]
    if found.kept:
        names = ", ".join(safe_line(name, 40) for name in found.kept[:_NAMED])
        more = f" and {len(found.kept) - _NAMED} more" if len(found.kept) > _NAMED else ""
        notes.append(f"{len(found.kept)} stay, as model versions came from them: {names}{more}.")
    return Plan(
        action="purge_runs",
        subject="trash",
        title=f"Delete {len(found.runs):,} runs for ever",
        command=f"mlops-console run purge{option}",
        changes=(
            Change("runs in the trash", f"{len(found.runs) + len(found.kept):,}", f"{len(found.kept):,}"),
            Change("space", "", f"{size(found.freed)} of artifacts freed"),
        ),
        notes=tuple(notes),
    )


def _perform(workspace: Workspace, request: PurgeRuns, job: JobContext) -> dict[str, Any]:
    """Rows first, then files: whatever is killed on the way, the next purge finishes."""
    before = time.time() - request.older_than
    with workspace.store.read() as db:
        found = trash.contents(db, before)
    gone = sum(_purge(workspace, key, run_id, before) for key, run_id in found.runs)
    freed = workspace.objects.sweep(lambda: _needed(workspace))
    return {"runs": gone, "kept": len(found.kept), "freed": freed}


def _purge(workspace: Workspace, key: int, run_id: str, before: float) -> bool:
    more = True
    while more:
        with workspace.store.write() as tx:
            if not trash.is_purgeable(tx, key, before):
                return False
            more = trash.shrink(tx, key)
    with workspace.store.write() as tx:
        gone = trash.purge(tx, key, before)
    if gone:
        shutil.rmtree(workspace.logs_dir / run_id, ignore_errors=True)
    return gone


def _needed(workspace: Workspace) -> set[str]:
    with workspace.store.read() as db:
        return trash.needed_objects(db)


ACTION = Action("purge_runs", PurgeRuns, "caller", _plan, _perform)
