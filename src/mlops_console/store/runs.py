"""Experiments, runs, their params and tags."""

import json
import math
import secrets
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.filters import parse_filter, parse_order
from mlops_console.core.runs import ProcessIdentity, Provenance, Run, RunStatus, SeriesSummary
from mlops_console.store import run_queries, series
from mlops_console.store.changes import Topic, announce


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs, in which order, and which part of them."""

    filter: str = ""
    order_by: str = "-started"
    limit: int = 50
    offset: int = 0
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class RunPage:
    total: int
    runs: tuple[Run, ...]


def new_id() -> str:
    """64 random bits, so that a run has its id before the store knows of it."""
    return secrets.token_hex(8)


def create(
    tx: sqlite3.Connection,
    *,
    name: str,
    experiment: str,
    run_id: str | None = None,
    status: RunStatus = RunStatus.RUNNING,
    provenance: Provenance | None = None,
    process: ProcessIdentity | None = None,
    pipeline: str | None = None,
    job_id: int | None = None,
    started_at: float | None = None,
) -> str:
    """Add a run, and its experiment if that is new; the run's id. A running one starts at `started_at` (now)."""
    run_id = run_id or new_id()
    origin = provenance or Provenance()
    now = time.time()
    started = (started_at or now) if status is RunStatus.RUNNING else None
    tx.execute(
        "INSERT INTO runs (id, experiment_key, name, status, created_at, started_at, heartbeat_at, job_id, pipeline, "
        "user, command, git_commit, git_branch, git_dirty, python, packages, pid, process_started, boot_id, host) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            run_id,
            _experiment_key(tx, experiment),
            name,
            status,
            started or now,
            started,
            now,
            job_id,
            pipeline,
            origin.user,
            origin.command,
            origin.git_commit,
            origin.git_branch,
            origin.git_dirty,
            origin.python,
            json.dumps(dict(origin.packages)),
            *_process_columns(process),
        ),
    )
    announce(tx, Topic.RUNS, run_id)
    return run_id


def start(tx: sqlite3.Connection, run_id: str, process: ProcessIdentity) -> None:
    """Turn a queued run into a running one of this process."""
    tx.execute(
        "UPDATE runs SET status = 'running', started_at = ?, heartbeat_at = ?, pid = ?, process_started = ?, "
        "boot_id = ?, host = ? WHERE id = ? AND status = 'queued'",
        (time.time(), time.time(), *_process_columns(process), run_id),
    )
    announce(tx, Topic.RUNS, run_id)


def requeue(tx: sqlite3.Connection, run_id: str, job_id: int) -> bool:
    """Let a run that has ended wait for another job, with all that it has recorded; whether there is such a run."""
    changed = tx.execute(
        "UPDATE runs SET status = 'queued', ended_at = NULL, error = NULL, job_id = ? "
        "WHERE id = ? AND status NOT IN ('queued', 'running')",
        (job_id, run_id),
    ).rowcount
    announce(tx, Topic.RUNS, run_id)
    return bool(changed)


def heartbeat(tx: sqlite3.Connection, run_id: str) -> None:
    tx.execute("UPDATE runs SET heartbeat_at = ? WHERE id = ? AND status = 'running'", (time.time(), run_id))


def finish(
    tx: sqlite3.Connection,
    run_id: str,
    status: RunStatus,
    *,
    error: str | None = None,
    ended_at: float | None = None,
    heartbeat_before: float | None = None,
) -> bool:
    """End a run that has not ended; whether it was this call that did.

    Args:
        heartbeat_before: only if no heartbeat came since (compare-and-set, for runs believed lost).
    """
    condition, values = "", []
    if heartbeat_before is not None:
        condition, values = " AND coalesce(heartbeat_at, 0) <= ?", [heartbeat_before]
    changed = tx.execute(
        "UPDATE runs SET status = ?, ended_at = ?, error = coalesce(?, error) "
        f"WHERE id = ? AND status IN ('queued', 'running'){condition}",
        (status, ended_at or time.time(), error, run_id, *values),
    ).rowcount
    if changed:
        announce(tx, Topic.RUNS, run_id)
    return bool(changed)


def request_stop(tx: sqlite3.Connection, run_id: str) -> None:
    """Ask for one run to be stopped, where whoever runs it runs others too."""
    tx.execute("UPDATE runs SET stop_requested_at = coalesce(stop_requested_at, ?) WHERE id = ?", (time.time(), run_id))
    announce(tx, Topic.RUNS, run_id)


def asked_to_stop(db: sqlite3.Connection, ids: Sequence[str]) -> set[str]:
    """Those of these runs that were asked to stop."""
    marks = ", ".join("?" * len(ids))
    found = db.execute(f"SELECT id FROM runs WHERE id IN ({marks}) AND stop_requested_at IS NOT NULL", ids)
    return {row["id"] for row in found}


def set_error(tx: sqlite3.Connection, run_id: str, error: str, stage: str = "") -> None:
    """Record why a run, or the stage of it that runs, is about to fail; its status stays."""
    if stage and _set_stage_error(tx, run_id, error, stage):
        return
    tx.execute("UPDATE runs SET error = ? WHERE id = ?", (error, run_id))
    announce(tx, Topic.RUNS, run_id)


