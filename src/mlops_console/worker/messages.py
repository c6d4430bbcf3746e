"""Messages of alerts: what they say, and how one reaches its destination."""

import importlib.util
import logging
import os
import queue
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_console.core.alert_settings import Alerts
from mlops_console.core.alerts import AlertEvent, Severity
from mlops_console.core.destinations import Destination, destinations
from mlops_console.core.errors import ConfigError, MlopsError
from mlops_console.core.text import safe_line, safe_text
from mlops_console.store.workspace import Workspace
from mlops_console.worker import webhook

TIMEOUT = 10.0  # seconds that a receiver may take
_SECRET = 4096  # bytes of a secret at the most
WITHOUT_APPRISE = (
    "{} can't be told of alerts, as Apprise is not installed: pip install 'mlops-console[alerts]' brings it."
)


@dataclass(frozen=True, slots=True)
class Post:
    """Where messages go, and in whose name."""

    project: str
    destinations: tuple[Destination, ...]
    secret: bytes | None = field(default=None, repr=False)

    def destination(self, key: str) -> Destination | None:
        return next((found for found in self.destinations if found.key == key), None)


def post_of(root: Path, project: str, alerts: Alerts) -> Post:
    """What `[alerts]` asks for.

    Raises:
        MlopsError: the secret is not where it should be: unsigned nothing is sent.
    """
    return Post(project, destinations(alerts.urls), _secret(root, alerts))


def _secret(root: Path, alerts: Alerts) -> bytes | None:
    if alerts.secret_env is not None:
        found = os.environb.get(alerts.secret_env.encode(), b"")
        where = f"The variable {alerts.secret_env}, which alerts.secret_env of mlops.toml names,"
    elif alerts.secret_file is not None:
        where = f"The file {alerts.secret_file}, which alerts.secret_file of mlops.toml names,"
        try:
            with (root / alerts.secret_file).open("rb") as file:
                found = file.read(_SECRET).strip()
        except OSError:
            found = b""
    else:
        return None
    if not found:
        raise MlopsError(f"{where} holds no secret.", "Alerts wait unsent until it does.")
    return found


def unreachable(alerts: Alerts) -> list[str]:
    """The destinations that need Apprise, where it is not installed, as one sentence each."""
    if importlib.util.find_spec("apprise") is not None:
        return []
    return [WITHOUT_APPRISE.format(found.name) for found in destinations(alerts.urls) if not found.is_webhook]


def problems(workspace: Workspace) -> list[str]:
    """What keeps alerts from their destinations as things are, a sentence each."""
    try:
        config = workspace.config()
    except ConfigError:  # which is told where it matters
        return []
    found = unreachable(config.alerts)
    try:
        _secret(workspace.root, config.alerts)
    except MlopsError as error:
        found.append(str(error))
    return found


def send_test(post: Post, patience: float = 1.5 * TIMEOUT) -> list[tuple[Destination, str]]:
    """Send a test message to all destinations at once: each with why it did not take it, or ""."""
    body = {
        "event": "test",
        "alert": 0,
        "rule": "test",
        "kind": "test",
        "subject": "test",
        "severity": Severity.WARNING.value,
        "message": "This is a test: nothing is wrong.",
        "environment": "",
        "opened_at": time.time(),
        "resolved_at": None,
        "by": None,
        "note": None,
    }
    results: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()

    def test(to: Destination) -> None:
        results.put((to.key, attempt(post, to, secrets.token_hex(16), body)))

    for to in post.destinations:
        threading.Thread(target=test, args=(to,), daemon=True).start()
    told: dict[str, str] = {}
    end = time.monotonic() + patience
    while len(told) < len(post.destinations):
        try:
            told.update([results.get(timeout=max(end - time.monotonic(), 0))])
        except queue.Empty:
            break
    return [(to, told.get(to.key, f"There was no answer within {patience:g} s.")) for to in post.destinations]


def attempt(post: Post, to: Destination, key: str, body: Mapping[str, Any], timeout: float = TIMEOUT) -> str:
    """`send`, with why it failed as its answer, or ""."""
    try:
        send(post, to, key, body, timeout)
    except MlopsError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a library's fault may hold up no other message
        return f"It failed: {type(error).__name__}."
    return ""


def send(post: Post, to: Destination, key: str, body: Mapping[str, Any], timeout: float = TIMEOUT) -> None:
    """Deliver one message.

    Args:
        key: the same at each attempt.

    Raises:
        MlopsError: why it could not be delivered, without the URL.
    """
    document = {"key": key, "project": post.project, "title": title(post.project, body), **body}
    if to.is_webhook:
        webhook.post(to.url, document, key, post.secret, timeout)
    else:
        _send_by_apprise(to, document)


def title(project: str, body: Mapping[str, Any]) -> str:
    """`fraud: critical: server production`, `fraud: over: drift production`."""
    word = {AlertEvent.RESOLVED.value: "over", AlertEvent.REMINDER.value: f"still {body['severity']}"}
    return safe_line(f"{project}: {word.get(body['event'], body['severity'])}: {body['rule']} {body['subject']}", 200)


def text(body: Mapping[str, Any]) -> str:
    """What the alert says, and of one that somebody has ended who it was."""
    by, note = body.get("by"), body.get("note")  # which messages of an earlier version have not
    ended = f"{by} has ended it{f': {note}' if note else '.'}" if by else ""
    return "\n".join(filter(None, (safe_text(body["message"], 4000), safe_line(ended, 1000))))


def _send_by_apprise(to: Destination, document: Mapping[str, Any]) -> None:
    try:
        import apprise
    except ImportError:
        raise MlopsError(WITHOUT_APPRISE.format(to.name)) from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it tells of URLs
    service = apprise.Apprise.instantiate(to.url, suppress_exceptions=True)
    if service is None:
        raise MlopsError(f"{to.name} is no URL that Apprise knows.", "Mend it in mlops.toml.")
    kinds = {Severity.CRITICAL.value: apprise.NotifyType.FAILURE, Severity.WARNING.value: apprise.NotifyType.WARNING}
    is_over = document["event"] == AlertEvent.RESOLVED.value
    told = service.notify(
        title=document["title"],
        body=text(document) or document["title"],
        notify_type=apprise.NotifyType.SUCCESS if is_over else kinds[document["severity"]],
        body_format=apprise.NotifyFormat.TEXT,  # a name in it is no markup
    )
    if not told:
        raise MlopsError("Apprise could not deliver it.")
