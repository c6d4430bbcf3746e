"""The outbox: one row for each message to each destination, until it is sent or given up."""

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable

from mlops_console.core.alerts import Alert, AlertEvent, Delivery
from mlops_console.store.changes import Topic, announce
from mlops_console.store.database import damage_told

GIVEN_UP = 86_400.0  # seconds after which a message is not tried again
_FAR = 7200.0  # seconds; no pause and no lease is as long, unless the clock went back
_MESSAGE = 4_000  # characters


def set_destinations(tx: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Where alerts go from now on."""
    tx.execute("DELETE FROM destinations")
    tx.executemany("INSERT OR IGNORE INTO destinations VALUES (?)", [(key,) for key in keys])


def destinations(db: sqlite3.Connection) -> set[str]:
    return {row["key"] for row in db.execute("SELECT key FROM destinations")}


def add(tx: sqlite3.Connection, alert: Alert, event: AlertEvent) -> None:
    """Tell the destinations, in the transaction of what is told."""
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
            "by": alert.resolved_by or None,
            "note": alert.resolved_note or None,
        }
    )
    tx.executemany(
        "INSERT INTO outbox (key, alert_id, event, destination, body, created_at, not_before) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(secrets.token_hex(16), alert.id, event, key, body, now, now) for key in sorted(_to_tell(tx, alert, event))],
    )


def _to_tell(tx: sqlite3.Connection, alert: Alert, event: AlertEvent) -> set[str]:
    """All; of the end of an alert those that know of it, and nobody is reminded of what has not reached them yet. The
    one that an alert is about is not told of it.
    """
    rows = tx.execute(
        "SELECT destination, max(state = 'waiting') AS waits FROM outbox WHERE alert_id = ? GROUP BY destination",
        (alert.id,),
    )
    told = {row["destination"]: bool(row["waits"]) for row in rows}
    found = set(told) if event is AlertEvent.RESOLVED else destinations(tx)
    if event is AlertEvent.REMINDER:
        found -= {key for key, waits in told.items() if waits}
    return found - ({alert.detail.get("destination")} if alert.kind == "delivery" else set())


_DUE = (
    "outbox INDEXED BY outbox_waiting WHERE state = 'waiting' "
    "AND NOT (coalesce(leased_until, 0) > ?1 AND leased_until < ?1 + ?2) "
    "AND NOT (not_before > ?1 AND not_before < ?1 + ?2) "
    # what became of an alert is not told before the alert itself
    "AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.alert_id = outbox.alert_id AND b.destination = outbox.destination "
    "AND b.id < outbox.id AND b.state = 'waiting')"
)


def is_due(db: sqlite3.Connection, now: float) -> bool:
    """Whether there is something to send now. What a clock that went back has put far off is due at once."""
    return bool(db.execute(f"SELECT EXISTS (SELECT 1 FROM {_DUE})", (now, _FAR)).fetchone()[0])


def claim(tx: sqlite3.Connection, now: float, lease: float, limit: int = 25) -> list[Delivery]:
    """What is to be sent now, the oldest first; nobody else gets it for `lease` seconds.

    Args:
        limit: messages for each destination, so that none with many waits in front of another.
    """
    rows = tx.execute(
        f"WITH due AS (SELECT id, row_number() OVER (PARTITION BY destination ORDER BY id) AS turn FROM {_DUE}) "
        "UPDATE outbox SET leased_until = ?1 + ?3, attempts = attempts + 1 "
        "WHERE id IN (SELECT id FROM due WHERE turn <= ?4) RETURNING *",
        (now, _FAR, lease, limit),
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


@damage_told("a message of an alert")
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
