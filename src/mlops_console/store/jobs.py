"""The queue of jobs, and the worker that performs them."""

import json
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from mlops_console.core.errors import NotFoundError
from mlops_console.core.jobs import Job, JobState, Turn, Worker
from mlops_console.core.runs import ProcessIdentity
from mlops_console.store.changes import Topic, announce

NOW = Turn()
TRIGGERS = "trigger:"  # how the keys of their jobs begin, and of no others
FOLLOWS = "after:"  # likewise of the jobs that others have queued when they succeeded
_MOMENT = 3.0  # seconds: what is asked for twice within them is an accident


def enqueue(
    tx: sqlite3.Connection, action: str, subject: str, request: Mapping[str, Any], actor: str, turn: Turn = NOW
) -> int:
    """Queue an action; the job's id."""
    cursor = tx.execute(
        "INSERT INTO jobs (action, subject, request, state, actor, created_at, priority, not_before, key) "
        "VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?)",
        (
            action,
            subject,
            json.dumps(dict(request)),
            actor,
            time.time(),
            turn.priority,
            turn.not_before,
            turn.key,
        ),
    )
    announce(tx, Topic.JOBS, cursor.lastrowid)
    return int(cursor.lastrowid or 0)


def with_key(db: sqlite3.Connection, key: str) -> Job | None:
    """The job that has this key already."""
    row = db.execute("SELECT * FROM jobs WHERE key = ?", (key,)).fetchone()
    return _job(row) if row else None


def follower_key(job_id: int) -> str:
    """The key of the job that follows the success of another one: it has at most one."""
    return f"{FOLLOWS}{job_id}"


def same(
    db: sqlite3.Connection, action: str, request: Mapping[str, Any], turn: Turn, apart: str | None = None
) -> Job | None:
    """The job that is queued to do the very same in the same turn, or was begun a moment ago.

    One with a process may have read files that were edited since: however young it is, it counts no more.

    Args:
        apart: the field that names the run that each such job makes for itself: it may differ.
    """
    text = json.dumps(dict(request))
    rows = db.execute(
        "SELECT * FROM jobs WHERE (state = 'queued' OR (state = 'running' AND pid IS NULL AND created_at > ?)) "
        "AND stop_requested_at IS NULL AND action = ? AND key IS NULL AND priority = ? AND not_before IS ?",
        (time.time() - _MOMENT, action, turn.priority, turn.not_before),
    )
    for row in rows:
        if row["request"] == text:
            return _job(row)
        if apart is not None and _without(row["request"], apart) == _without(text, apart) and _made_run(db, row):
            return _job(row)
    return None


def claim(tx: sqlite3.Connection, job_id: int) -> Job | None:
    """Turn a queued job into a running one; None if it is queued no more."""
    now = time.time()
    row = tx.execute(
        "UPDATE jobs SET state = 'running', started_at = ?, heartbeat_at = ? WHERE id = ? AND state = 'queued' "
        "RETURNING *",
        (now, now, job_id),
    ).fetchone()
    if row is None:
        return None
    announce(tx, Topic.JOBS, job_id)
    return _job(row)


def unclaim(tx: sqlite3.Connection, job_id: int) -> None:
    """Queue a running job again that no process has taken."""
    tx.execute(
        "UPDATE jobs SET state = 'queued', started_at = NULL WHERE id = ? AND state = 'running' AND pid IS NULL",
        (job_id,),
    )
    announce(tx, Topic.JOBS, job_id)


def take(tx: sqlite3.Connection, job_id: int, process: ProcessIdentity) -> bool:
    """Record that this process performs a running job; False if another one does already or the job has ended."""
    taken = tx.execute(
        "UPDATE jobs SET pid = ?, process_started = ?, boot_id = ?, host = ?, heartbeat_at = ? "
        "WHERE id = ? AND state = 'running' AND pid IS NULL",
        (process.pid, process.started, process.boot_id, process.host, time.time(), job_id),
    ).rowcount
    if taken:
        announce(tx, Topic.JOBS, job_id)
    return bool(taken)


def heartbeat(tx: sqlite3.Connection, job_id: int) -> None:
    tx.execute("UPDATE jobs SET heartbeat_at = ? WHERE id = ?", (time.time(), job_id))


def set_progress(tx: sqlite3.Connection, job_id: int, fraction: float | None, text: str) -> None:
    """How far a job is, from 0 to 1 (None: not known), and at what."""
    tx.execute(
        "UPDATE jobs SET progress = ?, progress_text = ?, heartbeat_at = ? WHERE id = ?",
        (fraction, text, time.time(), job_id),
    )
    announce(tx, Topic.JOBS, job_id)


def request_stop(tx: sqlite3.Connection, job_id: int) -> Job:
    """Ask for a job to be stopped; a queued one is stopped at once.

    Raises:
        NotFoundError: there is no such job.
    """
    now = time.time()
    tx.execute(
        "UPDATE jobs SET state = 'stopped', ended_at = ?, stop_requested_at = ? WHERE id = ? AND state = 'queued'",
        (now, now, job_id),
    )
    tx.execute(
        "UPDATE jobs SET stop_requested_at = coalesce(stop_requested_at, ?) WHERE id = ? AND state = 'running'",
        (now, job_id),
    )
    announce(tx, Topic.JOBS, job_id)
    return get(tx, job_id)


