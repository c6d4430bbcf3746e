"""The heat map of the drift view: features × reports."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.store.workspace import Workspace
from mlops_console.tui.drift_words import named
from mlops_console.tui.screens.drift.heat import HeatData, heat_rows, shade
from mlops_console.tui.screens.drift.rows import key_of
from mlops_console.tui.widgets.chart_paint import plain
from tests.tui.helpers import console, screen_text, until
from tests.tui.seed import add_report, make_report, seed

SHIFTS = (0.0, 0.3, 1.2, 2.4)
REVISIONS = tuple(
    Revision("production", number, "fraud", 3, kind, RevisionState.LIVE, "ana", "", 0.0, 0.0)
    for number, kind in ((3, "rollback"), (2, "deploy"), (1, "deploy"))
)


def heat(count: int = 4, features: int = 3) -> HeatData:
    """Reports over three revisions, the last of which was a way back."""
    reports = tuple(
        replace(make_report(n, SHIFTS[n % 4], 1_760_000_000.0 + 900 * n), id=n + 1, revision=1 + 3 * n // count)
        for n in range(count)
    )
    rows = tuple((key_of(feature), named(feature)) for feature in reports[-1].features[:features])
    return HeatData(reports, rows, "amount", cursor=count, looked=count, revisions=REVISIONS)


def test_each_cell_tells_by_its_glyph_how_far_a_feature_has_moved() -> None:
    lines = plain(heat_rows(heat(features=8), 70, 14)).splitlines()
    assert lines[0].startswith("· stable  ░ near  ▒ drifted  ▓ 2 ×  █ 4 × the limit  ? untested")
    assert plain(heat_rows(heat(features=8), 56, 14)).splitlines()[0].endswith("█ 4 × the limit     ")
    amount = next(line for line in lines if "amount" in line)
    assert amount.split() == ["▌amount", "·", "░░░▓▓▓[█]"]
    assert next(line for line in lines if "→ prediction" in line).split()[2:] == ["·", "·", "·", "·"]


def test_the_shades_follow_the_threshold_and_the_verdict() -> None:
    feature = make_report(0, 2.4, 0.0).features[0]
    ratios = {0.1: "·", 0.3: "░", 0.6: "▒", 1.2: "▓", 2.4: "█"}
    for effect, glyph in ratios.items():
        assert shade(replace(feature, effect=effect, drifted=effect > 0.5)).glyph == glyph
    assert shade(replace(feature, effect=None, threshold=None)).glyph == "▒"
    assert shade(replace(feature, drifted=False, p_value=None)).glyph == "?"
    assert shade(None).glyph == " "


def test_what_went_live_is_marked_on_the_axis() -> None:
    lines = plain(heat_rows(heat(count=9), 70, 14)).splitlines()
    assert lines[1].split() == ["▲r2", "▼r3"]
    assert lines[-7].strip().endswith("◆─") or any("◆" in line for line in lines)
    assert any("r3, report 9" in line for line in lines)
    assert any(line.startswith("✓ amount has not moved; 1,204 rows") for line in lines)


def test_the_newest_reports_are_shown_where_there_is_no_room_for_all() -> None:
    data = heat(count=200)
    row = next(line for line in plain(heat_rows(data, 60, 10)).splitlines() if "▌amount" in line)
    assert len(row) == 60
    assert row.rstrip()[-4:] == "░[█]"


@pytest.mark.parametrize("count", [3, 20, 26, 27, 30, 200])
def test_the_cursor_is_in_brackets_on_any_report_however_many_there_are(count: int) -> None:
    data = heat(count=count)
    for cursor in {count, count - 1, max(count - 20, 1)}:
        rows = heat_rows(replace(data, cursor=cursor), 64, 12)
        assert all(sum(cell_len(ink.text) for ink in row) == 64 for row in rows)
        glyph = "·░▓█"[(cursor - 1) % 4]
        assert f"[{glyph}]" in next(line for line in plain(rows).splitlines() if "▌amount" in line)


def test_the_signs_on_the_axis_are_explained() -> None:
    legends = [plain(heat_rows(heat(features=8), width, 14)).splitlines()[0].rstrip() for width in (76, 100)]
    assert legends[0].endswith("? untested  ◆ cursor")
    assert legends[1].endswith("? untested  ◆ cursor  ◇ this report")


@settings(max_examples=60)
@given(st.integers(0, 30), st.integers(0, 8), st.integers(0, 90), st.integers(0, 30))
def test_any_size_is_filled_exactly(count: int, features: int, width: int, height: int) -> None:
    rows = heat_rows(heat(count, features) if count else HeatData(), width, height)
    assert len(rows) == (height if width else 0)
    assert all(sum(cell_len(ink.text) for ink in row) == width for row in rows)


def test_one_row_on_the_cell_of_the_cursor_loses_what_matters_least_first() -> None:
    told = [plain(heat_rows(heat(features=8), width, 11)).splitlines()[-1].rstrip() for width in (80, 50, 40)]
    assert told[0].endswith("r3 amount ≠ drifted 2.40 σ, limit 0.50 σ")
    assert told[1].endswith(":38 amount ≠ drifted 2.40 σ, limit 0.50 σ")
    assert told[2].endswith(":38 amount ≠ drifted 2.40 σ")


async def test_arrows_move_over_the_map_and_enter_looks_at_a_report(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "drift", (80, 24)) as pilot:
        await until(pilot, "█ current")
        await pilot.press("m")
        assert "≠ amount has moved by 2.40 σ" in await until(pilot, "Over the reports")
        assert "█ current" not in screen_text(pilot)
        await pilot.press("left", "left", "left", "j")
        await until(pilot, "✓ hour has not moved")
        assert "enter shows it in this report" in screen_text(pilot)
        await pilot.press("enter")
        await until(pilot, "not the newest report")
        assert "None of 8 features" in screen_text(pilot)
        assert "─ hour ─" in await until(pilot, "█ current")
        await pilot.press("escape")
        await until(pilot, "Over the reports")
        await pilot.press("escape")
        assert "▌  hour" in await until(pilot, "Features in production")


async def test_a_cell_of_the_report_that_is_looked_at_leads_to_its_feature_only_once(workspace: Workspace) -> None:
    seed(workspace, reports=2)
    async with console(workspace, "drift", (80, 24)) as pilot:
        await until(pilot, "█ current")
        await pilot.press("m", "j", "enter")
        await until(pilot, "─ hour ─")
        await pilot.press("escape", "j")
        await until(pilot, "▌merchant_distance_km")
        add_report(workspace, 2, shift=0.1, ago=0.0)
        await until(pilot, "report 3")
        assert "▌merchant_distance_km" in screen_text(pilot)


async def test_a_large_screen_has_both(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "drift", (200, 50)) as pilot:
        assert "Over the reports" in await until(pilot, "Features in production")
        await pilot.press("j")
        await until(pilot, "▌hour")
        await pilot.press("m", "j")
        await until(pilot, "▌merchant_distance_km")


async def test_the_map_follows_filter_and_new_reports(workspace: Workspace) -> None:
    seed(workspace, reports=1)
    async with console(workspace, "drift", (200, 50)) as pilot:
        await until(pilot, "Over the reports")
        add_report(workspace, 1, shift=3.0, ago=0.0)
        await until(pilot, "[█]")
        await pilot.press("slash", *"hour", "enter")
        await until(pilot, "── hour")
        assert "▌hour" in screen_text(pilot)
        assert " amount " not in screen_text(pilot).split("Over the reports")[1]


@pytest.mark.parametrize("size", [(60, 15), (20, 5)])
async def test_the_map_in_small_terminals(workspace: Workspace, size: tuple[int, int]) -> None:
    seed(workspace, reports=2)
    async with console(workspace, "drift", size) as pilot:
        await pilot.pause(0.2)
        await pilot.press("m", "left", "j", "enter", "m")
        await pilot.pause()
