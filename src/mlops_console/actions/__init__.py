"""Actions by name. A new one is a file here that defines `ACTION`, and its line in the table."""

import contextlib
import importlib
from collections.abc import Mapping
from typing import Any

from mlops_console.actions.base import Action, JobContext, RunsIn, ensure_writable
from mlops_console.core.errors import MlopsError, RefusedError, StoreError, UsageError
from mlops_console.core.jobs import Job, Turn
from mlops_console.core.plans import Plan
from mlops_console.core.text import did_you_mean
from mlops_console.store import jobs, ledger, runs
from mlops_console.store.database import Connection
from mlops_console.store.identity import actor as os_user
from mlops_console.store.workspace import Workspace

_TABLE = {
    "train": "mlops_console.actions.train",
    "sweep": "mlops_console.actions.sweep",
    "deploy": "mlops_console.actions.deploy",
    "rollback": "mlops_console.actions.rollback",
    "roll_out": "mlops_console.actions.roll_out",
    "approve": "mlops_console.actions.approve",
    "promote": "mlops_console.actions.promote",
    "abort": "mlops_console.actions.abort",
    "freeze": "mlops_console.actions.freeze",
    "unfreeze": "mlops_console.actions.unfreeze",
    "set_token": "mlops_console.actions.set_token",
    "check_drift": "mlops_console.actions.check_drift",
    "set_alias": "mlops_console.actions.set_alias",
    "compile_model": "mlops_console.actions.compile_model",
    "stop_job": "mlops_console.actions.stop_job",
    "stop_run": "mlops_console.actions.stop_run",
    "delete_runs": "mlops_console.actions.delete_runs",
    "restore_runs": "mlops_console.actions.restore_runs",
    "purge_runs": "mlops_console.actions.purge_runs",
    "delete_experiment": "mlops_console.actions.delete_experiment",
    "restore_experiment": "mlops_console.actions.restore_experiment",
    "importance": "mlops_console.actions.importance",
    "set_trigger": "mlops_console.actions.set_trigger",
    "fire_trigger": "mlops_console.actions.fire_trigger",
    "import_feedback": "mlops_console.actions.import_feedback",
    "acknowledge": "mlops_console.actions.acknowledge",
    "resolve_alert": "mlops_console.actions.resolve_alert",
    "silence": "mlops_console.actions.silence",
    "unsilence": "mlops_console.actions.unsilence",
}
_NAMES_ITS_RUN = {"sweep": "sweep"}  # the field of the run that the plan names anew, each time that it is asked for


def get(name: str) -> Action[Any]:
    """The action of this name; its module is imported now.

    Raises:
        UsageError: there is none.
    """
    if name not in _TABLE:
        known = ", ".join(_TABLE)
        raise UsageError(f"There is no action {name!r}{did_you_mean(name, _TABLE) or '.'}", f"Known are: {known}.")
    action: Action[Any] = importlib.import_module(_TABLE[name]).ACTION
    return action


def places() -> dict[str, RunsIn]:
    """Where each action is performed; imports all of them."""
    return {name: get(name).runs_in for name in _TABLE}


def slotless() -> frozenset[str]:
    """The actions that need no slot of the worker; imports all of them."""
    return frozenset(name for name in _TABLE if not get(name).takes_slot)


def plan(workspace: Workspace, name: str, request: Mapping[str, Any]) -> Plan:
    """What an action would change. Allowed in a read-only console.

    Raises:
        UsageError: the request makes no sense.
    """
    action = get(name)
    return action.plan(workspace, action.check(request))


def check(workspace: Workspace, name: str, request: Mapping[str, Any]) -> Plan:
    """The plan of an action that may be performed or queued now.

    Raises:
        UsageError: the request makes no sense.
        RefusedError: the console is read-only, or the plan is refused; the ledger tells of it.
    """
    found = plan(workspace, name, request)
    try:
        ensure_writable(workspace)
        if found.refused is not None:
            is_failing = any(not gate.passed for gate in found.gates)
            figures = f"'{found.command} --dry-run' shows the figures." if is_failing else ""
            raise RefusedError(found.refused, f"{found.hint} {figures}".strip())
    except RefusedError as error:
        detail = {"request": dict(request), **found.settles, "error": error.message}
        record(workspace, os_user(), name, found.subject, "refused", detail)
        raise
    return found


def queue(
    tx: Connection, workspace: Workspace, name: str, request: Mapping[str, Any], subject: str, actor: str, turn: Turn
) -> tuple[int, bool]:
    """Queue an action that is performed by the worker: the job, and whether it was there already to do the same.

    Raises:
        UsageError: the request makes no sense, or its key is that of a job which does something else.
    """
    action = get(name)
    checked = action.check(request)
    asked = checked.model_dump(mode="json")
    found = _keyed(tx, name, subject, turn.key) if turn.key is not None else _same(tx, name, asked, turn)
    if found is not None:
        return found.id, True
    job_id = jobs.enqueue(tx, name, subject, asked, actor, turn)
    if action.queued is not None:
        action.queued(tx, workspace, checked, job_id)
    return job_id, False


def _keyed(tx: Connection, name: str, subject: str, key: str) -> Job | None:
    found = jobs.with_key(tx, key)
    if found is not None and (found.action, found.subject) != (name, subject):
        raise UsageError(
            f"The key {key!r} is that of job {found.id} ({found.action} {found.subject}), not of {name} {subject}.",
            "Give each kind of job keys of its own.",
        )
    return found


def _same(tx: Connection, name: str, asked: Mapping[str, Any], turn: Turn) -> Job | None:
    """What the plan has only named for this asking makes no difference; the run of a job that goes on with it does."""
    field = _NAMES_ITS_RUN.get(name)
    apart = field if field is not None and not runs.of_ids(tx, [str(asked[field])]) else None
    return jobs.same(tx, name, asked, turn, apart)


def perform(workspace: Workspace, name: str, request: Mapping[str, Any]) -> tuple[Plan, dict[str, Any]]:
    """Perform an action of kind `caller`, with its entry in the ledger: its plan and its result.

    Raises:
        MlopsError: what the request, the plan or the action itself raise.
    """
    action = get(name)
    found = check(workspace, name, request)
    context = JobContext(workspace, name, found.subject)
    try:
        result = action.perform(workspace, action.check(request), context)
    except MlopsError as error:
        outcome = "refused" if isinstance(error, RefusedError) else "failed"
        detail = {"request": dict(request), "error": error.message}
        record(workspace, context.actor, name, context.subject, outcome, detail)
        raise
    if not context.recorded:
        record(workspace, context.actor, name, context.subject, "succeeded", {"request": dict(request), **result})
    return found, result


def record(
    workspace: Workspace, actor: str, action: str, subject: str, outcome: str, detail: Mapping[str, Any]
) -> None:
    """One entry in the ledger. A store that can't be written must not hide the error that is about to be told."""
    with contextlib.suppress(StoreError), workspace.store.write() as tx:
        ledger.append(tx, actor, action, subject, outcome, detail)
