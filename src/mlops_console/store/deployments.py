"""Environments and their revisions: what serves where, what is on its way, and how each came to its state."""

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache

from mlops_console.core.deployments import (
    MOVES,
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
from mlops_console.core.models import ModelVersion
from mlops_console.core.plans import GateResult
from mlops_console.store import server_processes
from mlops_console.store.changes import Topic, announce
from mlops_console.store.database import damage_told

_SELECT = """
    SELECT v.*, mv.version AS version, m.name AS model FROM revisions v
    JOIN model_versions mv ON mv.key = v.model_version_key JOIN models m ON m.key = mv.model_key
"""


def ensure_environment(
    tx: sqlite3.Connection,
    name: str,
    model: str,
    host: str,
    port: int,
    settings: ServerSettings | None = None,
    target: TargetSettings | None = None,
) -> None:
    """Make an environment known, or bring its settings up to date.

    Args:
        target: None where our own servers serve.
    """
    settled = json.dumps(asdict(settings or ServerSettings()))
    tx.execute(
        "INSERT INTO environments (name, model, host, port, settings, target) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET model = excluded.model, host = excluded.host, port = excluded.port, "
        "settings = excluded.settings, target = excluded.target",
        (name, model, host, port, settled, json.dumps(asdict(target)) if target else ""),
    )
    touch(tx, name)


def touch(tx: sqlite3.Connection, environment: str) -> None:
    """Something has changed that the server processes follow."""
    tx.execute("UPDATE environments SET epoch = epoch + 1 WHERE name = ?", (environment,))
    announce(tx, Topic.ENVIRONMENTS, environment)


def add_revision(
    tx: sqlite3.Connection,
    environment: str,
    version: ModelVersion,
    *,
    kind: str,
    actor: str,
    reason: str,
    restores: int | None = None,
    job_id: int | None = None,
    gates: Iterable[GateResult] = (),
    rollout: RolloutPlan | None = None,
    approvals: int = 0,
    expires_at: float | None = None,
    break_glass: str | None = None,
) -> Revision:
    """Append the next revision, in state `planned`."""
    last = tx.execute("SELECT coalesce(max(revision), 0) FROM revisions WHERE environment = ?", (environment,))
    number = int(last.fetchone()[0]) + 1
    now = time.time()
    tx.execute(
        "INSERT INTO revisions (environment, revision, model_version_key, kind, state, actor, reason, created_at, "
        "restores, job_id, rollout, approvals, expires_at, break_glass) "
        "SELECT ?, ?, mv.key, ?, 'planned', ?, ?, ?, ?, ?, ?, ?, ?, ? FROM model_versions mv "
        "JOIN models m ON m.key = mv.model_key WHERE m.name = ? AND mv.version = ?",
        (
            environment,
            number,
            kind,
            actor,
            reason,
            now,
            restores,
            job_id,
            json.dumps(asdict(rollout or RolloutPlan())),
            approvals,
            expires_at,
            break_glass,
            version.model,
            version.version,
        ),
    )
    _record(tx, environment, number, RevisionState.PLANNED, actor, reason)
    set_gates(tx, environment, number, gates)
    announce(tx, Topic.ENVIRONMENTS, environment)
    return revision(tx, environment, number)


def set_gates(tx: sqlite3.Connection, environment: str, number: int, gates: Iterable[GateResult]) -> None:
    """Keep what the gates said, in the place of what they said before."""
    tx.execute("DELETE FROM gate_results WHERE environment = ? AND revision = ?", (environment, number))
    tx.executemany(
        "INSERT INTO gate_results (environment, revision, position, gate, passed, figure) VALUES (?, ?, ?, ?, ?, ?)",
        [(environment, number, i, gate.gate, gate.passed, gate.figure) for i, gate in enumerate(gates)],
    )


def advance(
    tx: sqlite3.Connection, environment: str, number: int, state: RevisionState, actor: str, reason: str = ""
) -> bool:
    """Bring a revision to its next state; whether that could still follow from the one that it is in.

    `loading` makes it the one that the servers prepare. A canary begins with its first step. Going live retires the
    revision that was, and aborts all others that are not over: what was asked for or approved beside another live
    version is to be asked for anew.
    """
    row = tx.execute(
        "SELECT state FROM revisions WHERE environment = ? AND revision = ?", (environment, number)
    ).fetchone()
    if row is None or state not in MOVES[RevisionState(row["state"])]:
        return False
    now = time.time()
    if state is RevisionState.LIVE:
        _make_way(tx, environment, number, actor)
    failed = state in (RevisionState.FAILED, RevisionState.ABORTED)
    tx.execute(
        "UPDATE revisions SET state = ?, live_at = iif(? = 'live', ?, live_at), ended_at = iif(?, ?, ended_at), "
        "error = iif(?, ?, error) WHERE environment = ? AND revision = ?",
        (state, state, now, state.is_final, now, failed, reason, environment, number),
    )
    _record(tx, environment, number, state, actor, reason)
    if state is RevisionState.CANARY:
        _give_share(tx, environment, number, 0)
    elif state is RevisionState.LOADING:
        tx.execute(
            "UPDATE environments SET candidate = ?, share = 0, error = NULL WHERE name = ?", (number, environment)
        )
    elif state is RevisionState.LIVE or state.is_final:
        tx.execute(
            "UPDATE environments SET candidate = NULL, share = 0, error = iif(?, NULL, error) "
            "WHERE name = ? AND candidate = ?",
            (state is RevisionState.LIVE, environment, number),
        )
    touch(tx, environment)
    return True


def set_step(tx: sqlite3.Connection, environment: str, number: int, step: int, actor: str, reason: str) -> bool:
    """Give a canary the share of its next step; whether it still is one."""
    found = revision(tx, environment, number)
    if found.state is not RevisionState.CANARY:
        return False
    _give_share(tx, environment, number, step)
    _record(tx, environment, number, RevisionState.CANARY, actor, reason)
    touch(tx, environment)
    return True


def give_to_job(tx: sqlite3.Connection, environment: str, number: int, job_id: int) -> None:
    """From now on this job brings the revision on its way."""
    tx.execute("UPDATE revisions SET job_id = ? WHERE environment = ? AND revision = ?", (job_id, environment, number))


def approve(tx: sqlite3.Connection, environment: str, number: int, actor: str, reason: str) -> int:
    """Add a person's approval; how many there are."""
    tx.execute(
        "INSERT INTO approvals (environment, revision, actor, at, reason) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET at = excluded.at, reason = excluded.reason",
        (environment, number, actor, time.time(), reason),
    )
    announce(tx, Topic.ENVIRONMENTS, environment)
    return len(approvals(tx, environment, number))


def set_freeze(tx: sqlite3.Connection, environment: str, freeze: Freeze | None) -> None:
    """Freeze an environment, or unfreeze it with None."""
    tx.execute(
        "UPDATE environments SET frozen_at = ?, frozen_by = ?, frozen_reason = ? WHERE name = ?",
        (*((freeze.at, freeze.actor, freeze.reason) if freeze else (None, None, None)), environment),
    )
    announce(tx, Topic.ENVIRONMENTS, environment)


def set_error(tx: sqlite3.Connection, environment: str, error: str | None) -> None:
    """Why nothing serves there, as the worker or a server process knows it."""
    tx.execute("UPDATE environments SET error = ? WHERE name = ?", (error, environment))
    announce(tx, Topic.ENVIRONMENTS, environment)


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


def _make_way(tx: sqlite3.Connection, environment: str, number: int, actor: str) -> None:
    rows = tx.execute(
        "SELECT revision, state FROM revisions WHERE environment = ? AND revision <> ? "
        "AND state NOT IN ('retired', 'failed', 'aborted')",
        (environment, number),
    ).fetchall()
    for row in rows:
        if row["state"] == RevisionState.LIVE:
            advance(tx, environment, row["revision"], RevisionState.RETIRED, actor, f"revision {number} took its place")
        else:
            reason = f"revision {number} went live before it"
            advance(tx, environment, row["revision"], RevisionState.ABORTED, actor, reason)


def _give_share(tx: sqlite3.Connection, environment: str, number: int, step: int) -> None:
    tx.execute(
        "UPDATE revisions SET step = ?, step_at = ? WHERE environment = ? AND revision = ?",
        (step, time.time(), environment, number),
    )
    tx.execute(
        "UPDATE environments SET share = ? WHERE name = ?", (revision(tx, environment, number).share, environment)
    )


def _record(
    tx: sqlite3.Connection, environment: str, number: int, state: RevisionState, actor: str, reason: str
) -> None:
    tx.execute(
        "INSERT INTO revision_changes SELECT ?1, ?2, (SELECT count(*) FROM revision_changes WHERE environment = ?1 "
        "AND revision = ?2), ?3, ?4, ?5, ?6",
        (environment, number, state, time.time(), actor, reason),
    )


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
