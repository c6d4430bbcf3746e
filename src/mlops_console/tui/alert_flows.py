"""What a person does about an alert: each is asked for, planned and done."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mlops_console.core.alerts import Alert, Silence
from mlops_console.core.moments import seconds
from mlops_console.tui.flows import act
from mlops_console.tui.screens.dialogs.form import Field, Form
from mlops_console.tui.screens.dialogs.prompt import Prompt
from mlops_console.tui.selection import Selection

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace
    from mlops_console.tui.app_actions import ActingApp

_SPAN = "2h"


async def acknowledge(app: "ActingApp", selection: Selection, argument: str = "") -> None:
    """Take up the selected alert, with a note."""
    alert = _selected(app, selection)
    if alert is None:
        return
    prompt = Prompt(f"Acknowledge alert {alert.id}", "A note for the others, as: a holiday, I am looking at it.")
    note = argument if argument.strip() else await app.push_screen_wait(prompt)
    if note is not None:
        request = {"alert": alert.id, "note": note.strip()}
        await act(app, f"Acknowledge alert {alert.id}", "acknowledge", request)


async def silence(app: "ActingApp", selection: Selection, argument: str = "") -> None:
    """Tell nobody of the like of the selected alert for a while, or end the silence that it has; `argument`: how
    long.
    """
    alert = _selected(app, selection)
    if alert is None:
        return
    if alert.silenced_until is not None and not argument:
        found = await asyncio.to_thread(_silence_of, app.workspace, alert)
        if found is not None:
            await act(app, f"End silence {found.id}", "unsilence", {"silence": found.id})
            return
    usual = {"for": argument or _SPAN, "why": "", "rule": alert.rule or alert.kind, "about": alert.subject}
    form = Form(
        f"Silence {usual['rule']} of {alert.subject}",
        [Field(key, value) for key, value in usual.items()],
        _parse,
        "It is recorded and shown as before, and nobody is told. rule and about may be * for all.",
    )
    changed = await app.push_screen_wait(form)
    if changed is None:
        return
    given = {**usual, **changed}
    request = {"rule": given["rule"], "subject": given["about"], "span": given["for"], "note": given["why"]}
    await act(app, f"Silence {given['rule']}", "silence", request)


async def resolve(app: "ActingApp", selection: Selection) -> None:
    """End the selected alert by hand."""
    alert = _selected(app, selection)
    if alert is not None:
        await act(app, f"End alert {alert.id}", "resolve_alert", {"alert": alert.id})


def _selected(app: "ActingApp", selection: Selection) -> Alert | None:
    if selection.alert is None:
        app.tell("No alert is selected; 9 shows them.", "warning")
    return selection.alert


def _silence_of(workspace: "Workspace", alert: Alert) -> Silence | None:
    """In a thread: the one that ends last."""
    from mlops_console.store import silences

    now = time.time()
    with workspace.store.read() as db:
        held = [s for s in silences.active(db, now) if s.covers(alert.rule, alert.kind, alert.subject, now)]
    return held[-1] if held else None


def _is_something(text: str) -> str:
    if not text.strip():
        raise ValueError("* stands for all of them")
    return text.strip()


def _is_span(text: str) -> str:
    seconds(text)
    return text.strip()


_PARSE: Mapping[str, Callable[[str], str]] = {"for": _is_span, "why": str.strip, "rule": _is_something}


def _parse(key: str, text: str) -> str:
    return _PARSE.get(key, _is_something)(text)
