"""The params of a pipeline as a form that remembers."""

from collections.abc import Mapping
from typing import Any

import pytest

from mlops_console.store import jobs
from mlops_console.store.identity import actor
from mlops_console.store.workspace import Workspace
from mlops_console.tui.params import read_form
from mlops_console.tui.screens.dialogs.form import Field, Form
from tests.tui.helpers import console, screen_text, until

CONFIG = """
[project]
name = "fraud"
[pipelines.train]
params = "params.toml"
[pipelines.train.stages.fit]
run = "true"
params = ["fit"]
"""


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    (workspace.root / "mlops.toml").write_text(CONFIG)
    (workspace.root / "params.toml").write_text("[fit]\nlr = 0.1\nkind = 'tree'\nlayers = [1, 2]\n")
    with workspace.store.write() as tx:
        params = {"fit.lr": 0.3, "fit.kind": 5, "fit.gone": 1, "fit.layers": [1, 2]}
        jobs.enqueue(tx, "train", "train", {"params": params}, actor())
        jobs.enqueue(tx, "train", "train", {"params": {"fit.lr": 9.0}}, "somebody else")
    return workspace


def test_what_was_used_the_last_time_is_offered_where_it_still_makes_sense(project: Workspace) -> None:
    fields, parse = read_form(project, "train")
    assert fields == [Field("fit.lr", "0.1", "0.3"), Field("fit.kind", "tree", "5"), Field("fit.layers", "[1, 2]")]
    assert parse("fit.kind", "5") == "5"
    (project.root / "params.toml").write_text("[fit]\nlr = 'auto'\n")
    assert read_form(project, "train")[0] == [Field("fit.lr", "auto", "0.3")]
    (project.root / "params.toml").write_text("[fit]\nlr = [1]\n")
    assert read_form(project, "train")[0] == [Field("fit.lr", "[1]")]


async def test_the_form_remembers_and_goes_back_to_the_file(project: Workspace) -> None:
    async with console(project, "pipelines", size=(100, 30)) as pilot:
        await until(pilot, "train")
        await pilot.press("t")
        text = await until(pilot, "As the last time")
        assert "file: 0.1" in text
        await pilot.press("ctrl+r", "enter")
        text = await until(pilot, "Run pipeline train")
        assert "fit.lr" not in text
        await pilot.press("escape", "t")
        await until(pilot, "As the last time")
        await pilot.press("enter")
        await until(pilot, "-p fit.lr=0.3")
        assert "fit.lr" in screen_text(pilot)


async def test_what_can_not_be_shown_reaches_no_terminal_and_stays_what_it_is(project: Workspace) -> None:
    async with console(project, "pipelines", size=(100, 30)) as pilot:
        await until(pilot, "train")
        found: list[Mapping[str, Any] | None] = []
        fields = [Field("about", "\x1b[31mevil\n"), Field("why", "")]
        pilot.app.push_screen(Form("Silence", fields, lambda _, text: text), found.append)
        text = await until(pilot, "␛[31mevil␤")
        assert "\x1b" not in text
        await pilot.press("down", "x", "enter")
        await pilot.pause()
        assert found == [{"why": "x"}]
