"""The triggers view: what fires them, whether they are on, and switching and firing them."""

import time
from collections import Counter

import pytest

from mlops_console.core.alerts import Severity
from mlops_console.core.triggers import Trigger
from mlops_console.store import alerts, jobs, ledger, triggers
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace
from mlops_console.tui.commands import ASIDE, in_view, named
from mlops_console.tui.screens.triggers.rows import until as soon
from tests.tui.helpers import console, screen_text, until
from tests.tui.seed import HOSTILE

CONFIG = """
[project]
name = "fraud"
[pipelines.train.stages.fit]
run = "true"
[pipelines.evaluate.stages.test]
run = "true"
[environments.production]
model = "fraud"
port = 8100
[[triggers]]
name = "nightly"
on = "schedule"
cron = "0 3 * * *"
do = "train"
[[triggers]]
name = "fresh"
on = "change"
paths = ["data/**"]
do = "train"
[[triggers]]
name = "then"
on = "after"
pipeline = "train"
do = "evaluate"
enabled = false
[[triggers]]
name = "again"
on = "drift"
environment = "production"
do = "train"
deploy = "production"
"""


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    (workspace.root / "mlops.toml").write_text(CONFIG)
    with workspace.store.write() as tx:
        job = jobs.enqueue(tx, "train", "train", {}, "trigger:nightly", jobs.Turn(key=triggers.key("nightly", "1")))
        jobs.finish(tx, job, jobs.JobState.FAILED, error="x")
        triggers.fired(tx, "nightly", time.time() - 7200, job, HOSTILE)
        triggers.stop(tx, "again", "It has switched itself off: its last 3 jobs failed.")
    return workspace


async def test_each_is_told_at_80_columns(project: Workspace) -> None:
    async with console(project, "overview") as pilot:
        await until(pilot, "production")
        await pilot.press("colon", *"triggers", "enter")
        text = await until(pilot, "▸ Triggers")
        text = await until(pilot, "nightly")
        assert "1 Overview" in text.splitlines()[1]
        assert "riggers" not in text.splitlines()[1]  # it has no tab
        for title in ("NAME", "WHEN", "DOES", "STATE", "LAST", "NEXT", "LAST JOB"):
            assert title in text
        lines = {
            name: next(line for line in text.splitlines() if name in line) for name in ("nightly", "then", "again")
        }
        assert "0 3 * * *" in lines["nightly"]
        assert "● on" in lines["nightly"]
        assert "2h ago" in lines["nightly"]
        assert "in " in lines["nightly"]
        assert "after train" in lines["then"]
        assert "○ off" in lines["then"]
        assert "drift o" in lines["again"]  # cut in the middle
        assert "train…" in lines["again"]  # and what it deploys, cut in the middle
        assert "■ stopped" in lines["again"]


async def test_the_details_tell_note_jobs_and_exact_times(project: Workspace) -> None:
    async with console(project, "triggers") as pilot:
        await until(pilot, "nightly")
        await pilot.press("enter")
        text = await until(pilot, "job 1")
        assert "✗ failed" in text
        assert "03:00:00" in text
        assert "worker start" in text  # there is none
        assert not set("\x1b\x07\u202e") & set(text)
        await pilot.press("escape", "G", "enter")
        await until(pilot, "switched itself off")


async def test_it_is_switched_through_its_plan(project: Workspace) -> None:
    with project.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")
        alerts.open_alert(tx, "trigger", "again", Severity.WARNING, "x")
    async with console(project, "triggers") as pilot:
        await until(pilot, "nightly")
        await pilot.press("space")
        await until(pilot, "Switch trigger nightly off")
        await until(pilot, "on  →  off")
        await pilot.press("y")
        text = await until(pilot, "Set trigger: done")
        await pilot.press("G", "e")
        await until(pilot, "stopped  →  on")
        await pilot.press("y")
        for _ in range(200):
            with project.store.read() as db:
                if triggers.state(db, "again").switched_on:
                    break
            await pilot.pause(0.02)
        with project.store.read() as db:
            assert triggers.state(db, "nightly").switched_on is False
            assert triggers.state(db, "again").switched_on is True
            assert [entry.subject for entry in ledger.entries(db)] == ["again", "nightly"]
            assert alerts.open_alerts(db) == []
        text = await until(pilot, "○ off")
        assert text


async def test_it_is_fired_through_the_plan_of_its_pipeline(project: Workspace) -> None:
    with project.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")
    async with console(project, "triggers") as pilot:
        await until(pilot, "nightly")
        await pilot.press("f")
        await until(pilot, "Fire trigger nightly: run pipeline train")
        await pilot.press("y")
        await until(pilot, "job 2 queued")
    with project.store.read() as db:
        assert jobs.get(db, 2).actor == "trigger:nightly"


async def test_read_only_it_shows_and_does_not_act(project: Workspace) -> None:
    async with console(project, "triggers", read_only=True) as pilot:
        text = await until(pilot, "nightly")
        assert "Fire" not in text
        await pilot.press("space")
        await until(pilot, "read-only: nothing can be changed")


async def test_an_empty_view_teaches_and_follows_the_file(workspace: Workspace) -> None:
    (workspace.root / "mlops.toml").write_text('[project]\nname = "x"\n')
    async with console(workspace, "triggers") as pilot:
        text = await until(pilot, "No trigger yet")
        assert "[[triggers]]" in text
        (workspace.root / "mlops.toml").write_text(CONFIG)
        await until(pilot, "data/**")
        (workspace.root / "mlops.toml").write_text(CONFIG.replace("cron", "corn"))
        await until(pilot, "mlops.toml: unknown key triggers.0.corn, did you mean 'cron'?")


@pytest.mark.parametrize("size", [(20, 5), (60, 15), (200, 50)])
async def test_hostile_text_in_any_terminal(workspace: Workspace, size: tuple[int, int]) -> None:
    config = CONFIG.replace('"data/**"', '"[/x][@click=app.quit]\\u001b]52;c;A\\u0007\\u202e"')
    (workspace.root / "mlops.toml").write_text(config)
    async with console(workspace, "triggers", size) as pilot:
        await until(pilot, "nightly") if size[1] > 10 else await pilot.pause(0.3)
        await pilot.press("j", "enter")
        await pilot.pause()
        assert not set("\x1b\x07\u202e") & set(screen_text(pilot))


@pytest.mark.parametrize("view", ASIDE)
def test_no_key_means_two_things_in_a_view_without_a_tab(view: str) -> None:
    keys = Counter(key for command in in_view(view, read_only=False) for key in command.keys.split(",") if key)
    assert [key for key, count in keys.items() if count > 1] == []
    assert not [command.id for command in in_view(view, read_only=True) if command.acts]


def test_it_is_found_by_its_name() -> None:
    assert (found := named("trig")) is not None
    assert found.id == "triggers"


def test_how_soon() -> None:
    assert [soon(at, 100.0) for at in (None, 99.0, 142.0, 400.0, 10_900.0, 300_000.0)] == [
        "–", "due", "in 43s", "in 5m", "in 3h", "in 3d",
    ]  # fmt: skip


def test_what_fires_it_is_told_in_few_words() -> None:
    nightly = {"name": "x", "on": "schedule", "do": "train", "cron": "0 3 * * *", "timezone": "UTC"}
    assert Trigger.model_validate(nightly).when == "0 3 * * * UTC"
