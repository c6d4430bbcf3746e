"""The one place where what was seen becomes an alert: by the rules, in the transaction of what was seen."""

import json
import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mlops_console.core.alert_rules import Move, Observation, Reading, State, decide, limits, message
from mlops_console.core.alert_settings import AlertRule, Alerts, Watched
from mlops_console.core.alerts import Alert
from mlops_console.core.destinations import destinations
from mlops_console.core.errors import ConfigError
from mlops_console.store import alerts, sightings
from mlops_console.store.workspace import Workspace

_ON: dict[str, Watched] = {  # by kind of alert
    "drift": "drift",
    "performance": "performance",
    "error_rate": "error_rate",
    "latency": "latency",
    "data_quality": "data_quality",
    "job": "job_failed",
    "job_slow": "job_slow",
    "disk": "disk",
}


def settings_of(workspace: Workspace) -> Alerts:
    """`[alerts]` of mlops.toml; the defaults while it is broken."""
    try:
        return workspace.config().alerts
    except ConfigError:
        return Alerts()


def destination_names(workspace: Workspace) -> dict[str, str]:
    """What may be shown of the destinations of mlops.toml, by their keys."""
    return {found.key: found.name for found in destinations(settings_of(workspace).urls)}


def observe(tx: sqlite3.Connection, settings: Alerts, seen: Observation, now: float) -> None:
    """Open, bring up to date or end what follows from it."""
    for rule, reading in _judging(settings, seen):
        after, move = decide(limits(rule), _state(tx, rule, seen.subject), reading.value, now)
        if move is Move.RESOLVE:
            alerts.resolve(tx, rule.kind, seen.subject, rule=rule.name)
        elif not (after.is_open and math.isnan(reading.value)):
            _keep(tx, rule, seen.subject, after, reading)
            if after.is_open and after.bad:
                _open(tx, rule, seen.subject, message(rule, reading), json.dumps(dict(reading.detail)))


def is_news(db: sqlite3.Connection, settings: Alerts, seen: Observation, now: float) -> bool:
    """Whether `observe` would do more than bring a message up to date."""
    for rule, reading in _judging(settings, seen):
        state = _state(db, rule, seen.subject)
        if decide(limits(rule), state, reading.value, now) != (state, Move.NOTHING):
            return True
    return False


def still_wrong(settings: Alerts, alert: Alert, seen: Observation | None) -> str:
    """What an open alert's own rule says of what is to be seen now; "" where it would end it, or can't tell."""
    found = () if seen is None else _judging(settings, seen)
    return next(
        (
            message(rule, reading)
            for rule, reading in found
            if rule.name == alert.rule and limits(rule).is_wrong(reading.value, is_open=True)
        ),
        "",
    )


def is_due(db: sqlite3.Connection, settings: Alerts, now: float) -> bool:
    """Whether there is something for `tick` to do."""
    return any(
        move is not Move.NOTHING or after.since != row["since"]
        for row, rule, after, move in _standing(db, settings, now)
    )


def is_pending(db: sqlite3.Connection) -> bool:
    """Whether something will follow from the time alone: it is wrong and not open, or right and not over."""
    return bool(
        db.execute(
            "SELECT EXISTS (SELECT 1 FROM alert_states s WHERE bad != EXISTS (SELECT 1 FROM alerts a "
            "WHERE a.rule = s.rule AND a.subject = s.subject AND a.resolved_at IS NULL))"
        ).fetchone()[0]
    )


def tick(tx: sqlite3.Connection, settings: Alerts, now: float) -> None:
    """What follows from the time alone: it was wrong, or right, for long enough."""
    for row, rule, after, move in list(_standing(tx, settings, now)):
        if move is Move.RESOLVE:
            alerts.resolve(tx, row["kind"], row["subject"], rule=rule.name)
            continue
        tx.execute(
            "UPDATE alert_states SET since = ? WHERE rule = ? AND subject = ?",
            (after.since, rule.name, row["subject"]),
        )
        if move is Move.OPEN:
            _open(tx, rule, row["subject"], row["message"], row["detail"])