def finish(
    tx: sqlite3.Connection,
    job_id: int,
    state: JobState,
    *,
    error: str | None = None,
    exit_code: int | None = None,
    result: Mapping[str, Any] | None = None,
    heartbeat_before: float | None = None,
) -> bool:
    """End a job that has not ended; whether it was this call that did.

    Args:
        heartbeat_before: only if no heartbeat came since (compare-and-set, for jobs believed lost).
    """
    condition, values = "", []
    if heartbeat_before is not None:
        condition, values = " AND coalesce(heartbeat_at, 0) <= ?", [heartbeat_before]
    changed = tx.execute(
        "UPDATE jobs SET state = ?, ended_at = ?, error = ?, exit_code = ?, result = ?, "
        f"progress = iif(? = 'succeeded', 1, progress) WHERE id = ? AND state IN ('queued', 'running'){condition}",
        (state, time.time(), error, exit_code, json.dumps(dict(result or {})), state, job_id, *values),
    ).rowcount
    if changed:
        announce(tx, Topic.JOBS, job_id)
    return bool(changed)


def get(db: sqlite3.Connection, job_id: int) -> Job:
    """One job.

    Raises:
        NotFoundError: there is none.
    """
    row = db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no job {job_id}.", "'mlops-console job list' shows them.")
    return _job(row)


def listing(db: sqlite3.Connection, limit: int = 200) -> list[Job]:
    """Jobs, newest first."""
    return [_job(row) for row in db.execute("SELECT * FROM jobs ORDER BY id DESC LIMIT ?", (limit,))]


def keyed(db: sqlite3.Connection, first: str, end: str, limit: int) -> list[Job]:
    """Jobs whose keys are from `first` on and before `end`, newest first."""
    rows = db.execute("SELECT * FROM jobs WHERE key >= ? AND key < ? ORDER BY id DESC LIMIT ?", (first, end, limit))
    return [_job(row) for row in rows]


def newest(db: sqlite3.Connection, action: str, subject: str, actor: str) -> Job | None:
    """What somebody has asked for last of this kind."""
    row = db.execute(
        "SELECT * FROM jobs WHERE action = ? AND subject = ? AND actor = ? ORDER BY id DESC LIMIT 1",
        (action, subject, actor),
    ).fetchone()
    return _job(row) if row else None


def usual(db: sqlite3.Connection, action: str, subject: str, limit: int = 20) -> list[float]:
    """Seconds that the last successes of this kind have taken."""
    rows = db.execute(
        "SELECT ended_at - started_at FROM jobs WHERE action = ? AND subject = ? AND state = 'succeeded' "
        "AND started_at IS NOT NULL ORDER BY id DESC LIMIT ?",
        (action, subject, limit),
    )
    return [row[0] for row in rows]


def open_jobs(db: sqlite3.Connection) -> list[Job]:
    """The jobs that are queued or running, in the order of their turns."""
    rows = db.execute("SELECT * FROM jobs WHERE state IN ('queued', 'running') ORDER BY priority DESC, id")
    return [_job(row) for row in rows]


def register_worker(tx: sqlite3.Connection, process: ProcessIdentity, version: str) -> None:
    """Record the worker that holds the workspace's lock."""
    now = time.time()
    tx.execute(
        "INSERT OR REPLACE INTO workers (slot, pid, process_started, boot_id, host, version, started_at, heartbeat_at) "
        "VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
        (process.pid, process.started, process.boot_id, process.host, version, now, now),
    )
    announce(tx, Topic.WORKERS)


def worker_heartbeat(tx: sqlite3.Connection) -> None:
    tx.execute("UPDATE workers SET heartbeat_at = ?", (time.time(),))


def request_worker_stop(tx: sqlite3.Connection) -> None:
    tx.execute("UPDATE workers SET stop_requested_at = ?", (time.time(),))
    announce(tx, Topic.WORKERS)


def forget_worker(tx: sqlite3.Connection) -> None:
    """The worker ends in good order."""
    tx.execute("DELETE FROM workers")
    announce(tx, Topic.WORKERS)


def worker(db: sqlite3.Connection) -> Worker | None:
    """The worker that was registered last and has not ended in good order; see whether its process is alive."""
    row = db.execute("SELECT * FROM workers").fetchone()
    if row is None:
        return None
    process = ProcessIdentity(row["pid"], row["process_started"], row["boot_id"], row["host"])
    return Worker(process, row["started_at"], row["heartbeat_at"], row["version"], row["stop_requested_at"])


def _without(request: str, field: str) -> str:
    return json.dumps({name: value for name, value in json.loads(request).items() if name != field})


def _made_run(db: sqlite3.Connection, row: sqlite3.Row) -> bool:
    """Whether the run of a job began with it: another one goes on with a run that was there before."""
    run = db.execute("SELECT created_at FROM runs WHERE job_id = ?", (row["id"],)).fetchone()
    return run is not None and run["created_at"] >= row["created_at"]


def _job(row: sqlite3.Row) -> Job:
    process = None
    if row["pid"] is not None:
        process = ProcessIdentity(row["pid"], row["process_started"], row["boot_id"], row["host"])
    return Job(
        row["id"],
        row["action"],
        row["subject"],
        json.loads(row["request"]),
        JobState(row["state"]),
        row["actor"],
        row["created_at"],
        row["started_at"],
        row["ended_at"],
        process,
        row["heartbeat_at"],
        row["progress"],
        row["progress_text"],
        row["stop_requested_at"],
        row["exit_code"],
        row["error"],
        json.loads(row["result"]),
        Turn(row["priority"], row["not_before"], row["key"]),
    )