def take_error(tx: sqlite3.Connection, run_id: str, stage: str) -> str | None:
    """Why a stage was about to fail, and forget it: whoever asks tells it, or tries again.

    What was recorded on the run, with no word of a stage, counts where nothing was recorded on the stage itself.
    """
    row = tx.execute(
        "SELECT r.error, s.error AS of_stage FROM runs r LEFT JOIN stage_runs s ON s.run_key = r.key AND s.stage = ? "
        "WHERE r.id = ?",
        (stage, run_id),
    ).fetchone()
    if row["of_stage"] is not None:
        _set_stage_error(tx, run_id, None, stage)
    elif row["error"] is not None:
        tx.execute("UPDATE runs SET error = NULL WHERE id = ?", (run_id,))
        announce(tx, Topic.RUNS, run_id)
    error: str | None = row["of_stage"] or row["error"]
    return error


def _set_stage_error(tx: sqlite3.Connection, run_id: str, error: str | None, stage: str) -> bool:
    """Whether the run has such a stage. One that has ended keeps the error that it ended with."""
    known = tx.execute(
        "UPDATE stage_runs SET error = iif(status = 'running', ?, error) "
        "WHERE stage = ? AND run_key = (SELECT key FROM runs WHERE id = ?)",
        (error, stage, run_id),
    ).rowcount
    announce(tx, Topic.STAGES, run_id)
    return bool(known)


def set_params(tx: sqlite3.Connection, run_id: str, params: Mapping[str, Any]) -> None:
    """Set params of a run. Values are anything that JSON can hold; others are stored as their text."""
    key = _key(tx, run_id)
    rows = []
    for name, value in params.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        number = float(value) if is_number and abs(value) < 2**1023 else None
        rows.append((key, name, _param_text(value), None if number is None or math.isnan(number) else number))
    tx.executemany(
        "INSERT INTO params (run_key, name, value, number) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET value = excluded.value, number = excluded.number",
        rows,
    )
    announce(tx, Topic.RUNS, run_id)


def set_provenance(tx: sqlite3.Connection, run_id: str, provenance: Provenance) -> None:
    """Record where a run comes from, for one that was made before that was known."""
    tx.execute(
        "UPDATE runs SET user = ?, command = ?, git_commit = ?, git_branch = ?, git_dirty = ?, python = ?, "
        "packages = ? WHERE id = ?",
        (
            provenance.user,
            provenance.command,
            provenance.git_commit,
            provenance.git_branch,
            provenance.git_dirty,
            provenance.python,
            json.dumps(dict(provenance.packages)),
            run_id,
        ),
    )
    announce(tx, Topic.RUNS, run_id)


def set_tags(tx: sqlite3.Connection, run_id: str, tags: Mapping[str, str]) -> None:
    key = _key(tx, run_id)
    tx.executemany(
        "INSERT INTO tags (run_key, name, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        [(key, name, str(value)) for name, value in tags.items()],
    )
    announce(tx, Topic.RUNS, run_id)


def delete(tx: sqlite3.Connection, run_id: str) -> None:
    """Put a run that has ended in the trash; one that is there stays as it is.

    Raises:
        UsageError: it still runs.
    """
    changed = tx.execute(
        "UPDATE runs SET deleted_at = coalesce(deleted_at, ?) WHERE id = ? AND status NOT IN ('queued', 'running')",
        (time.time(), run_id),
    ).rowcount
    if not changed:
        raise UsageError(f"Run {run_id} has not ended.", "Stop it first.")
    announce(tx, Topic.RUNS, run_id)


def restore(tx: sqlite3.Connection, run_id: str) -> None:
    """Take a run out of the trash.

    Raises:
        UsageError: its purge has begun.
    """
    if not tx.execute("UPDATE runs SET deleted_at = NULL WHERE id = ? AND deleted_at IS NOT 0.0", (run_id,)).rowcount:
        raise UsageError(f"Run {run_id} is being purged: some of it is gone.", "'mlops-console run purge' finishes it.")
    announce(tx, Topic.RUNS, run_id)


def get(db: sqlite3.Connection, run: str) -> Run:
    """A run by its id, a unique beginning of it, or a name that only one run has; trashed ones too.

    Raises:
        NotFoundError: there is none, or more than one.
    """
    exact = db.execute(f"{_SELECT} WHERE r.id = ?", (run,)).fetchone()
    if exact:
        return _fill(db, [exact])[0]
    prefix = run.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    found = db.execute(f"{_SELECT} WHERE r.id LIKE ? ESCAPE '\\' OR r.name = ? LIMIT 2", (prefix, run)).fetchall()
    if not found or not run:
        raise NotFoundError(f"There is no run {run!r}.", "'mlops-console run list' shows them.")
    if len(found) > 1:
        raise NotFoundError(f"More than one run is called or begins with {run!r}.", "Give more of its id.")
    return _fill(db, found)[0]


