"""The details of the drift view, when somebody has gone into them."""

import pytest

from mlops_console.store.workspace import Workspace
from tests.tui.helpers import console, until
from tests.tui.seed import seed


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_the_tabs_turn_inside(workspace: Workspace, size: tuple[int, int]) -> None:
    seed(workspace)
    async with console(workspace, "drift", size) as pilot:
        await until(pilot, "█ current")
        await pilot.press("enter", "tab")
        await until(pilot, "▸Trend")
        await pilot.press("tab")
        await until(pilot, "▸Performance")
        await pilot.press("escape")
        await until(pilot, "Features in production")