def follow(tx: sqlite3.Connection, home: Path, settings: Alerts, now: float) -> None:
    """mlops.toml is another: what is open is judged by its rules, as far as anything is to be seen of it.

    An alert whose rule is gone goes on under the one that now judges the same, as after a new name; without one it is
    over.
    """
    opened = [alert for alert in alerts.open_alerts(tx) if alert.kind in _ON]
    taken = {(alert.rule, alert.subject) for alert in opened}
    for alert in opened:
        rules = settings.covering(_ON[alert.kind], alert.subject)
        if any(rule.name == alert.rule for rule in rules):
            continue
        if len(rules) == 1 and (rules[0].name, alert.subject) not in taken:
            alerts.hand_over(tx, alert, rules[0].name, rules[0].severity)
            taken.add((rules[0].name, alert.subject))
        else:
            alerts.resolve_one(tx, alert)
    for row in tx.execute("SELECT * FROM alert_states").fetchall():
        if _rule(settings, row["kind"], row["rule"], row["subject"]) is None:
            alerts.resolve(tx, row["kind"], row["subject"], rule=row["rule"])
    for alert in opened:
        seen = sightings.of_alert(tx, home, alert, now)
        if seen is not None:
            observe(tx, settings, seen, now)


def _rule(settings: Alerts, kind: str, name: str, subject: str) -> AlertRule | None:
    """The rule of this name, if it still judges this."""
    return next((rule for rule in settings.covering(_ON[kind], subject) if rule.name == name), None)


def _judging(settings: Alerts, seen: Observation) -> Iterator[tuple[AlertRule, Reading]]:
    for rule in settings.covering(seen.on, seen.subject):
        reading = seen.readings.get(rule.metric or "")
        if reading is not None:
            yield rule, reading


def _standing(
    db: sqlite3.Connection, settings: Alerts, now: float
) -> Iterator[tuple[sqlite3.Row, AlertRule, State, Move]]:
    """What is wrong, or not yet right for long enough."""
    for row in db.execute("SELECT * FROM alert_states").fetchall():
        rule = _rule(settings, row["kind"], row["rule"], row["subject"])
        if rule is not None:
            yield row, rule, *decide(limits(rule), _state(db, rule, row["subject"]), None, now)


def _state(db: sqlite3.Connection, rule: AlertRule, subject: str) -> State:
    row = db.execute(
        "SELECT bad, since FROM alert_states WHERE rule = ? AND subject = ?", (rule.name, subject)
    ).fetchone()
    alert = db.execute(
        "SELECT created_at FROM alerts WHERE rule = ? AND subject = ? AND resolved_at IS NULL", (rule.name, subject)
    ).fetchone()
    closed_at = db.execute(
        "SELECT max(resolved_at) FROM alerts WHERE rule = ? AND subject = ?", (rule.name, subject)
    ).fetchone()[0]
    if row is not None:
        return State(bool(row["bad"]), row["since"], alert is not None, closed_at)
    if alert is not None:  # from before there were rules
        return State(True, alert["created_at"], True, closed_at)
    return State(closed_at=closed_at)


def _keep(tx: sqlite3.Connection, rule: AlertRule, subject: str, state: State, reading: Reading) -> None:
    """What is right, with no alert, needs no row."""
    if not (state.bad or state.is_open):
        tx.execute("DELETE FROM alert_states WHERE rule = ? AND subject = ?", (rule.name, subject))
        return
    tx.execute(
        "INSERT OR REPLACE INTO alert_states (rule, subject, kind, bad, since, message, detail) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            rule.name,
            subject,
            rule.kind,
            state.bad,
            state.since,
            message(rule, reading),
            json.dumps(dict(reading.detail)),
        ),
    )


def _open(tx: sqlite3.Connection, rule: AlertRule, subject: str, told: str, detail: str) -> None:
    alerts.open_alert(tx, rule.kind, subject, rule.severity, told, rule=rule.name, detail=json.loads(detail))
