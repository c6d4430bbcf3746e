"""Changing environments and their revisions. `advance` is the one place that changes the state of a revision."""

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import asdict

from mlops_console.core.deployments import (
    MOVES,
    Freeze,
    Revision,
    RevisionState,
    RolloutPlan,
    ServerSettings,
    TargetSettings,
)
from mlops_console.core.models import ModelVersion
from mlops_console.core.plans import GateResult
from mlops_console.store import alerts, deployments
from mlops_console.store.changes import Topic, announce


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
    return deployments.revision(tx, environment, number)


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
    found = deployments.revision(tx, environment, number)
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
    return len(deployments.approvals(tx, environment, number))


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


def _make_way(tx: sqlite3.Connection, environment: str, number: int, actor: str) -> None:
    rows = tx.execute(
        "SELECT revision, state, model_version_key IS (SELECT model_version_key FROM revisions WHERE environment = ?1 "
        "AND revision = ?2) AS is_same FROM revisions WHERE environment = ?1 AND revision <> ?2 "
        "AND state NOT IN ('retired', 'failed', 'aborted')",
        (environment, number),
    ).fetchall()
    for row in rows:
        if row["state"] == RevisionState.LIVE:
            advance(tx, environment, row["revision"], RevisionState.RETIRED, actor, f"revision {number} took its place")
            if not row["is_same"]:  # what has drifted from another version's data says nothing of this one
                for kind in ("drift", "performance", "data_quality", "error_rate", "latency"):
                    alerts.resolve(tx, kind, environment)
        else:
            reason = f"revision {number} went live before it"
            advance(tx, environment, row["revision"], RevisionState.ABORTED, actor, reason)


def _give_share(tx: sqlite3.Connection, environment: str, number: int, step: int) -> None:
    tx.execute(
        "UPDATE revisions SET step = ?, step_at = ? WHERE environment = ? AND revision = ?",
        (step, time.time(), environment, number),
    )
    tx.execute(
        "UPDATE environments SET share = ? WHERE name = ?",
        (deployments.revision(tx, environment, number).share, environment),
    )


def _record(
    tx: sqlite3.Connection, environment: str, number: int, state: RevisionState, actor: str, reason: str
) -> None:
    tx.execute(
        "INSERT INTO revision_changes SELECT ?1, ?2, (SELECT count(*) FROM revision_changes WHERE environment = ?1 "
        "AND revision = ?2), ?3, ?4, ?5, ?6",
        (environment, number, state, time.time(), actor, reason),
    )
