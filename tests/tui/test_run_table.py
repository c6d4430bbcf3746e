"""The table of runs: columns, views, groups, trash, and runs that come while one looks."""

from pathlib import Path

import pytest
from textual.screen import Screen

from mlops_console.core.filters import parse_field, parse_filter
from mlops_console.core.runs import RunRow, RunStatus
from mlops_console.core.views import RunView, ViewColumn
from mlops_console.store import runs, series, views
from mlops_console.store.workspace import Workspace
from mlops_console.tui.screens.runs.groups import condition
from mlops_console.tui.screens.runs.source import WINDOW, RunSource, Window, window_at
from mlops_console.tui.screens.runs.view import RunsView
from tests.tui.helpers import console, screen_text, until
from tests.tui.test_runs import add_run


def ended(workspace: Workspace, name: str, auc: float = 0.9, **params: object) -> str:
    run_id = add_run(workspace, name, auc, **params)
    with workspace.store.write() as tx:
        runs.finish(tx, run_id, RunStatus.SUCCEEDED)
    return run_id


async def test_the_metric_of_the_model_comes_first_and_is_the_best(workspace: Workspace) -> None:
    (workspace.root / "mlops.toml").write_text(
        '[project]\nname = "fraud"\n[models.fraud]\nmetric = "val/auc"\ngoal = "minimize"\n'
    )
    add_run(workspace, "calm-otter", 0.9)  # from 0.900 up to 0.949
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        text = await until(pilot, "val/auc min")
        assert "0.9000" in next(line for line in text.splitlines() if "▌" in line)


async def test_columns_are_chosen_moved_and_widened(workspace: Workspace) -> None:
    ended(workspace, "calm-otter", lr=0.1, depth=6)
    async with console(workspace, "runs", size=(200, 40)) as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("C")
        await until(pilot, "metrics.val/auc.mean")
        await pilot.press("slash", *"auc.mean", "enter", "space")
        await until(pilot, "val/auc mean")
        await pilot.press("plus", "plus")
        await until(pilot, "16")
        await pilot.press("K", "escape")
        header = (await until(pilot, "val/auc mean")).splitlines()
        line = next(line for line in header if "NAME" in line)
        assert line.index("val/auc mean") < line.rindex("lr") or "lr" not in line


async def test_a_view_is_kept_shown_and_deleted(workspace: Workspace) -> None:
    ended(workspace, "calm-otter", 0.9)
    ended(workspace, "brave-fox", 0.5)
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, "brave-fox")
        await pilot.press("slash", *"metrics.val/auc > 0.7", "enter")
        await until(pilot, "── 1 ── metrics.val/auc > 0.7")
        await pilot.press("V")
        await until(pilot, "No view is kept yet")
        await pilot.press("s")
        await until(pilot, "Keep this view as")
        await pilot.press(*"good", "enter")
        await until(pilot, "View good is kept")
        await pilot.press("escape")
        await until(pilot, "brave-fox")
        await pilot.press("V")
        await until(pilot, "VIEW")
        await pilot.press("enter")
        await until(pilot, "── 1 ── metrics.val/auc > 0.7")
        await pilot.press("V")
        await until(pilot, "VIEW")
        await pilot.press("x")
        await until(pilot, "View good is deleted")
    with workspace.store.read() as db:
        assert views.listing(db) == []


