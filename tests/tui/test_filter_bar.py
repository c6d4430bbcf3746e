"""Completion while a filter is typed."""

from mlops_console.store.workspace import Workspace
from tests.tui.helpers import console, screen_text, until
from tests.tui.test_runs import add_run


async def test_names_are_offered_and_taken(workspace: Workspace) -> None:
    add_run(workspace, "calm-otter", 0.9, optimizer="adam")
    async with console(workspace, "runs", size=(100, 24)) as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("slash", *"params.o")
        await until(pilot, "params.optimizer")
        await pilot.press("tab", *" = ")
        await until(pilot, "  adam")
        await pilot.press("down", "enter")
        await until(pilot, "params.optimizer = adam")
        await pilot.press("enter")
        await until(pilot, "── 1 ── params.optimizer = adam")


async def test_enter_takes_none_that_was_not_chosen(workspace: Workspace) -> None:
    add_run(workspace, "val-otter")
    async with console(workspace, "runs", size=(100, 24)) as pilot:
        await until(pilot, "val-otter")
        await pilot.press("slash", *"val")
        await until(pilot, "metrics.val/auc")
        await pilot.press("enter")
        await until(pilot, "── 1 ── val")


async def test_escape_leaves_the_suggestions_first(workspace: Workspace) -> None:
    add_run(workspace, "calm-otter")
    async with console(workspace, "runs", size=(100, 24)) as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("slash", *"metr")
        await until(pilot, "  metrics.val/auc")
        await pilot.press("escape")
        assert "  metrics.val/auc" not in screen_text(pilot)
        assert "metr" in screen_text(pilot)
        await pilot.press("escape")
        await until(pilot, "── 1 ──")


async def test_the_caret_stands_under_the_column(workspace: Workspace) -> None:
    add_run(workspace, "calm-otter")
    async with console(workspace, "runs", size=(100, 24)) as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("slash", *"name = a b")
        text = await until(pilot, "Filter, column")
        lines = text.splitlines()
        typed = next(at for at, line in enumerate(lines) if "name = a b" in line and "──" not in line)
        assert lines[typed + 1].index("^") == lines[typed].index("name = a b") + len("name = a ")


async def test_hostile_names_are_drawn_as_text(workspace: Workspace) -> None:
    add_run(workspace, "calm-otter", **{"[red]\x1b[2Jx": 1})
    async with console(workspace, "runs", size=(100, 24)) as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("slash", *"params.")
        text = await until(pilot, "params.`[red]")
        assert "\x1b[2J" not in text
