"""What the tests of the views share: a console on a workspace, and the text of its screen."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from mlops_console.store.workspace import Workspace
from mlops_console.tui.app import ConsoleApp


@asynccontextmanager
async def console(
    workspace: Workspace, view: str, size: tuple[int, int] = (80, 24), **options: Any
) -> AsyncIterator[Pilot[None]]:
    """The console opened on a view; `options` are those of `ConsoleApp`."""
    app = ConsoleApp(workspace, view=view, **options)
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        yield pilot


def screen_text(pilot: Pilot[None]) -> str:
    """What a person reads."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def until(pilot: Pilot[None], text: str, timeout: float = 20.0) -> str:
    """The screen's text as soon as it has `text` in it."""
    deadline = time.monotonic() + timeout
    while text not in (found := screen_text(pilot)):
        if time.monotonic() > deadline:
            raise AssertionError(f"{text!r} did not come; the screen is\n{found}")
        await pilot.pause(0.02)
    return found
