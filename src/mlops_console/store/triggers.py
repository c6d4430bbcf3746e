"""What is known of the triggers of mlops.toml, and what has happened that they answer to."""

import sqlite3
from dataclasses import dataclass, fields

from mlops_console.core.jobs import Job, JobState
from mlops_console.core.triggers import Trigger, TriggerState, basis, next_firing
from mlops_console.store import jobs
from mlops_console.store.changes import Topic, announce

_DAY = 86_400.0
_COLUMNS = tuple(field.name for field in fields(TriggerState))
_FAILED = (JobState.FAILED, JobState.REFUSED, JobState.LOST)


@dataclass(frozen=True, slots=True)
class Event:
    """A success or a drift report: `seq` is its place in the order, `ref` what it is called."""

    seq: int
    ref: str


def states(db: sqlite3.Connection) -> dict[str, TriggerState]:
    """All that were ever seen, by name."""
    return {row["name"]: _state(row) for row in db.execute("SELECT * FROM triggers")}


def state(db: sqlite3.Connection, name: str) -> TriggerState:
    """One, as new where it was never seen."""
    row = db.execute("SELECT * FROM triggers WHERE name = ?", (name,)).fetchone()
    return _state(row) if row else TriggerState(name)


def begin(tx: sqlite3.Connection, trigger: Trigger, now: float, outs: tuple[str, ...] = ()) -> None:
    """From here on it answers to what happens. The files of one on 'change' are looked at by the worker."""
    next_at = next_firing(trigger, now) if trigger.on == "schedule" else None
    _put(tx, trigger.name, basis=basis(trigger, outs), seen=_newest(tx, trigger), next_at=next_at)


def rest(tx: sqlite3.Connection, name: str) -> None:
    """It is off: what happens now counts for nothing later on."""
    _put(tx, name, basis=None, seen=None, next_at=None)


def switch(tx: sqlite3.Connection, name: str, on: bool, note: str = "") -> None:
    """As a person wants it; its failures are forgotten."""
    newest = tx.execute("SELECT coalesce(max(id), 0) FROM jobs").fetchone()[0]
    _put(
        tx, name, switched_on=on, stopped=False, basis=None, seen=None, next_at=None, fresh_from=newest, last_note=note
    )


def stop(tx: sqlite3.Connection, name: str, note: str) -> None:
    """It has switched itself off."""
    _put(tx, name, switched_on=False, stopped=True, basis=None, seen=None, next_at=None, last_note=note)


def fired(tx: sqlite3.Connection, name: str, at: float, job: int, note: str) -> None:
    found = state(tx, name)
    _put(tx, name, last_fired_at=at, last_job=job, firings=found.firings + 1, last_note=note)


def move(tx: sqlite3.Connection, name: str, seen: str | None, next_at: float | None) -> None:
    """What has happened up to here is answered."""
    _put(tx, name, seen=seen, next_at=next_at)


def note(tx: sqlite3.Connection, name: str, text: str) -> None:
    _put(tx, name, last_note=text)


def key(name: str, firing: str) -> str:
    """What the job of a firing is known by: no firing makes two."""
    return f"{_prefix(name)}{firing}"


def jobs_of(db: sqlite3.Connection, name: str, limit: int = 10) -> list[Job]:
    """The jobs that a trigger has started, newest first."""
    return jobs.keyed(db, *_range(_prefix(name)), limit)


def fired_today(db: sqlite3.Connection, name: str, now: float) -> int:
    """How often it has fired in the last 24 hours, where a person has not done it."""
    row = db.execute(
        "SELECT count(*) FROM jobs WHERE key >= ?1 AND key < ?2 AND NOT (key >= ?3 AND key < ?4) AND created_at > ?5",
        (*_range(_prefix(name)), *_range(key(name, "by-hand-")), now - _DAY),
    ).fetchone()
    return int(row[0])


def failures(db: sqlite3.Connection, found: TriggerState) -> list[int]:
    """Its jobs that have failed in a row since it was last switched on, newest first: those that trained, or the
    deployments that followed them. One that was stopped, or that has not ended, says nothing.
    """
    failed: list[int] = []
    rows = db.execute(
        "SELECT coalesce(next.id, job.id) AS id, coalesce(next.state, job.state) AS state FROM jobs job "
        f"LEFT JOIN jobs next ON next.key = '{jobs.FOLLOWS}' || job.id "
        "WHERE job.key >= ? AND job.key < ? AND job.id > ? ORDER BY job.id DESC",
        (*_range(_prefix(found.name)), found.fresh_from),
    )
    for row in rows:
        if row["state"] == JobState.SUCCEEDED:
            break
        if row["state"] in _FAILED:
            failed.append(row["id"])
    return failed


def successes(db: sqlite3.Connection, pipeline: str, after: int) -> list[Event]:
    """The runs of a pipeline that have succeeded since, in their order."""
    rows = db.execute(
        "SELECT seq, run_id FROM successes WHERE pipeline = ? AND seq > ? ORDER BY seq", (pipeline, after)
    )
    return [Event(row["seq"], row["run_id"]) for row in rows]


def turns(db: sqlite3.Connection, environment: str, after: int) -> tuple[list[Event], int]:
    """The reports since that turn an environment to drifted, and the newest report at all.

    Only those against the reference count. One turns it that drifted while the newest tested one before it, of the
    same revision, had not, or was none.
    """
    tested = "b.drifted OR EXISTS (SELECT 1 FROM drift_features f WHERE f.report_id = b.id AND f.p_value IS NOT NULL)"
    reference = "against = 'reference'"
    before = f"b.environment = r.environment AND b.revision = r.revision AND b.{reference} AND b.id < r.id"
    rows = db.execute(
        f"SELECT r.id, r.drifted, (SELECT b.drifted FROM drift_reports b WHERE {before} AND ({tested}) "
        "ORDER BY b.id DESC LIMIT 1) AS was FROM drift_reports r "
        f"WHERE r.environment = ? AND r.{reference} AND r.id > ? ORDER BY r.id",
        (environment, after),
    ).fetchall()
    newest = rows[-1]["id"] if rows else after
    return [Event(row["id"], str(row["id"])) for row in rows if row["drifted"] and not row["was"]], newest


def _newest(db: sqlite3.Connection, trigger: Trigger) -> str | None:
    """The newest of what it answers to: what was before does not count."""
    if trigger.on == "after":
        query, name = "SELECT coalesce(max(seq), 0) FROM successes WHERE pipeline = ?", trigger.pipeline
    elif trigger.on == "drift":
        query, name = "SELECT coalesce(max(id), 0) FROM drift_reports WHERE environment = ?", trigger.environment
    else:
        return None
    return str(db.execute(query, (name,)).fetchone()[0])


def _prefix(name: str) -> str:
    return f"{jobs.TRIGGERS}{name}:"


def _range(prefix: str) -> tuple[str, str]:
    """Two texts between which all are that begin so."""
    return prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _put(tx: sqlite3.Connection, name: str, **values: object) -> None:
    columns = ", ".join(values)
    updates = ", ".join(f"{column} = excluded.{column}" for column in values)
    tx.execute(
        f"INSERT INTO triggers (name, {columns}) VALUES (?{', ?' * len(values)}) "
        f"ON CONFLICT (name) DO UPDATE SET {updates}",
        (name, *values.values()),
    )
    announce(tx, Topic.TRIGGERS, name)


def _state(row: sqlite3.Row) -> TriggerState:
    values = {column: row[column] for column in _COLUMNS}
    switched = row["switched_on"]
    values |= {"switched_on": None if switched is None else bool(switched), "stopped": bool(row["stopped"])}
    return TriggerState(**values)
