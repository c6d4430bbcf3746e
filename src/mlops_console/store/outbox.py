"""The outbox: one row for each message to each destination, until it is sent or given up."""

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable

from mlops_console.core.alerts import Alert, AlertEvent, Delivery
from mlops_console.store.changes import Topic, announce

GIVEN_UP = 86_400.0  # seconds after which a message is not tried again
_MESSAGE = 4_000  # characters


def set_destinations(tx: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Where alerts go from now on."""
    tx.execute("DELETE FROM destinations")
    tx.executemany("INSERT OR IGNORE INTO destinations VALUES (?)", [(key,) for key in keys])


def destinations(db: sqlite3.Connection) -> set[str]:
    return {row["key"] for row in db.execute("SELECT key FROM destinations")}


def add(tx: sqlite3.Connection, alert: Alert, event: AlertEvent) -> None:
    """Tell every destination, in the transaction of what is told; of the end of an alert those that know of it. The one
    that an alert is about is not told of it.
    """
    now = time.time()
    body = json.dumps(
        {
            "event": event.value,
            "alert": alert.id,
            "rule": alert.rule,
            "kind": alert.kind,
            "subject": alert.subject,
            "severity": alert.severity.value,
            "message": alert.message[:_MESSAGE],
            "environment": alert.environment,
            "opened_at": alert.created_at,
            "resolved_at": alert.resolved_at,
        }
    )
    told = {row["destination"] for row in tx.execute("SELECT destination FROM outbox WHERE alert_id = ?", (alert.id,))}
    about = alert.detail.get("destination") if alert.kind == "delivery" else None
    tx.executemany(
        "INSERT INTO outbox (key, alert_id, event, destination, body, created_at, not_before) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (secrets.token_hex(16), alert.id, event, key, body, now, now)
            for key in sorted(told if event is AlertEvent.RESOLVED else destinations(tx))
            if key != about
        ],
    )


_DUE = (
    "state = 'waiting' AND coalesce(leased_until, 0) <= ?1 AND (not_before <= ?1 OR not_before > ?1 + ?2) "
    # what became of an alert is not told before the alert itself
    "AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.alert_id = outbox.alert_id AND b.destination = outbox.destination "
    "AND b.id < outbox.id AND b.state = 'waiting')"
)


def is_due(db: sqlite3.Connection, now: float) -> bool:
    """Whether there is something to send now. What a clock that went back has put far off is due at once."""
    return bool(db.execute(f"SELECT EXISTS (SELECT 1 FROM outbox WHERE {_DUE})", (now, GIVEN_UP)).fetchone()[0])


def claim(tx: sqlite3.Connection, now: float, lease: float, limit: int = 50) -> list[Delivery]:
    """What is to be sent now, the oldest first; nobody else gets it for `lease` seconds."""
    rows = tx.execute(
        f"UPDATE outbox SET leased_until = ?1 + ?3, attempts = attempts + 1 WHERE id IN "
        f"(SELECT id FROM outbox WHERE {_DUE} ORDER BY id LIMIT ?4) RETURNING *",
        (now, GIVEN_UP, lease, limit),
    ).fetchall()
    return sorted(map(_delivery, rows), key=lambda delivery: delivery.id)


def sent(tx: sqlite3.Connection, delivery: Delivery, now: float) -> None:
    tx.execute(
        "UPDATE outbox SET state = 'sent', ended_at = ?, leased_until = NULL, error = '' WHERE id = ?",
        (now, delivery.id),
    )
    announce(tx, Topic.ALERTS, delivery.alert)


def failed(tx: sqlite3.Connection, delivery: Delivery, now: float, error: str, pause: float | None) -> None:
    """Try it again after `pause` seconds; None gives it up."""
    state, ended = ("waiting", None) if pause is not None else ("given up", now)
    tx.execute(
        "UPDATE outbox SET state = ?, ended_at = ?, not_before = ?, leased_until = NULL, error = ? "
        "WHERE id = ? AND state = 'waiting'",
        (state, ended, now + (pause or 0.0), error, delivery.id),
    )
    announce(tx, Topic.ALERTS, delivery.alert)


def waiting(db: sqlite3.Connection) -> int:
    """How many messages are neither sent nor given up."""
    return int(db.execute("SELECT count(*) FROM outbox WHERE state = 'waiting'").fetchone()[0])


def of_alert(db: sqlite3.Connection, alert_id: int) -> list[Delivery]:
    """What was told of an alert, in its order."""
    rows = db.execute("SELECT * FROM outbox WHERE alert_id = ? ORDER BY id", (alert_id,))
    return [_delivery(row) for row in rows]


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        row["id"],
        row["key"],
        row["alert_id"],
        AlertEvent(row["event"]),
        row["destination"],
        json.loads(row["body"]),
        row["created_at"],
        row["state"],
        row["attempts"],
        row["ended_at"],
        row["error"],
    )
