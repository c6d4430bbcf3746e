"""`alert list|show|ack|resolve|silence|unsilence|silences|test`."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mlops_console.actions.base import ensure_writable
from mlops_console.cli import shapes
from mlops_console.cli.acting import act_at_once
from mlops_console.cli.options import DryRunOption, JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_aside, show_json, show_table
from mlops_console.core import text
from mlops_console.core.alerts import Alert, Delivery, Silence
from mlops_console.core.errors import UsageError
from mlops_console.store import alerting, alerts, outbox, silences
from mlops_console.worker import messages

app = typer.Typer(help="Alerts: what is wrong, who is told of it, and who is not.", no_args_is_help=True)
AlertArgument = Annotated[int, typer.Argument(metavar="ALERT", help="Its number.")]
NoteOption = Annotated[str, typer.Option("--note", metavar="TEXT", help="What there is to say; kept with who said it.")]


@app.command("list")
def list_alerts(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="With --all: how many at the most.")] = 50,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is wrong now, the newest first."""
    found = opened(workspace)
    with found.store.read() as db:
        listed = alerts.recent(db, limit) if everything else alerts.open_alerts(db)
        waiting = outbox.waiting(db)
    problems = messages.problems(found)
    if as_json:
        show_json({"alerts": [shapes.alert(alert) for alert in listed], "waiting": waiting, "problems": problems})
        return
    if listed:
        now = time.time()
        show_table(
            ("ID", "STATE", "SEVERITY", "RULE", "SUBJECT", "SINCE", "SAYS"),
            [
                (
                    a.id,
                    a.state,
                    a.severity,
                    a.rule,
                    a.subject,
                    text.age(a.created_at, now),
                    text.safe_line(a.message, 500),
                )
                for a in listed
            ],
            right=("ID",),
        )
    else:
        show("There are no alerts." if everything else "Nothing is wrong; --all shows what was.")
    if waiting:
        show_aside(f"{waiting} message{'s' * (waiting != 1)} not yet sent; 'mlops-console alert show ALERT' tells why.")
    for problem in problems:
        show_aside(problem)


