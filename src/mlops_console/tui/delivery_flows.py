"""What a person does to a deployment on its way, and to its environment: each is asked for, planned and done."""

import asyncio
from typing import TYPE_CHECKING, Any

from mlops_console.core.deployments import Freeze, RevisionState
from mlops_console.core.text import safe_line
from mlops_console.tui.flows import act, choose_environment
from mlops_console.tui.screens.dialogs.prompt import Prompt
from mlops_console.tui.selection import Selection

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace
    from mlops_console.tui.app_actions import ActingApp

_FULL = ("--full", "full")


async def approve(app: "ActingApp", selection: Selection, argument: str = "") -> None:
    """The selected revision if it waits, else the newest one that does."""
    waits = selection.chosen is not None and selection.chosen.state is RevisionState.WAITING
    found = await _asked(app, selection, argument, "Approve in which environment?", waits)
    if found is not None:
        await act(app, f"Approve in {found['environment']}", "approve", {**found, "reason": ""})


async def promote(app: "ActingApp", selection: Selection, argument: str = "", full: bool = False) -> None:
    """The next step of the canary; `full`: all of the traffic."""
    words = [word for word in argument.split() if word not in _FULL]
    full = full or len(words) < len(argument.split())
    found = await _asked(app, selection, " ".join(words[:1]), "Promote in which environment?", False)
    if found is not None:
        await act(app, f"Promote in {found['environment']}", "promote", {**found, "full": full, "reason": ""})


async def abort(app: "ActingApp", selection: Selection, argument: str = "") -> None:
    """The selected revision if it is on its way, else the newest one that is."""
    chosen = selection.chosen
    is_coming = chosen is not None and not chosen.state.is_final and chosen.state is not RevisionState.LIVE
    found = await _asked(app, selection, argument, "Abort in which environment?", is_coming)
    if found is not None:
        await act(app, f"Abort in {found['environment']}", "abort", {**found, "reason": ""})


async def freeze(app: "ActingApp", selection: Selection, argument: str = "") -> None:
    """Freeze an environment; without a reason ask for it, or unfreeze one that is frozen."""
    name, _, reason = argument.partition(" ")
    environment = name or await _environment(app, selection, "Freeze which environment?")
    if not environment:
        return
    frozen = None if reason else await asyncio.to_thread(_freeze_of, app.workspace, environment)
    if frozen is not None:
        await _unfreeze(app, environment)
        return
    prompt = Prompt(f"Freeze {environment}", "Why may nothing be deployed there? All who try are told.")
    given = reason if reason.strip() else await app.push_screen_wait(prompt)
    if given is not None and given.strip():
        request = {"environment": environment, "reason": given.strip()}
        await act(app, f"Freeze {environment}", "freeze", request)


async def unfreeze(app: "ActingApp", selection: Selection, argument: str = "") -> None:
    """Let deployments change an environment again."""
    environment = argument or await _environment(app, selection, "Unfreeze which environment?")
    if environment:
        await _unfreeze(app, environment)


async def why(app: "ActingApp", selection: Selection, argument: str = "") -> None:
    """The selected revision, else what is live."""
    from mlops_console.tui.screens.deployments.why import WhyDialog

    found = await _asked(app, selection, argument, "Why is it live in which environment?", True)
    if found is not None:
        await app.push_screen(WhyDialog(found["environment"], found.get("revision")))


async def _unfreeze(app: "ActingApp", environment: str) -> None:
    await act(app, f"Unfreeze {environment}", "unfreeze", {"environment": environment, "reason": ""})


async def _asked(
    app: "ActingApp", selection: Selection, argument: str, question: str, take_chosen: bool
) -> dict[str, Any] | None:
    """The environment and, where one is meant, the revision: as typed, else as selected; None if nobody wants any."""
    words = argument.split()
    if len(words) > 2 or (len(words) == 2 and not words[1].isdigit()):
        app.tell(f"It takes an environment and the number of a revision, not {safe_line(argument, 60)}.", "warning")
        return None
    if words:
        return {"environment": words[0], **({"revision": int(words[1])} if len(words) > 1 else {})}
    environment = await _environment(app, selection, question)
    if environment is None:
        return None
    chosen = selection.chosen if take_chosen and environment == selection.environment else None
    return {"environment": environment, **({"revision": chosen.revision} if chosen is not None else {})}


async def _environment(app: "ActingApp", selection: Selection, question: str) -> str | None:
    return selection.environment or app.important_environment or await choose_environment(app, question)


def _freeze_of(workspace: "Workspace", environment: str) -> Freeze | None:
    """In a thread."""
    from mlops_console.store import deployments

    with workspace.store.read() as db:
        found = deployments.environment(db, environment)
    return found.freeze if found is not None else None
