"""Alerts: opened when something goes wrong, resolved when it is right again. What is told goes to the outbox."""

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from typing import Any

from mlops_console.core.alerts import OF_ENVIRONMENT, Alert, AlertEvent, Severity, Silence
from mlops_console.core.errors import NotFoundError
from mlops_console.store import outbox, silences
from mlops_console.store.changes import Topic, announce
from mlops_console.store.database import damage_told

_OPEN = "alerts INDEXED BY alerts_open WHERE resolved_at IS NULL"  # of a long history they are few


def open_alert(
    tx: sqlite3.Connection,
    kind: str,
    subject: str,
    severity: Severity,
    message: str,
    *,
    rule: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Tell of something; where it is told already, the message is brought up to date.

    Args:
        rule: that found it; by default the one that has the kind's own name.
    """
    values = (severity, message, json.dumps(dict(detail or {})))
    changed = tx.execute(
        "UPDATE alerts SET severity = ?, message = ?, detail = ? "
        "WHERE rule = ? AND subject = ? AND resolved_at IS NULL",
        (*values, rule or kind, subject),
    ).rowcount
    if not changed:
        environment = subject if kind in OF_ENVIRONMENT else ""
        cursor = tx.execute(
            "INSERT INTO alerts (kind, subject, severity, message, detail, created_at, rule, environment) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (kind, subject, *values, time.time(), rule or kind, environment),
        )
        _tell_of(tx, [get(tx, int(cursor.lastrowid or 0))], time.time())
    announce(tx, Topic.ALERTS, subject)


def resolve(
    tx: sqlite3.Connection, kind: str, subject: str, *, rule: str | None = None, by: str = "", note: str = ""
) -> None:
    """It is right again; nothing happens where nothing was open. What its rules have seen of it is forgotten.

    Args:
        rule: only what this one has found.
        by: who ends it by hand; "" where it is right again.
    """
    condition = "kind = ?1 AND subject = ?2 AND (?3 IS NULL OR rule = ?3)"
    tx.execute(f"DELETE FROM alert_states WHERE {condition}", (kind, subject, rule))
    rows = tx.execute(f"SELECT * FROM alerts WHERE {condition} AND resolved_at IS NULL", (kind, subject, rule))
    for alert in _alerts(rows, ()):
        _end(tx, alert, by, note)


def resolve_one(tx: sqlite3.Connection, alert: Alert, by: str = "", note: str = "") -> None:
    """It is over, because a person says so or because nobody looks at it any more."""
    resolve(tx, alert.kind, alert.subject, rule=alert.rule, by=by, note=note)


def hand_over(tx: sqlite3.Connection, alert: Alert, rule: str, severity: Severity) -> None:
    """An open alert goes on under another rule, which must have none open of this subject."""
    names = (rule, alert.rule, alert.subject)
    tx.execute("UPDATE OR REPLACE alert_states SET rule = ? WHERE rule = ? AND subject = ?", names)
    tx.execute("UPDATE alerts SET rule = ?, severity = ? WHERE id = ?", (rule, severity, alert.id))
    announce(tx, Topic.ALERTS, alert.subject)


def _end(tx: sqlite3.Connection, alert: Alert, by: str, note: str) -> None:
    tx.execute(
        "UPDATE alerts SET resolved_at = ?, resolved_by = ?, resolved_note = ? WHERE id = ?",
        (time.time(), by, note, alert.id),
    )
    outbox.add(tx, get(tx, alert.id), AlertEvent.RESOLVED)
    announce(tx, Topic.ALERTS, alert.subject)


def acknowledge(tx: sqlite3.Connection, alert_id: int, actor: str, note: str) -> None:
    """A person has taken it up: it stays open, and nobody is reminded of it."""
    tx.execute(
        "UPDATE alerts SET acknowledged_at = ?, acknowledged_by = ?, note = ? WHERE id = ?",
        (time.time(), actor, note, alert_id),
    )
    announce(tx, Topic.ALERTS, alert_id)


def get(db: sqlite3.Connection, alert_id: int) -> Alert:
    """One alert.

    Raises:
        NotFoundError: there is none.
    """
    found = db.execute("SELECT * FROM alerts WHERE id = ?", (alert_id,)).fetchall()
    if not found:
        raise NotFoundError(f"There is no alert {alert_id}.", "'mlops-console alert list --all' shows them.")
    return _alerts(found, silences.active(db, time.time()))[0]


def open_alerts(db: sqlite3.Connection) -> list[Alert]:
    """What is open, the newest first."""
    rows = db.execute(f"SELECT * FROM {_OPEN} ORDER BY id DESC")
    return _alerts(rows, silences.active(db, time.time()))


def recent(db: sqlite3.Connection, limit: int = 200) -> list[Alert]:
    """What is or was open, the newest first."""
    rows = db.execute("SELECT * FROM alerts ORDER BY id DESC LIMIT ?", (limit,))
    return _alerts(rows, silences.active(db, time.time()))


def is_due(db: sqlite3.Connection, now: float, remind: float | None) -> bool:
    """Whether there is something for `tell_due` to tell."""
    return bool(_untold(db) or _forgotten(db, now, remind))


def is_awaited(db: sqlite3.Connection, remind: float | None) -> bool:
    """Whether somebody is yet to be told, be it when a silence ends, or again and again."""
    return bool(
        db.execute(
            f"SELECT EXISTS (SELECT 1 FROM {_OPEN} AND (told_at IS NULL OR (?1 AND acknowledged_at IS NULL))) "
            "AND EXISTS (SELECT 1 FROM destinations)",
            (remind is not None,),
        ).fetchone()[0]
    )


def tell_due(tx: sqlite3.Connection, now: float, remind: float | None) -> None:
    """Tell of what stands still when its silence has ended, and remind of what nobody has acknowledged.

    Args:
        remind: seconds between two reminders; None for none.
    """
    _tell_of(tx, _untold(tx), now)
    for alert in _forgotten(tx, now, remind):
        outbox.add(tx, alert, AlertEvent.REMINDER)
        tx.execute("UPDATE alerts SET reminded_at = ? WHERE id = ?", (now, alert.id))


def _untold(db: sqlite3.Connection) -> list[Alert]:
    rows = db.execute(f"SELECT * FROM {_OPEN} AND told_at IS NULL ORDER BY id").fetchall()
    found = _alerts(rows, silences.active(db, time.time())) if rows else []
    return [alert for alert in found if alert.silenced_until is None]


def _forgotten(db: sqlite3.Connection, now: float, remind: float | None) -> list[Alert]:
    if remind is None:
        return []
    rows = db.execute(
        f"SELECT * FROM {_OPEN} AND acknowledged_at IS NULL "
        "AND abs(?1 - coalesce(reminded_at, told_at)) >= ?2 ORDER BY id",  # a clock that goes back makes one more
        (now, remind),
    ).fetchall()
    found = _alerts(rows, silences.active(db, time.time())) if rows else []
    return [alert for alert in found if alert.silenced_until is None]


def _tell_of(tx: sqlite3.Connection, found: Iterable[Alert], now: float) -> None:
    for alert in found:
        if alert.silenced_until is None:
            outbox.add(tx, alert, AlertEvent.OPENED)
            tx.execute("UPDATE alerts SET told_at = ? WHERE id = ?", (now, alert.id))


def _alerts(rows: Iterable[sqlite3.Row], silenced: Iterable[Silence]) -> list[Alert]:
    return [_alert(row, silenced) for row in rows]


@damage_told("an alert")
def _alert(row: sqlite3.Row, silenced: Iterable[Silence]) -> Alert:
    now = time.time()
    until = [silence.until for silence in silenced if silence.covers(row["rule"], row["kind"], row["subject"], now)]
    return Alert(
        row["id"],
        row["kind"],
        row["subject"],
        Severity(row["severity"]),
        row["message"],
        row["created_at"],
        row["resolved_at"],
        row["rule"],
        row["environment"],
        json.loads(row["detail"]),
        row["acknowledged_at"],
        row["acknowledged_by"],
        row["note"],
        max(until, default=None) if row["resolved_at"] is None else None,
        row["told_at"],
        row["resolved_by"],
        row["resolved_note"],
    )
