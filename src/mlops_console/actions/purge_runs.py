"""Delete what is in the trash for ever, and the files that nothing needs any more."""

import contextlib
import shutil
import time
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.plans import Change, Plan
from mlops_console.core.text import duration, safe_line, size
from mlops_console.pipelines import sweep
from mlops_console.store import protection, trash
from mlops_console.store.objects import SETTLED
from mlops_console.store.protection import Protected
from mlops_console.store.workspace import Workspace
from mlops_console.tracking.recover import take_in_left_behind

_NAMED = 5  # runs that stay, by name
_ID_LENGTH = 16


class PurgeRuns(Request):
    """`older_than`: only what was deleted so many seconds ago."""

    older_than: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)


def _plan(workspace: Workspace, request: PurgeRuns) -> Plan:
    before = time.time() - request.older_than
    with workspace.store.read() as db:
        found = trash.contents(db, before)
        needed = trash.needed_objects(db, without=before)
        needed_versions = protection.protected(db)
    freed = sum(path.stat().st_size for path in workspace.objects.unneeded(needed))
    option = f" --older-than {request.older_than:g}s" if request.older_than else ""
    notes = [f"Files that nothing needs go as well, once they are {duration(SETTLED)} old."]
    notes += _kept(found, needed_versions)
    return Plan(
        action="purge_runs",
        subject="trash",
        title=f"Delete {_runs(len(found.runs))} for ever",
        command=f"mlops-console run purge{option}",
        changes=(
            Change("runs in the trash", f"{len(found.runs) + len(found.kept):,}", f"{len(found.kept):,}"),
            Change("stored files", "", f"{size(freed)} are freed"),
        ),
        notes=tuple(notes),
    )


def _kept(found: trash.Trash, needed: Sequence[Protected]) -> Iterator[str]:
    """What stays, and why."""
    if found.kept:
        both = zip(found.kept[:_NAMED], found.versions, strict=False)
        names = ", ".join(f"{safe_line(name, 40)} ({safe_line(versions, 80)})" for name, versions in both)
        more = f" and {len(found.kept) - _NAMED:,} more" if len(found.kept) > _NAMED else ""
        yield f"{len(found.kept):,} stay, as model versions came from them: {names}{more}."
    for version in needed[:_NAMED]:
        yield f"{version.ref} stays, with all that it was made of: it {version.why}."
    if len(needed) > _NAMED:
        yield f"{len(needed) - _NAMED:,} more versions stay, as environments serve them or may go back to them."


def _runs(n: int) -> str:
    return "1 run" if n == 1 else f"{n:,} runs"


def _perform(workspace: Workspace, request: PurgeRuns, job: JobContext) -> dict[str, Any]:
    """Rows first, then files: whatever is killed on the way, the next purge finishes."""
    take_in_left_behind(workspace)  # what those records refer to is needed
    before = time.time() - request.older_than
    with workspace.store.read() as db:
        found = trash.contents(db, before)
    gone = sum(_purge(workspace, key, run_id, before) for key, run_id in found.runs)
    with workspace.store.write() as tx:
        trash.forget_experiments(tx)
    freed = workspace.objects.sweep(lambda: _needed(workspace))
    _sweep_logs(workspace)
    sweep.forget(workspace, lambda: _known(workspace))
    return {"runs": gone, "kept": list(found.kept), "freed": freed}


def _purge(workspace: Workspace, key: int, run_id: str, before: float) -> bool:
    with workspace.store.write() as tx:
        if not trash.condemn(tx, key, before):
            return False
    more = True
    while more:
        with workspace.store.write() as tx:
            more = trash.shrink(tx, key)
    with workspace.store.write() as tx:
        logs = trash.purge(tx, key)
    shutil.rmtree(workspace.logs_dir / run_id, ignore_errors=True)
    for log in logs:
        path = (workspace.root / log).resolve()
        if path.is_relative_to(workspace.logs_dir.resolve()):
            with contextlib.suppress(OSError):
                path.unlink()
    return True


def _needed(workspace: Workspace) -> set[str]:
    with workspace.store.read() as db:
        return trash.needed_objects(db)


def _known(workspace: Workspace) -> set[str]:
    with workspace.store.read() as db:
        return trash.known_ids(db)


def _sweep_logs(workspace: Workspace) -> None:
    """Delete the logs of runs that an earlier purge was killed over; not of those that have yet to reach the store."""
    old = [
        folder
        for folder in workspace.logs_dir.iterdir()
        if len(folder.name) == _ID_LENGTH and folder.is_dir() and time.time() - folder.stat().st_mtime > SETTLED
    ]
    known = _known(workspace) if old else set()
    for folder in old:
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)


ACTION = Action("purge_runs", PurgeRuns, "caller", _plan, _perform)