def page(db: sqlite3.Connection, query: RunQuery) -> RunPage:
    """One page of the runs that match, each with params, metric summaries and tags, and how many there are.

    Raises:
        FilterError: the filter or the order makes no sense.
    """
    total = count(db, query)
    return RunPage(total, tuple(of_keys(db, page_keys(db, query, total))))


def count(db: sqlite3.Connection, query: RunQuery) -> int:
    """How many runs match.

    Raises:
        FilterError: the filter makes no sense.
    """
    return run_queries.count(db, parse_filter(query.filter, time.time()), deleted=query.deleted)


def page_keys(db: sqlite3.Connection, query: RunQuery, total: int | None = None) -> list[int]:
    """The internal keys of one page; quicker near the end if `total` is given.

    Raises:
        FilterError: the filter or the order makes no sense.
    """
    return run_queries.page_keys(
        db,
        parse_filter(query.filter, time.time()),
        parse_order(query.order_by),
        deleted=query.deleted,
        limit=query.limit,
        offset=query.offset,
        total=total,
    )


def of_keys(db: sqlite3.Connection, keys: Sequence[int]) -> list[Run]:
    """The runs with these internal keys, in this order."""
    marks = ", ".join("?" * len(keys))
    rows = {row["key"]: row for row in db.execute(f"{_SELECT} WHERE r.key IN ({marks})", keys)}
    return _fill(db, [rows[key] for key in keys])


def of_ids(db: sqlite3.Connection, ids: Sequence[str]) -> list[Run]:
    """The runs with these ids, in this order; those that are gone are left out."""
    marks = ", ".join("?" * len(ids))
    found = {row["id"]: row for row in db.execute(f"{_SELECT} WHERE r.id IN ({marks})", ids)}
    return _fill(db, [found[id] for id in ids if id in found])


def open_runs(db: sqlite3.Connection) -> list[Run]:
    """The runs that are queued or running."""
    return _fill(db, db.execute(f"{_SELECT} WHERE r.status IN ('queued', 'running')").fetchall())


def of_job(db: sqlite3.Connection, job_id: int) -> Run | None:
    """The run that a job made."""
    rows = db.execute(f"{_SELECT} WHERE r.job_id = ? ORDER BY r.key DESC LIMIT 1", (job_id,)).fetchall()
    return _fill(db, rows)[0] if rows else None


_SELECT = "SELECT r.*, e.name AS experiment FROM runs r JOIN experiments e ON e.key = r.experiment_key"


def _experiment_key(tx: sqlite3.Connection, name: str) -> int:
    row = tx.execute("SELECT key FROM experiments WHERE name = ? AND deleted_at IS NULL", (name,)).fetchone()
    if row:
        return int(row["key"])
    cursor = tx.execute("INSERT INTO experiments (name, created_at) VALUES (?, ?)", (name, time.time()))
    return int(cursor.lastrowid or 0)


def _key(db: sqlite3.Connection, run_id: str) -> int:
    row = db.execute("SELECT key FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no run {run_id!r}.", "'mlops-console run list' shows them.")
    return int(row["key"])


def _process_columns(process: ProcessIdentity | None) -> Sequence[object]:
    if process is None:
        return (None, None, None, None)
    return (process.pid, process.started, process.boot_id, process.host)


def _param_text(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(str(value))


def _fill(db: sqlite3.Connection, rows: Iterable[sqlite3.Row]) -> list[Run]:
    rows = list(rows)
    keys = [row["key"] for row in rows]
    marks = ", ".join("?" * len(keys))
    params: dict[int, dict[str, Any]] = {key: {} for key in keys}
    tags: dict[int, dict[str, str]] = {key: {} for key in keys}
    for row in db.execute(f"SELECT run_key, name, value FROM params WHERE run_key IN ({marks}) ORDER BY name", keys):
        params[row["run_key"]][row["name"]] = json.loads(row["value"])
    for row in db.execute(f"SELECT run_key, name, value FROM tags WHERE run_key IN ({marks}) ORDER BY name", keys):
        tags[row["run_key"]][row["name"]] = row["value"]
    metrics = series.summaries_of(db, keys)
    return [_run(row, params[row["key"]], metrics[row["key"]], tags[row["key"]]) for row in rows]


def _run(
    row: sqlite3.Row, params: Mapping[str, Any], metrics: Mapping[str, SeriesSummary], tags: Mapping[str, str]
) -> Run:
    provenance = Provenance(
        row["user"],
        row["command"],
        row["git_commit"],
        row["git_branch"],
        None if row["git_dirty"] is None else bool(row["git_dirty"]),
        row["python"],
        json.loads(row["packages"]),
    )
    process = None
    if row["pid"] is not None:
        process = ProcessIdentity(row["pid"], row["process_started"], row["boot_id"], row["host"])
    return Run(
        row["id"],
        row["name"],
        row["experiment"],
        RunStatus(row["status"]),
        row["created_at"],
        row["started_at"],
        row["ended_at"],
        params,
        metrics,
        tags,
        provenance,
        process,
        row["heartbeat_at"],
        row["pipeline"],
        row["job_id"],
        row["error"],
    )
