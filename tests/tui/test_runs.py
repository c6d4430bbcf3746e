"""The runs view."""

from typing import Any

import pytest

from mlops_console.core.filters import typed_filter
from mlops_console.core.runs import Provenance, RunStatus, StageRun
from mlops_console.store import artifacts, runs, series, stages
from mlops_console.store.workspace import Workspace
from mlops_console.tui.app import ConsoleApp
from mlops_console.tui.screens.runs.source import WINDOW, RunSource, Window, window_at
from tests.tui.helpers import console, screen_text, until


def add_run(workspace: Workspace, name: str, auc: float = 0.9, **params: Any) -> str:
    with workspace.store.write() as tx:
        origin = Provenance("ada", "python fit.py", "4f2c9ab77d1e0c5d", "main", True, "3.11", {"numpy": "2"})
        run_id = runs.create(tx, name=name, experiment="fraud", provenance=origin)
        runs.set_params(tx, run_id, params)
        series.ingest(tx, run_id, [("val/auc", step, auc + step / 1000, 1.0) for step in range(50)])
    return run_id


async def test_rows_have_status_metrics_and_params(workspace: Workspace) -> None:
    run_id = add_run(workspace, "calm-otter", 0.9, lr=0.1)
    with workspace.store.write() as tx:
        runs.finish(tx, run_id, RunStatus.FAILED, error="boom")
    add_run(workspace, "brave-fox", 0.8, depth=6)
    async with console(workspace, "runs", size=(100, 24)) as pilot:
        text = await until(pilot, "brave-fox")
        assert "✗ failed" in text
        assert "● running" in text
        assert "val/auc" in text
        assert "0.9490" in text


async def test_filters_follow_every_key_and_tell_their_faults(workspace: Workspace) -> None:
    add_run(workspace, "calm-otter", 0.9)
    add_run(workspace, "brave-fox", 0.5)
    async with console(workspace, "runs", size=(100, 24)) as pilot:
        await until(pilot, "brave-fox")
        await pilot.press("slash", *"metrics.val/auc", "space", *">")
        await until(pilot, "Filter, column")
        await pilot.press("space", *"0.7", "enter")
        await until(pilot, "── 1 ── metrics.val/auc > 0.7")
        assert "brave-fox" not in screen_text(pilot)
        await pilot.press("escape")
        await until(pilot, "brave-fox")


async def test_a_bad_filter_that_is_entered_keeps_the_line_open(workspace: Workspace) -> None:
    add_run(workspace, "calm-otter")
    async with console(workspace, "runs", size=(100, 24)) as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("colon", *"filter", "space", *"lr", "space", *"=", "enter")
        await until(pilot, "Filter, column")
        await pilot.press("escape")
        await until(pilot, "── 1 ──")


async def test_a_single_word_filters_by_name(workspace: Workspace) -> None:
    assert typed_filter(" otter ") == 'name ~ "otter"'
    assert typed_filter("status = failed") == "status = failed"
    assert typed_filter("") == ""
    add_run(workspace, "calm-otter")
    add_run(workspace, "brave-fox")
    async with console(workspace, "runs") as pilot:
        await until(pilot, "brave-fox")
        await pilot.press("slash", *"otter", "enter")
        await until(pilot, "── 1 ── otter")


async def test_nothing_matches_says_so(workspace: Workspace) -> None:
    add_run(workspace, "calm-otter")
    async with console(workspace, "runs") as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("slash", *"zzz", "enter")
        await until(pilot, "Nothing matches the filter")


async def test_sorting_by_a_metric_and_turning_it_round(workspace: Workspace) -> None:
    for name, auc in (("low", 0.1), ("high", 0.9), ("middle", 0.5)):
        add_run(workspace, name, auc)
    async with console(workspace, "runs", size=(100, 24)) as pilot:
        await until(pilot, "middle")
        await pilot.press("s", *"val/auc", "enter")
        text = await until(pilot, "val/auc ▼")
        await pilot.pause(0.2)
        text = screen_text(pilot)
        assert text.index("high") < text.index("middle ") < text.index("low ")
        await pilot.press("S")
        await until(pilot, "val/auc ▲")
        await pilot.pause(0.2)
        text = screen_text(pilot)
        assert text.index("low ") < text.index("middle ") < text.index("high ")


