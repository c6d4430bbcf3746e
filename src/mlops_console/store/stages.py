"""The stages of pipeline runs."""

import json
import sqlite3
import time
from collections.abc import Iterable

from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.store import runs
from mlops_console.store.changes import Topic, announce


def plan_stages(tx: sqlite3.Connection, run_id: str, stages: Iterable[StageRun]) -> None:
    """Record what a run is going to do."""
    tx.executemany(
        "INSERT INTO stage_runs (run_key, stage, position, status, command, log, deps, cpus, memory) "
        "SELECT key, ?, ?, ?, ?, ?, ?, ?, ? FROM runs WHERE id = ?",
        [
            (s.stage, s.position, s.status, s.command, s.log, json.dumps(s.deps), s.cpus, s.memory, run_id)
            for s in stages
        ],
    )
    announce(tx, Topic.STAGES, run_id)


def start(tx: sqlite3.Connection, run_id: str, stage: str) -> None:
    _update(tx, run_id, stage, "status = 'running', started_at = ?", (time.time(),))


def taken(db: sqlite3.Connection) -> tuple[float, int]:
    """How many CPUs, and bytes of memory, the running stages of all runs have asked for."""
    cpus, memory = db.execute(
        "SELECT coalesce(sum(cpus), 0), coalesce(sum(memory), 0) FROM stage_runs WHERE status = 'running'"
    ).fetchone()
    return float(cpus), int(memory)


def explain(tx: sqlite3.Connection, run_id: str, stage: str, why: str, cached_from: str | None = None) -> None:
    """Say why a stage runs; or, with the id of the run that has made its outs, why it need not."""
    _update(tx, run_id, stage, "why = ?, cached_from = ?", (why, cached_from))


def finish(
    tx: sqlite3.Connection,
    run_id: str,
    stage: str,
    status: RunStatus,
    exit_code: int | None = None,
    error: str | None = None,
) -> None:
    _update(
        tx,
        run_id,
        stage,
        "status = ?, ended_at = ?, exit_code = ?, error = ?",
        (status, time.time(), exit_code, error),
    )


def finish_open(tx: sqlite3.Connection, run_id: str, status: RunStatus) -> None:
    """Give every stage that has not ended this status."""
    tx.execute(
        "UPDATE stage_runs SET status = ?, ended_at = iif(started_at IS NULL, NULL, ?) "
        "WHERE run_key = (SELECT key FROM runs WHERE id = ?) AND status IN ('queued', 'running')",
        (status, time.time(), run_id),
    )
    announce(tx, Topic.STAGES, run_id)


def end_run(
    tx: sqlite3.Connection,
    run_id: str,
    status: RunStatus,
    error: str | None = None,
    heartbeat_before: float | None = None,
) -> bool:
    """End a run and what is open of its stages, which would else keep their CPUs; whether it had not ended yet.

    Args:
        heartbeat_before: as for `runs.finish`; where a heartbeat came since, nothing is changed.
    """
    ended = runs.finish(tx, run_id, status, error=error, heartbeat_before=heartbeat_before)
    if ended or heartbeat_before is None:
        finish_open(tx, run_id, status if status is RunStatus.LOST else RunStatus.STOPPED)
    return ended


def listing(db: sqlite3.Connection, run_id: str) -> list[StageRun]:
    """The stages of a run in the order of the DAG; none for a run that no pipeline made."""
    rows = db.execute(
        "SELECT s.* FROM stage_runs s JOIN runs r ON r.key = s.run_key WHERE r.id = ? ORDER BY s.position",
        (run_id,),
    )
    return [
        StageRun(
            row["stage"],
            row["position"],
            RunStatus(row["status"]),
            row["command"],
            row["log"],
            tuple(json.loads(row["deps"])),
            row["started_at"],
            row["ended_at"],
            row["exit_code"],
            row["error"],
            row["cached_from"],
            row["why"],
            row["cpus"],
            row["memory"],
        )
        for row in rows
    ]


def history(db: sqlite3.Connection, pipeline: str, stage: str, command: str, limit: int = 20) -> list[float]:
    """What a stage has taken in the newest runs that made its outs with this command, in seconds, newest first."""
    rows = db.execute(
        "SELECT s.ended_at - s.started_at FROM stage_runs s JOIN runs r ON r.key = s.run_key "
        "WHERE s.stage = ? AND s.status = 'succeeded' AND s.cached_from IS NULL AND r.pipeline = ? AND s.command = ? "
        "ORDER BY s.ended_at DESC LIMIT ?",
        (stage, pipeline, command, limit),
    )
    return [max(row[0], 0.0) for row in rows if row[0] is not None]


def _update(tx: sqlite3.Connection, run_id: str, stage: str, columns: str, values: tuple[object, ...]) -> None:
    tx.execute(
        f"UPDATE stage_runs SET {columns} WHERE stage = ? AND run_key = (SELECT key FROM runs WHERE id = ?)",
        (*values, stage, run_id),
    )
    announce(tx, Topic.STAGES, run_id)
