"""What of alerts is forgotten: what has been over for long.

Of each rule and subject the last alert stays, as a cool-down counts from it. Nothing goes that is open, or that
somebody is still to be told of.
"""

import sqlite3

from mlops_console.store.changes import Topic, announce

_PART = 500  # rows at a time, so that nobody waits for long

_ALERTS = (
    "SELECT id FROM alerts a WHERE resolved_at < ?1 "
    "AND EXISTS (SELECT 1 FROM alerts b WHERE b.rule = a.rule AND b.subject = a.subject AND b.id > a.id) "
    "AND NOT EXISTS (SELECT 1 FROM outbox WHERE alert_id = a.id AND state = 'waiting')"
)
# Of an alert that stays open for long, reminders but the last one to each destination.
_REMINDERS = (
    "SELECT id FROM outbox o WHERE event = 'reminder' AND state != 'waiting' AND ended_at < ?1 AND EXISTS "
    "(SELECT 1 FROM outbox p WHERE p.alert_id = o.alert_id AND p.destination = o.destination AND p.id > o.id)"
)
_SILENCES = "SELECT id FROM silences WHERE until < ?1"


def are_there(db: sqlite3.Connection, before: float) -> bool:
    """Whether there is something for `delete` to delete."""
    return any(db.execute(f"{which} LIMIT 1", (before,)).fetchone() for which in (_ALERTS, _REMINDERS, _SILENCES))


def delete(tx: sqlite3.Connection, before: float) -> None:
    """Delete a part of what was over before then: alerts with all that was told of them, reminders, silences."""
    gone = tx.execute(f"{_ALERTS} LIMIT {_PART}", (before,)).fetchall()
    tx.executemany("DELETE FROM outbox WHERE alert_id = ?", gone)
    tx.executemany("DELETE FROM alerts WHERE id = ?", gone)
    tx.execute(f"DELETE FROM outbox WHERE id IN ({_REMINDERS} LIMIT {_PART})", (before,))
    tx.execute(f"DELETE FROM silences WHERE id IN ({_SILENCES} LIMIT {_PART})", (before,))
    announce(tx, Topic.ALERTS)
