"""Environments, revisions, and what the model servers say of themselves."""

import sqlite3
import time
from collections.abc import Iterable

from mlops_console.core.deployments import Environment, Revision, RevisionState, ServerHealth
from mlops_console.core.errors import NotFoundError
from mlops_console.core.models import ModelVersion
from mlops_console.core.plans import GateResult
from mlops_console.core.runs import ProcessIdentity
from mlops_console.store.changes import Topic, announce
from mlops_console.store.identity import process_state

_SELECT = """
    SELECT v.*, mv.version AS version, m.name AS model FROM revisions v
    JOIN model_versions mv ON mv.key = v.model_version_key JOIN models m ON m.key = mv.model_key
"""


def ensure_environment(tx: sqlite3.Connection, name: str, model: str, host: str, port: int) -> None:
    """Make an environment known, or bring its settings up to date."""
    tx.execute(
        "INSERT INTO environments (name, model, host, port) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET model = excluded.model, host = excluded.host, port = excluded.port",
        (name, model, host, port),
    )
    announce(tx, Topic.ENVIRONMENTS, name)


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
) -> Revision:
    """Append the next revision, in state `loading`, and make it the one that the server should serve."""
    last = tx.execute("SELECT coalesce(max(revision), 0) FROM revisions WHERE environment = ?", (environment,))
    number = int(last.fetchone()[0]) + 1
    tx.execute(
        "INSERT INTO revisions (environment, revision, model_version_key, kind, state, actor, reason, created_at, "
        "restores, job_id) SELECT ?, ?, mv.key, ?, 'loading', ?, ?, ?, ?, ? FROM model_versions mv "
        "JOIN models m ON m.key = mv.model_key WHERE m.name = ? AND mv.version = ?",
        (
            environment,
            number,
            kind,
            actor,
            reason,
            time.time(),
            restores,
            job_id,
            version.model,
            version.version,
        ),
    )
    tx.executemany(
        "INSERT INTO gate_results (environment, revision, position, gate, passed, figure) VALUES (?, ?, ?, ?, ?, ?)",
        [(environment, number, i, gate.gate, gate.passed, gate.figure) for i, gate in enumerate(gates)],
    )
    tx.execute(
        "UPDATE revisions SET state = 'failed', ended_at = ?, error = ? WHERE environment = ? AND revision < ? "
        "AND state = 'loading'",
        (time.time(), f"revision {number} came before it was loaded", environment, number),
    )
    tx.execute("UPDATE environments SET desired = ?, error = NULL WHERE name = ?", (number, environment))
    announce(tx, Topic.ENVIRONMENTS, environment)
    return revision(tx, environment, number)


def mark_live(tx: sqlite3.Connection, environment: str, number: int) -> bool:
    """The server serves this revision now: the one before it is retired. Whether it was still wanted."""
    now = time.time()
    wanted = tx.execute(
        "SELECT 1 FROM revisions WHERE environment = ? AND revision = ? AND state IN ('loading', 'live')",
        (environment, number),
    ).fetchone()
    if wanted is None:
        return False
    tx.execute(
        "UPDATE revisions SET state = 'retired', ended_at = ? WHERE environment = ? AND revision <> ? "
        "AND state = 'live'",
        (now, environment, number),
    )
    tx.execute(
        "UPDATE revisions SET state = 'live', live_at = coalesce(live_at, ?) WHERE environment = ? AND revision = ?",
        (now, environment, number),
    )
    tx.execute(
        "UPDATE environments SET observed = ?, health = 'ready', error = NULL WHERE name = ?",
        (number, environment),
    )
    announce(tx, Topic.ENVIRONMENTS, environment)
    return True


def mark_failed(tx: sqlite3.Connection, environment: str, number: int, error: str) -> bool:
    """A revision could not be loaded: the last live one is wanted again. Whether it was still loading."""
    failed = tx.execute(
        "UPDATE revisions SET state = 'failed', ended_at = ?, error = ? WHERE environment = ? AND revision = ? "
        "AND state = 'loading'",
        (time.time(), error, environment, number),
    ).rowcount
    tx.execute(
        "UPDATE environments SET desired = (SELECT v.revision FROM revisions v WHERE v.environment = name "
        "AND v.state = 'live') WHERE name = ? AND desired = ?",
        (environment, number),
    )
    announce(tx, Topic.ENVIRONMENTS, environment)
    return bool(failed)


def report_server(
    tx: sqlite3.Connection,
    environment: str,
    health: ServerHealth,
    process: ProcessIdentity | None,
    error: str | None = None,
) -> None:
    """What the worker or the server itself knows of the server process."""
    columns = (None, None, None, None)
    if process is not None:
        columns = (process.pid, process.started, process.boot_id, process.host)  # type: ignore[assignment]
    tx.execute(
        "UPDATE environments SET health = ?, error = ?, heartbeat_at = ?, pid = ?, process_started = ?, boot_id = ?, "
        "process_host = ?, observed = iif(? = 'ready', observed, NULL) WHERE name = ?",
        (health, error, time.time(), *columns, health, environment),
    )
    announce(tx, Topic.ENVIRONMENTS, environment)


def heartbeat(tx: sqlite3.Connection, environment: str) -> None:
    tx.execute("UPDATE environments SET heartbeat_at = ? WHERE name = ?", (time.time(), environment))


def environments(db: sqlite3.Connection) -> list[Environment]:
    """All environments that something was ever deployed to, by name."""
    return [_environment(db, row) for row in db.execute("SELECT * FROM environments ORDER BY name")]


def environment(db: sqlite3.Connection, name: str) -> Environment | None:
    row = db.execute("SELECT * FROM environments WHERE name = ?", (name,)).fetchone()
    return _environment(db, row) if row else None


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


def revision_of_job(db: sqlite3.Connection, job_id: int) -> Revision | None:
    row = db.execute(f"{_SELECT} WHERE v.job_id = ?", (job_id,)).fetchone()
    return _revision(row) if row else None


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


def _environment(db: sqlite3.Connection, row: sqlite3.Row) -> Environment:
    process = None
    if row["pid"] is not None:
        process = ProcessIdentity(row["pid"], row["process_started"], row["boot_id"], row["process_host"])
    desired = revision(db, row["name"], row["desired"]) if row["desired"] is not None else None
    live = db.execute(f"{_SELECT} WHERE v.environment = ? AND v.state = 'live'", (row["name"],)).fetchone()
    health = ServerHealth(row["health"])
    if health in (ServerHealth.READY, ServerHealth.STARTING) and process and process_state(process) == "dead":
        health = ServerHealth.STOPPED  # it was killed, or the machine was, and nobody could say so
    return Environment(
        row["name"],
        row["model"],
        row["port"],
        row["host"],
        desired,
        row["observed"],
        health,
        row["error"],
        process,
        row["heartbeat_at"],
        _revision(live) if live else None,
    )


def _revision(row: sqlite3.Row) -> Revision:
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
    )
