"""Alerts as rows of the grid and as facts of the details, and where each one leads."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_console.core.alerts import Alert, Delivery
from mlops_console.core.text import age, clock, param, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.widgets.facts import Fact
from mlops_console.tui.widgets.rows import Cell, Column, Row

COLUMNS = (
    Column("about", "ALERT", least=18, most=40, flex=1),
    Column("message", "MESSAGE", least=26, most=200, flex=5, prose=True),
    Column("state", "STATE", width=14),
    Column("since", "SINCE", "right", width=7),
    Column("severity", "SEVERITY", width=8),
)
_DRIFT = ("drift", "performance", "data_quality")
_SERVED = ("server", "error_rate", "latency", "deploy")


def alert_row(alert: Alert, now: float) -> Row:
    severity, state = glyphs.state(alert.severity), glyphs.state(alert.state)
    over = alert.resolved_at is not None
    since = alert.resolved_at if alert.resolved_at is not None else alert.created_at
    return Row(
        str(alert.id),
        (
            Cell(f"{severity.glyph} {name_of(alert)}", "muted" if over else severity.style, name_of(alert)),
            Cell(safe_line(alert.message, 1000), "muted" if over else ""),
            Cell(state.text, state.style, state.word),
            Cell(age(since, now), "muted", since),
            Cell(severity.word, "muted" if over else severity.style),
        ),
    )


def name_of(alert: Alert) -> str:
    """Its rule, and what it is about where the rule does not say."""
    rule, subject = safe_line(alert.rule or alert.kind, 200), safe_line(alert.subject, 200)
    return rule if subject in rule.split("-") else f"{rule} {subject}"


def alert_facts(alert: Alert, deliveries: Sequence[Delivery], now: float) -> list[Fact]:
    """What the details say: the message first, whole."""
    severity, state = glyphs.state(alert.severity), glyphs.state(alert.state)
    return [
        Fact("", alert.message, severity.style),
        Fact("state", _state(alert, now), state.style),
        *_note(alert, now),
        *([Fact("enter", f"goes to {place[0].title()}{_in(alert)}", "accent")] if (place := leads_to(alert)) else []),
        Fact("severity", severity.text, severity.style),
        Fact("since", f"{clock(alert.created_at)}, {age(alert.created_at, now)}"),
        Fact("about", alert.environment or alert.subject),
        Fact("kind", alert.kind if alert.rule in ("", alert.kind) else f"{alert.kind}, by the rule {alert.rule}"),
        Fact("Told"),
        *(deliveries_facts(deliveries, now) or [Fact("", _untold(alert))]),
        *([Fact("Figures")] if alert.detail else []),
        *(Fact(key, param(value)) for key, value in alert.detail.items()),
    ]


def _state(alert: Alert, now: float) -> str:
    state = glyphs.state(alert.state)
    if alert.resolved_at is not None:
        return f"{state.text} {age(alert.resolved_at, now)}"
    if alert.silenced_until is not None:
        return f"{state.text} until {clock(alert.silenced_until)[:16]}"
    return state.text


def _note(alert: Alert, now: float) -> list[Fact]:
    if alert.acknowledged_at is None:
        return []
    said = f": {alert.note}" if alert.note else ""
    return [Fact("taken up", f"by {alert.acknowledged_by} {age(alert.acknowledged_at, now)}{said}")]


def _in(alert: Alert) -> str:
    return f", {alert.environment}" if alert.environment else ""


def _untold(alert: Alert) -> str:
    if alert.silenced_until is not None and alert.told_at is None:
        return "Nobody: it is silenced."
    return 'Nobody outside this console: urls = ["…"] under [alerts] of mlops.toml names who is told.'


def deliveries_facts(deliveries: Sequence[Delivery], now: float) -> list[Fact]:
    found = []
    for delivery in deliveries:
        state = glyphs.state(delivery.state)
        tries = f", {delivery.attempts} attempts" if delivery.attempts > 1 else ""
        why = f": {delivery.error}" if delivery.error else ""
        said = f"{state.text} {age(delivery.ended_at or delivery.created_at, now)}{tries}{why}"
        found.append(Fact(f"{delivery.destination} ({delivery.event})", said, state.style))
    return found


def leads_to(alert: Alert) -> tuple[str, Mapping[str, Any]] | None:
    """The view in which to look at what an alert is about, and the place there; None where there is none."""
    environment = alert.environment or alert.subject
    if alert.kind in _DRIFT:
        pane = {"pane": "performance"} if alert.kind == "performance" else {}
        told = {key: alert.detail[key] for key in ("feature", "metric") if key in alert.detail}
        return "drift", {"environment": environment, **pane, **told}
    if alert.kind in _SERVED:
        return "deployments", {"environment": environment}
    if alert.kind in ("job", "job_slow"):
        return "jobs", {"job": alert.detail.get("job", "")}
    return ("triggers", {}) if alert.kind == "trigger" else None
