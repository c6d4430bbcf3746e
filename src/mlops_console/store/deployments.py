"""Reading environments and their revisions: what serves where, what is on its way, how each came to its state."""

import json
import sqlite3
from collections.abc import Iterable
from functools import lru_cache

from mlops_console.core.deployments import (
    Approval,
    Environment,
    Freeze,
    Revision,
    RevisionChange,
    RevisionState,
    RolloutPlan,
    ServerHealth,
    ServerProcess,
    ServerSettings,
    TargetSettings,
)
from mlops_console.core.errors import NotFoundError
from mlops_console.core.plans import GateResult
from mlops_console.store import server_processes
from mlops_console.store.database import damage_told

_SELECT = """
    SELECT v.*, mv.version AS version, m.name AS model FROM revisions v
    JOIN model_versions mv ON mv.key = v.model_version_key JOIN models m ON m.key = mv.model_key
"""


def environments(db: sqlite3.Connection) -> list[Environment]:
    """All environments that something was ever deployed to, by name."""
    return [_environment(db, row) for row in db.execute("SELECT * FROM environments ORDER BY name")]


def environment(db: sqlite3.Connection, name: str) -> Environment | None:
    row = db.execute("SELECT * FROM environments WHERE name = ?", (name,)).fetchone()
    return _environment(db, row) if row else None


def epoch(db: sqlite3.Connection, environment: str) -> int:
    """The number of an environment's newest change; -1 for one that is not known. Cheap."""
    row = db.execute("SELECT epoch FROM environments WHERE name = ?", (environment,)).fetchone()
    return -1 if row is None else int(row[0])


def revisions(db: sqlite3.Connection, environment: str, limit: int = 1000) -> list[Revision]:
    """The revisions of an environment, newest first."""
    rows = db.execute(f"{_SELECT} WHERE v.environment = ? ORDER BY v.revision DESC LIMIT ?", (environment, limit))
    return [_revision(row) for row in rows]


def revision(db: sqlite3.Connection, environment: str, number: int) -> Revision:
    """One revision.

    Raises:
        NotFoundError: there is none of this number.
    """
    row = db.execute(f"{_SELECT} WHERE v.environment = ? AND v.revision = ?", (environment, number)).fetchone()
    if row is None:
        raise NotFoundError(
            f"{environment} has no revision {number}.", f"'mlops-console history {environment}' shows them."
        )
    return _revision(row)


def waiting(db: sqlite3.Connection) -> list[Revision]:
    """The revisions of all environments that wait for approvals."""
    return [_revision(row) for row in db.execute(f"{_SELECT} WHERE v.state = 'waiting'")]


def abandoned(db: sqlite3.Connection) -> list[Revision]:
    """The revisions of all environments that are to come, but whose job has ended: nobody brings them on their way."""
    rows = db.execute(
        f"{_SELECT} JOIN jobs j ON j.id = v.job_id WHERE v.state IN ('planned', 'loading', 'testing', 'canary') "
        "AND j.state NOT IN ('queued', 'running') AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.action = 'roll_out' "
        "AND o.state IN ('queued', 'running') AND o.subject = v.environment "
        "AND json_extract(o.request, '$.revision') = v.revision)"
    )
    return [_revision(row) for row in rows]


def revision_of_job(db: sqlite3.Connection, job_id: int) -> Revision | None:
    row = db.execute(f"{_SELECT} WHERE v.job_id = ?", (job_id,)).fetchone()
    return _revision(row) if row else None


def changes(db: sqlite3.Connection, environment: str, number: int) -> list[RevisionChange]:
    """The life of a revision, oldest first."""
    rows = db.execute(
        "SELECT * FROM revision_changes WHERE environment = ? AND revision = ? ORDER BY position", (environment, number)
    )
    return [_change(row) for row in rows]