async def test_the_details_follow_the_cursor_and_are_live(workspace: Workspace) -> None:
    first = add_run(workspace, "calm-otter", lr=0.1)
    with workspace.store.write() as tx:
        artifacts.add(tx, first, "roc.png", "ab" * 32, 48_211)
    async with console(workspace, "runs", size=(160, 40)) as pilot:
        await until(pilot, "┤")
        await until(pilot, "METRIC")
        with workspace.store.write() as tx:
            series.ingest(tx, first, [("train/loss", 0, 0.5, 1.0)])
        await until(pilot, "train/loss")
        for wanted in (
            "No plots",
            "lr",
            "started by hand",
            "roc.png",
            "4f2c9ab77d1e on main, with changes not committed",
        ):
            await pilot.press("tab")
            await until(pilot, wanted)


async def test_the_log_of_the_stage_that_failed_is_shown(workspace: Workspace) -> None:
    run_id = add_run(workspace, "calm-otter")
    logs = workspace.logs_dir / "1"
    logs.mkdir(parents=True)
    (logs / "prepare.log").write_text("prepared\n")
    (logs / "fit.log").write_text("x" * 10_000_000 + "\n\x1b]52;c;aGk=\x07[/markup]\nlast words\n")
    with workspace.store.write() as tx:
        planned = [
            StageRun(name, at, RunStatus.QUEUED, "python", f".mlops/logs/1/{name}.log")
            for at, name in enumerate(("prepare", "fit", "evaluate"))
        ]
        stages.plan_stages(tx, run_id, planned)
        stages.start(tx, run_id, "prepare")
        stages.finish(tx, run_id, "prepare", RunStatus.SUCCEEDED, 0)
        stages.start(tx, run_id, "fit")
        stages.finish(tx, run_id, "fit", RunStatus.FAILED, 1, "boom")
    async with console(workspace, "runs") as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("l")
        text = await until(pilot, "last words")
        assert "[/markup]" in text
        assert "\x1b" not in text
        with (logs / "fit.log").open("a") as log:
            log.write("and then some\n")
        await until(pilot, "and then some")
        await pilot.press("escape")
        await until(pilot, "STARTED")


async def test_comparing_marked_runs_shows_what_differs(workspace: Workspace) -> None:
    add_run(workspace, "calm-otter", 0.9, lr=0.1, depth=6)
    add_run(workspace, "brave-fox", 0.8, lr=0.5, depth=6)
    async with console(workspace, "runs", size=(100, 30)) as pilot:
        await until(pilot, "brave-fox")
        await pilot.press("c")
        await until(pilot, "Mark two or more runs")
        await pilot.press("space", "space", "c")
        text = await until(pilot, "1 the same: a shows")
        assert "0.9490" in text
        assert "0.8490" in text
        assert "lr" in text
        await pilot.press("escape", "escape")
        await pilot.pause(0.1)
        assert "◆" not in screen_text(pilot)


async def test_a_queued_run_is_at_the_top(workspace: Workspace) -> None:
    add_run(workspace, "calm-otter")
    with workspace.store.write() as tx:
        runs.create(tx, name="waiting-fox", experiment="fraud", status=RunStatus.QUEUED)
    async with console(workspace, "runs") as pilot:
        text = await until(pilot, "waiting-fox")
        assert text.index("waiting-fox") < text.index("calm-otter")


async def test_another_view_can_send_a_person_to_a_run(workspace: Workspace) -> None:
    wanted = add_run(workspace, "calm-otter")
    add_run(workspace, "brave-fox")
    async with console(workspace, "jobs") as pilot:
        await until(pilot, "No job yet")
        assert isinstance(pilot.app, ConsoleApp)
        await pilot.app.action_show_view("runs", {"run": wanted})
        await until(pilot, "▌  calm-otter")