@app.command("show")
def show_alert(alert: AlertArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """One alert: what it says, who has taken it up, and what became of each message."""
    found = opened(workspace)
    with found.store.read() as db:
        wanted = alerts.get(db, alert)
        told = outbox.of_alert(db, alert)
    names = alerting.destination_names(found)
    if as_json:
        show_json(shapes.alert(wanted) | {"deliveries": [_delivery(delivery, names) for delivery in told]})
        return
    for line in _lines(wanted):
        show(text.safe_line(line))
    if told:
        show_table(
            ("MESSAGE", "TO", "STATE", "ATTEMPTS", "AT", "LAST ERROR"),
            [
                (d.event, _name(d, names), d.state, d.attempts, text.clock(d.ended_at or d.created_at), d.error)
                for d in told
            ],
            right=("ATTEMPTS",),
        )
    elif wanted.told_at is None:
        show(f"Nobody was told: it {'is' if wanted.silenced_until else 'was'} silenced.")
    else:
        show("Nobody was told: [alerts] urls was empty.")


@app.command("ack")
def acknowledge(
    alert: AlertArgument,
    note: NoteOption = "",
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an alert up: it stays open, and nobody is reminded of it."""
    _act(workspace, "acknowledge", {"alert": alert, "note": note}, dry_run=dry_run, as_json=as_json)


@app.command("resolve")
def resolve(
    alert: AlertArgument,
    note: NoteOption = "",
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """End an alert by hand, unless it is still wrong; it opens again when it is found wrong again."""
    _act(workspace, "resolve_alert", {"alert": alert, "note": note}, dry_run=dry_run, as_json=as_json)


@app.command("silence")
def silence(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="The name of a rule, a kind of alert, or '*'.")],
    span: Annotated[str, typer.Option("--for", metavar="SPAN", help="How long, as 2h.")],
    subject: Annotated[
        str, typer.Argument(metavar="[SUBJECT]", help="What the alerts are about; by default all.")
    ] = "*",
    note: NoteOption = "",
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell nobody of such alerts for a while; they are recorded and shown."""
    request = {"rule": rule, "subject": subject, "span": span, "note": note}
    _act(workspace, "silence", request, dry_run=dry_run, as_json=as_json)


@app.command("unsilence")
def unsilence(
    silence: Annotated[int, typer.Argument(metavar="SILENCE", help="Its number, as 'alert silences' shows it.")],
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a silence before its time; what is still wrong is told."""
    _act(workspace, "unsilence", {"silence": silence}, dry_run=dry_run, as_json=as_json)


@app.command("silences")
def list_silences(
    everything: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """The silences that hold, the one that ends first first."""
    now = time.time()
    with opened(workspace).store.read() as db:
        listed = silences.listing(db) if everything else silences.active(db, now)
    if as_json:
        show_json({"silences": [_silence(silence) for silence in listed]})
    elif listed:
        show_table(
            ("ID", "RULE", "SUBJECT", "UNTIL", "BY", "NOTE"),
            [(s.id, s.rule, s.subject, text.clock(s.until), s.actor, s.note) for s in listed],
            right=("ID",),
        )
    else:
        show("Nothing is silenced.")


@app.command("test")
def send_test(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Send a test message to every destination; exits with 1 if one did not take it."""
    found = opened(workspace)
    ensure_writable(found)
    config = found.config()
    post = messages.post_of(found.root, config.project.name, config.alerts)
    if not post.destinations:
        raise UsageError(
            "There is nowhere to send to.", "Add urls to [alerts] in mlops.toml; docs/alerts.md shows how."
        )
    results = messages.send_test(post)
    if as_json:
        told = [{"name": to.name, "sent": not error, "error": error or None} for to, error in results]
        show_json({"destinations": told})
    else:
        for to, error in results:
            show(f"{'✗' if error else '✓'} {text.safe_line(to.name)}   {text.safe_line(error or 'has taken it')}")
    if any(error for _, error in results):
        raise typer.Exit(1)


def _act(workspace: Path | None, name: str, request: Mapping[str, Any], *, dry_run: bool, as_json: bool) -> None:
    act_at_once(opened(workspace), name, request, dry_run=dry_run, as_json=as_json)


def _lines(alert: Alert) -> list[str]:
    lines = [f"alert {alert.id}: {alert.state}, {alert.severity}, rule {alert.rule}, {alert.subject}", alert.message]
    lines.append(f"since {text.clock(alert.created_at)}")
    if alert.resolved_at is not None:
        note = f": {alert.resolved_note}" if alert.resolved_note else ""
        by = f", ended by {alert.resolved_by}{note}" if alert.resolved_by else ""
        lines.append(f"over since {text.clock(alert.resolved_at)}{by}")
    if alert.silenced_until is not None:
        lines.append(f"silenced until {text.clock(alert.silenced_until)}")
    if alert.acknowledged_at is not None:
        note = f": {alert.note}" if alert.note else ""
        lines.append(f"taken up by {alert.acknowledged_by} at {text.clock(alert.acknowledged_at)}{note}")
    return lines


def _name(delivery: Delivery, names: Mapping[str, str]) -> str:
    return names.get(delivery.destination, "not in mlops.toml")


def _delivery(found: Delivery, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "to": names.get(found.destination),
        "event": found.event.value,
        "key": found.key,
        "state": found.state,
        "attempts": found.attempts,
        "created_at": found.created_at,
        "ended_at": found.ended_at,
        "error": found.error or None,
    }


def _silence(found: Silence) -> dict[str, Any]:
    return {
        "id": found.id,
        "rule": found.rule,
        "subject": found.subject,
        "until": found.until,
        "actor": found.actor,
        "note": found.note,
        "created_at": found.created_at,
    }