def approvals(db: sqlite3.Connection, environment: str, number: int) -> list[Approval]:
    """Who has approved a revision, oldest first."""
    rows = db.execute(
        "SELECT * FROM approvals WHERE environment = ? AND revision = ? ORDER BY at", (environment, number)
    )
    return [Approval(row["actor"], row["at"], row["reason"]) for row in rows]


def gate_results(db: sqlite3.Connection, environment: str, number: int) -> list[GateResult]:
    rows = db.execute(
        "SELECT gate, passed, figure FROM gate_results WHERE environment = ? AND revision = ? ORDER BY position",
        (environment, number),
    )
    return [GateResult(row["gate"], bool(row["passed"]), row["figure"]) for row in rows]


def live_at(db: sqlite3.Connection, environment: str, at: float) -> Revision | None:
    """The revision that was live at a time."""
    row = db.execute(
        f"{_SELECT} WHERE v.environment = ? AND v.live_at <= ? AND (v.ended_at IS NULL OR v.ended_at > ?) "
        "ORDER BY v.revision DESC LIMIT 1",
        (environment, at, at),
    ).fetchone()
    return _revision(row) if row else None


@damage_told("an environment")
def _environment(db: sqlite3.Connection, row: sqlite3.Row) -> Environment:
    name = row["name"]
    found = db.execute(
        f"{_SELECT} WHERE v.environment = ? AND (v.state = 'live' OR v.revision = ?)", (name, row["candidate"])
    ).fetchall()
    by_state = {entry.state is RevisionState.LIVE: entry for entry in map(_revision, found)}
    live, candidate = by_state.get(True), by_state.get(False)
    processes = server_processes.alive(db, name)
    target = TargetSettings(**json.loads(row["target"])) if row["target"] else None
    return Environment(
        name,
        row["model"],
        row["port"],
        row["host"],
        ServerSettings.read(json.loads(row["settings"])),
        row["epoch"],
        live,
        candidate,
        Freeze(row["frozen_at"], row["frozen_by"], row["frozen_reason"]) if row["frozen_at"] is not None else None,
        row["error"],
        _health(processes, row["error"], live, target),
        processes,
        target,
    )


def _health(
    processes: Iterable[ServerProcess], error: str | None, live: Revision | None, target: TargetSettings | None
) -> ServerHealth:
    found = {process.health for process in processes}
    if target is not None:
        return ServerHealth.FAILED if error else ServerHealth.READY if live else ServerHealth.NONE
    for health in (ServerHealth.READY, ServerHealth.STARTING, ServerHealth.FAILED):
        if health in found:
            return health
    if error:
        return ServerHealth.FAILED
    return ServerHealth.STOPPED if live else ServerHealth.NONE


@damage_told("a change of a revision")
def _change(row: sqlite3.Row) -> RevisionChange:
    return RevisionChange(RevisionState(row["state"]), row["at"], row["actor"], row["reason"])


@damage_told("a revision")
def _revision(row: sqlite3.Row) -> Revision:
    rollout, step = _rollout(row["rollout"]), row["step"]
    if step is not None and not 0 <= step < len(rollout.steps):
        raise ValueError(f"there is no step {step}")
    return Revision(
        row["environment"],
        row["revision"],
        row["model"],
        row["version"],
        row["kind"],
        RevisionState(row["state"]),
        row["actor"],
        row["reason"],
        row["created_at"],
        row["live_at"],
        row["ended_at"],
        row["restores"],
        row["error"],
        row["job_id"],
        rollout,
        step,
        row["step_at"],
        row["approvals"],
        row["expires_at"],
        row["break_glass"],
    )


@lru_cache(maxsize=256)
def _rollout(text: str) -> RolloutPlan:
    """Kept, as most revisions of an environment have the same one, and a rollback's plan reads them all."""
    plan = RolloutPlan.read(json.loads(text))
    if not all(0 <= share <= 1 for share in plan.steps):
        raise ValueError("a share is no part of the traffic")
    return plan