async def test_only_a_window_of_many_runs_is_in_memory(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        for number in range(WINDOW * 3):
            run_id = runs.create(tx, name=f"run-{number:04}", experiment="fraud", started_at=1000.0 + number)
            runs.finish(tx, run_id, RunStatus.SUCCEEDED, ended_at=1001.0 + number)
    async with console(workspace, "runs") as pilot:
        await until(pilot, f"run-{WINDOW * 3 - 1:04}")
        await pilot.press("G")
        await until(pilot, "run-0000")
        await pilot.press("k", "k")
        await until(pilot, "▌  run-0002")
        await pilot.press("g")
        await until(pilot, f"▌  run-{WINDOW * 3 - 1:04}")
        assert isinstance(pilot.app, ConsoleApp)
        assert len(pilot.app.main.view._window.runs) <= WINDOW  # type: ignore[attr-defined]


def test_rows_outside_of_the_window_are_wished_for() -> None:
    wished: list[int] = []
    source = RunSource(Window(), 1000, wished.append)
    assert source.rows(500, 3) == [None, None, None]
    assert wished == [500]
    assert window_at(500) == 500 - WINDOW // 3
    assert window_at(5) == 0


@pytest.mark.parametrize("points", [0, 1, 3])
async def test_few_points_or_only_nan_do_no_harm(workspace: Workspace, points: int) -> None:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="odd", experiment="fraud")
        series.ingest(tx, run_id, [("loss", step, float("nan"), 1.0) for step in range(points)])
    async with console(workspace, "runs", size=(140, 40)) as pilot:
        await until(pilot, "odd")
        await pilot.pause(0.3)
        assert pilot.app.is_running


@pytest.mark.parametrize("size", [(100, 40), (140, 30)])
async def test_details_beside_or_below_are_filled_at_once(workspace: Workspace, size: tuple[int, int]) -> None:
    add_run(workspace, "calm-otter")
    async with console(workspace, "runs", size=size) as pilot:
        await until(pilot, "┤")


async def test_a_failed_run_without_metrics_says_why(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="sad-crow", experiment="fraud")
        runs.finish(tx, run_id, RunStatus.FAILED, error="ValueError: no such column [/x]")
    async with console(workspace, "runs", size=(140, 30)) as pilot:
        await until(pilot, "ValueError: no such column [/x]")
        await until(pilot, "l shows its log.")


async def test_the_first_metric_is_seen_beside_the_details(workspace: Workspace) -> None:
    add_run(workspace, "n" * 34, lr=0.1, depth=6)
    async with console(workspace, "runs", size=(120, 36)) as pilot:
        text = await until(pilot, "0.9490")
        assert "n" * 34 in text
        assert "val/auc" in text.splitlines()[3]


async def test_a_column_that_is_sorted_by_comes_into_view(workspace: Workspace) -> None:
    add_run(workspace, "calm-otter", **{f"param_{number}": number for number in range(20)})
    async with console(workspace, "runs") as pilot:
        await until(pilot, "calm-otter")
        assert "param_19" not in screen_text(pilot)
        await pilot.press("s", *"param_19", "enter")
        await until(pilot, "param_19 ▼")
        await pilot.press("left")
        await pilot.pause(0.1)
        assert "calm-otter" in screen_text(pilot)


async def test_a_bad_filter_is_not_applied(workspace: Workspace) -> None:
    add_run(workspace, "calm-otter")
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("slash", *"lr", "space", "=")
        await until(pilot, "Filter, column")
        await pilot.press("enter")
        await pilot.pause(0.3)
        text = screen_text(pilot)
        assert "Filter, column" in text
        assert "── 1 ── lr =" not in text
        await pilot.press("escape")
        await pilot.pause(0.3)
        assert "Filter, column" not in screen_text(pilot)


async def test_without_a_run_the_details_name_none(workspace: Workspace) -> None:
    add_run(workspace, "calm-otter")
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, "╭─ calm-otter")
        await pilot.press("slash", *"zzz", "enter")
        await until(pilot, "no run selected")
