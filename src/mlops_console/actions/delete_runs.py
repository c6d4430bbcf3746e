"""Put runs in the trash, from where they can be restored."""

from typing import Any

from pydantic import Field

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.plans import Change, Plan
from mlops_console.core.runs import Run
from mlops_console.store import runs
from mlops_console.store.database import Connection
from mlops_console.store.workspace import Workspace

_LISTED = 12  # runs that a plan names


class DeleteRuns(Request):
    runs: tuple[str, ...] = Field(min_length=1, max_length=10_000)


def subject_of(found: list[Run]) -> str:
    """What the ledger calls several runs."""
    return found[0].id if len(found) == 1 else f"{len(found)} runs"


def named(found: list[Run]) -> str:
    return f"run {found[0].name}" if len(found) == 1 else f"{len(found):,} runs"


def changes(found: list[Run], before: str | None, after: str | None) -> tuple[Change, ...]:
    """What becomes of each run; None stands for its status."""
    listed = [Change(f"run {run.name}", before or run.status, after or run.status) for run in found[:_LISTED]]
    if len(found) > _LISTED:
        listed.append(Change(f"and {len(found) - _LISTED:,} more", before or "", after or ""))
    return tuple(listed)


def read(db: Connection, names: tuple[str, ...]) -> list[Run]:
    """The runs that are meant.

    Raises:
        NotFoundError: there is no such run.
    """
    exact = {run.id: run for run in runs.of_ids(db, names)}
    found = (exact.get(name) or runs.get(db, name) for name in names)
    return list({run.id: run for run in found}.values())


def _plan(workspace: Workspace, request: DeleteRuns) -> Plan:
    with workspace.store.read() as db:
        found = read(db, request.runs)
    live = next((run for run in found if not run.status.is_final), None)
    ids = " ".join(run.id for run in found)
    return Plan(
        action="delete_runs",
        subject=subject_of(found),
        title=f"Move {named(found)} to the trash",
        command=f"mlops-console run delete {ids}",
        changes=changes(found, None, "in the trash"),
        notes=("'mlops-console run restore' brings them back, until 'mlops-console run purge'.",),
        refused=f"Run {live.name} is {live.status}: stop it first." if live else None,
        hint=f"'mlops-console run stop {live.id}' stops it." if live else "",
    )


def _perform(workspace: Workspace, request: DeleteRuns, job: JobContext) -> dict[str, Any]:
    with workspace.store.write() as tx:
        found = read(tx, request.runs)
        for run in found:
            runs.delete(tx, run.id)
        result = {"runs": [run.id for run in found], "names": [run.name for run in found]}
        job.record(tx, result)
    return result


ACTION = Action("delete_runs", DeleteRuns, "caller", _plan, _perform)