async def test_a_read_only_console_keeps_no_view(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_READ_ONLY", "1")
    ended(workspace, "calm-otter")
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("V")
        await until(pilot, "No view is kept yet")
        await pilot.press("s", *"x", "enter")
        await until(pilot, "read-only")


def test_views_survive_the_store(workspace: Workspace) -> None:
    view = RunView(
        "räti'o", 'name ~ "x"', "metrics.a", (ViewColumn("params.lr", 12), ViewColumn("tags.t")), "params.lr"
    )
    with workspace.store.write() as tx:
        views.save(tx, view)
    with workspace.store.read() as db:
        assert views.listing(db) == [view]
        assert views.get(db, "räti'o") == view


async def test_groups_show_mean_and_deviation_and_open_into_their_runs(workspace: Workspace) -> None:
    for seed, auc in enumerate((0.80, 0.82, 0.84)):
        ended(workspace, f"seed-{seed}", auc, lr=0.1, seed=seed)
    ended(workspace, "other", 0.5, lr=0.2, seed=9)
    async with console(workspace, "runs", size=(140, 30)) as pilot:
        await until(pilot, "other")
        await pilot.press("colon", *"group params.lr", "enter")
        text = await until(pilot, "Runs in groups")
        assert "0.8690 ± 0.0200" in text  # of the last values 0.849, 0.869, 0.889
        await pilot.press("enter")
        await until(pilot, "── 3 ── params.lr = 0.1")
        assert "other" not in screen_text(pilot)
        await pilot.press("escape")
        await until(pilot, "Runs in groups")
        await pilot.press("b")
        await until(pilot, "no groups")
        await pilot.press("enter")
        await until(pilot, "── 4 ──")


@pytest.mark.parametrize("value", [0.1, 3, "adam", 'a "b" \\ c', True, None, [1, 2]])
def test_the_filter_of_a_group_finds_its_runs(workspace: Workspace, value: object) -> None:
    with_it = ended(workspace, "with", **({} if value is None else {"x": value}))
    ended(workspace, "other", x="else")
    text = condition(parse_field("params.x"), value)
    assert parse_filter(text, 0.0) is not None
    with workspace.store.read() as db:
        assert [run.id for run in runs.page(db, runs.RunQuery(text)).runs] == [with_it]


async def test_runs_go_to_the_trash_and_come_back(workspace: Workspace) -> None:
    for name in ("calm-otter", "brave-fox", "dim-heron"):
        ended(workspace, name)
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, "── 3 ──")
        await pilot.press("space", "space", "D")
        await until(pilot, "Move 2 runs to the trash")
        await pilot.press("y")
        await until(pilot, "── 1 ──")
        await pilot.press("Z")
        await until(pilot, "Trash ── 2")
        await pilot.press("u")
        await until(pilot, "out of the trash")
        await pilot.press("y")
        await until(pilot, "Trash ── 1")
        await pilot.press("Z")
        await until(pilot, "Runs ── 2")


async def test_an_empty_trash_says_what_it_is_for_and_esc_leaves_it(workspace: Workspace) -> None:
    ended(workspace, "calm-otter")
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("Z")
        await until(pilot, "The trash is empty")
        await pilot.press("escape")
        await until(pilot, "calm-otter")


async def test_new_runs_move_neither_the_cursor_nor_what_is_under_it(workspace: Workspace) -> None:
    for number in range(60):
        ended(workspace, f"run-{number:02}")
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, "run-59")
        await pilot.press(*["j"] * 10)
        before = await until(pilot, "run-49")
        line = next(at for at, text in enumerate(before.splitlines()) if "▌" in text and "run-49" in text)
        for number in range(3):
            ended(workspace, f"new-{number}")
        await until(pilot, "── 63 ──")
        after = screen_text(pilot).splitlines()
        assert "run-49" in after[line]


async def test_a_live_value_lays_nothing_out_anew(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = add_run(workspace, "calm-otter", 0.5)
    async with console(workspace, "runs") as pilot:
        await until(pilot, "0.5490")
        await pilot.pause()
        laid_out: list[Screen[object]] = []
        monkeypatch.setattr(Screen, "_refresh_layout", lambda screen, *_, **__: laid_out.append(screen))
        with workspace.store.write() as tx:
            series.ingest(tx, run_id, [("val/auc", 1000, 0.1234, 1.0)])
        await until(pilot, "0.1234")
    assert laid_out == []


def test_the_next_window_is_wanted_before_its_rows_are() -> None:
    rows = tuple(
        RunRow(f"{at}", f"run-{at}", "e", RunStatus.SUCCEEDED, 1, 1, 2, 2, None, None, "") for at in range(300)
    )
    wanted: list[int] = []
    source = RunSource(Window(offset=100, runs=rows), 1000, wanted.append)
    assert all(source.rows(200, 40))
    assert wanted == []
    assert all(source.rows(340, 40))
    assert [window_at(offset) for offset in wanted] == [window_at(349)]
    assert window_at(340) + 50 <= 340
    assert window_at(340) + WINDOW >= 380 + 50


def test_the_default_columns_leave_system_metrics_out(workspace: Workspace, tmp_path: Path) -> None:
    from mlops_console.core.runs import FieldNames
    from mlops_console.tui.screens.runs.reading import default_columns

    shown = default_columns(workspace, FieldNames(("val/auc", "system/cpu"), ("lr",)))
    assert [column.field.key or column.field.kind for column in shown] == ["val/auc", "started", "duration", "lr"]


async def test_what_is_scrolled_away_from_stays_where_it_is(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        for number in range(2 * WINDOW):
            runs.create(tx, name=f"run-{number:04}", experiment="e")
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, f"run-{2 * WINDOW - 1:04}")
        grid = pilot.app.query_one(RunsView).grid
        for _ in range(500):  # the count comes after the first page
            if grid.max_scroll_y > WINDOW:
                break
            await pilot.pause(0.02)
        grid.scroll_to(y=2 * WINDOW - 60, animate=False)
        await until(pilot, "run-0050")
        key = grid.key
        with workspace.store.write() as tx:
            runs.set_tags(tx, key, {"a": "b"})  # what is read again keeps the scrolled place
        await pilot.pause(0.3)
        assert "run-0050" in screen_text(pilot)
        assert grid.key == key


async def test_marks_are_gone_once_their_runs_are_moved(workspace: Workspace) -> None:
    for name in ("calm-otter", "brave-fox", "dim-heron"):
        ended(workspace, name)
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, "── 3 ──")
        await pilot.press("space", "space", "D")
        await until(pilot, "Move 2 runs to the trash")
        await pilot.press("y")
        await until(pilot, "── 1 ──")
        grid = pilot.app.query_one(RunsView).grid
        for _ in range(100):
            if not grid.marks:
                break
            await pilot.pause(0.02)
        assert not grid.marks


