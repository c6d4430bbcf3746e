"""Alerts: opened when something goes wrong, resolved when it is right again."""

import sqlite3
import time

from mlops_console.core.alerts import Alert, Severity
from mlops_console.store.changes import Topic, announce


def open_alert(tx: sqlite3.Connection, kind: str, subject: str, severity: Severity, message: str) -> None:
    """Tell of something; where it is told already, the message is brought up to date."""
    tx.execute(
        "INSERT INTO alerts (kind, subject, severity, message, created_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (kind, subject) WHERE resolved_at IS NULL "
        "DO UPDATE SET severity = excluded.severity, message = excluded.message",
        (kind, subject, severity, message, time.time()),
    )
    announce(tx, Topic.ALERTS, subject)


def resolve(tx: sqlite3.Connection, kind: str, subject: str) -> None:
    """It is right again; nothing happens where nothing was open."""
    changed = tx.execute(
        "UPDATE alerts SET resolved_at = ? WHERE kind = ? AND subject = ? AND resolved_at IS NULL",
        (time.time(), kind, subject),
    ).rowcount
    if changed:
        announce(tx, Topic.ALERTS, subject)


def open_alerts(db: sqlite3.Connection) -> list[Alert]:
    """What is open, the newest first."""
    rows = db.execute("SELECT * FROM alerts WHERE resolved_at IS NULL ORDER BY id DESC")
    return [
        Alert(
            row["id"],
            row["kind"],
            row["subject"],
            Severity(row["severity"]),
            row["message"],
            row["created_at"],
            row["resolved_at"],
        )
        for row in rows
    ]
