"""The stages of pipeline runs."""

import json
import sqlite3
import time
from collections.abc import Iterable

from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.store.changes import Topic, announce


def plan_stages(tx: sqlite3.Connection, run_id: str, stages: Iterable[StageRun]) -> None:
    """Record what a run is going to do."""
    tx.executemany(
        "INSERT INTO stage_runs (run_key, stage, position, status, command, log, deps) "
        "SELECT key, ?, ?, ?, ?, ?, ? FROM runs WHERE id = ?",
        [(s.stage, s.position, s.status, s.command, s.log, json.dumps(s.deps), run_id) for s in stages],
    )
    announce(tx, Topic.STAGES, run_id)


def start(tx: sqlite3.Connection, run_id: str, stage: str) -> None:
    _update(tx, run_id, stage, "status = 'running', started_at = ?", (time.time(),))


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
        )
        for row in rows
    ]


def _update(tx: sqlite3.Connection, run_id: str, stage: str, columns: str, values: tuple[object, ...]) -> None:
    tx.execute(
        f"UPDATE stage_runs SET {columns} WHERE stage = ? AND run_key = (SELECT key FROM runs WHERE id = ?)",
        (*values, stage, run_id),
    )
    announce(tx, Topic.STAGES, run_id)