async def test_a_group_is_no_run(workspace: Workspace) -> None:
    ended(workspace, "calm-otter", lr=0.1)
    ended(workspace, "brave-fox", lr=0.2)
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, "brave-fox")
        await pilot.press("colon", *"group params.lr", "enter")
        await until(pilot, "Runs in groups")
        await pilot.press("space", "c")
        await until(pilot, "A group is no run")
        assert not pilot.app.query_one(RunsView).grid.marks


async def test_columns_chosen_while_grouped_are_those_of_the_groups(workspace: Workspace) -> None:
    ended(workspace, "calm-otter", lr=0.1, depth=6)
    async with console(workspace, "runs", size=(160, 30)) as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("colon", *"group params.lr", "enter")
        await until(pilot, "Runs in groups")
        await pilot.press("C")
        await until(pilot, "metrics.val/auc.max")
        await pilot.press("slash", *"auc.max", "enter", "space", "escape", "escape")
        text = await until(pilot, "val/auc max")
        assert "Runs in groups" in text


async def test_a_run_is_found_from_another_view_also_while_grouped(workspace: Workspace) -> None:
    wanted = ended(workspace, "calm-otter", lr=0.1)
    ended(workspace, "brave-fox", lr=0.2)
    async with console(workspace, "runs", size=(160, 30)) as pilot:
        await until(pilot, "brave-fox")
        await pilot.press("colon", *"group params.lr", "enter")
        await until(pilot, "Runs in groups")
        view = pilot.app.query_one(RunsView)
        await view.go_to({"run": wanted})
        await until(pilot, "▌  calm-otter")
        assert view.grid.key == wanted


async def test_a_run_beyond_the_first_ones_is_found_by_its_id(workspace: Workspace) -> None:
    wanted = ended(workspace, "calm-otter")
    with workspace.store.write() as tx:
        for number in range(WINDOW + 10):
            runs.create(tx, name=f"run-{number:04}", experiment="e")
    async with console(workspace, "runs", size=(160, 30)) as pilot:
        await until(pilot, "run-0300")
        await pilot.app.query_one(RunsView).go_to({"run": wanted})
        await until(pilot, "▌  calm-otter")


async def test_enter_keeps_a_filter_that_was_just_mended(workspace: Workspace) -> None:
    ended(workspace, "calm-otter", 0.9)
    ended(workspace, "brave-fox", 0.5)
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, "brave-fox")
        await pilot.press("slash", *"metrics.val/auc >")
        await until(pilot, "^")
        await pilot.press(*" 0.7", "enter")
        await until(pilot, "── 1 ── metrics.val/auc > 0.7")


async def test_the_end_of_the_list_follows_a_count_that_was_stale(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        ids = [runs.create(tx, name=f"run-{number:04}", experiment="e") for number in range(2 * WINDOW)]
        for run_id in ids[:50]:
            runs.finish(tx, run_id, RunStatus.SUCCEEDED)
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, f"── {2 * WINDOW} ──")
        await pilot.press("G")
        await until(pilot, "run-0000")
        with workspace.store.write() as tx:
            for run_id in ids[:50]:
                runs.delete(tx, run_id)
        text = await until(pilot, f"── {2 * WINDOW - 50} ──")
        text = await until(pilot, "run-0050")
        assert "run-0049" not in text


async def test_a_list_that_the_details_hide_is_shown_before_it_is_filtered(workspace: Workspace) -> None:
    ended(workspace, "calm-otter")
    async with console(workspace, "runs") as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("enter")
        await until(pilot, "Artifacts")
        await pilot.press("slash", *"otter", "enter")
        text = await until(pilot, "── 1 ── otter")
        assert "NAME" in text
