"""The drift view: an honest sentence, a table, distributions and trends."""

import re
import time
from dataclasses import replace

import pytest

from mlops_console.core.drift import FeatureDrift
from mlops_console.store import drift
from mlops_console.store.workspace import Workspace
from mlops_console.tui.screens.drift.panes import report_source
from mlops_console.tui.screens.drift.reading import DriftState, read_drift
from mlops_console.tui.screens.drift.telling import (
    banner,
    count_trend,
    feature_rows,
    p_text,
    psi_trend,
    report_facts,
    told,
    verdict,
)
from mlops_console.tui.screens.overview.cards import card_rows
from mlops_console.tui.screens.overview.reading import read_overview
from mlops_console.tui.widgets.chart_paint import plain
from mlops_console.tui.widgets.line_chart import line_chart_rows
from tests.tui.helpers import console, screen_text, until
from tests.tui.seed import CONFIG, HOSTILE, add_report, seed


def state(workspace: Workspace, environment: str = "production") -> DriftState:
    return read_drift(workspace, environment, None).state


def test_the_sentence_names_how_many_and_the_level(workspace: Workspace) -> None:
    seed(workspace)
    mood, sentence = verdict(state(workspace))
    assert mood.text == "▲ drifted"
    assert sentence == "3 of 7 features differ beyond chance (level 0.01)."


def test_a_stable_report_says_so(workspace: Workspace) -> None:
    seed(workspace, reports=1)
    mood, sentence = verdict(state(workspace))
    assert (mood.text, sentence) == ("✓ stable", "None of 7 features differs beyond chance (level 0.01).")


def test_few_rows_are_told(workspace: Workspace) -> None:
    seed(workspace, reports=1)
    found = state(workspace)
    assert found.report is not None
    small = replace(found, report=replace(found.report, rows=40))
    assert "only 40 rows: small shifts stay unseen" in plain(banner(small, time.time(), 150))


def test_a_report_of_what_is_no_longer_live_says_so(workspace: Workspace) -> None:
    seed(workspace, reports=1)
    found = state(workspace)
    assert found.report is not None
    stale = replace(found, report=replace(found.report, revision=1))
    assert "no longer live" in plain(banner(stale, time.time(), 150))


def test_without_a_report_the_next_step_is_told(workspace: Workspace) -> None:
    assert "names no environment" in verdict(DriftState())[1]
    (workspace.root / "mlops.toml").write_text(CONFIG)
    assert "d deploys" in verdict(state(workspace))[1]
    seed(workspace, reports=0)
    assert "press v to compare" in verdict(state(workspace))[1]


def test_drifted_features_come_first(workspace: Workspace) -> None:
    seed(workspace)
    rows = feature_rows(state(workspace).report)
    assert [row.cells[1].text for row in rows] == ["▲ drifted"] * 3 + ["✓ stable"] * 4
    assert rows[0].cells[3].text == "<0.0001"


def test_a_feature_without_a_test_is_neither() -> None:
    feature = FeatureDrift("x", "numeric", "ks", 100, 0, None, None, None, False, "No values.")
    assert told(feature).word == "untested"
    assert (p_text(None), p_text(0.00001), p_text(0.5)) == ("–", "<0.0001", "0.5000")


def test_trends_begin_with_the_oldest_report(workspace: Workspace) -> None:
    seed(workspace)
    reports = state(workspace).reports
    psi = psi_trend(reports, "amount").series[0]
    assert list(psi.xs) == sorted(psi.xs)
    assert psi.ys[-1] > psi.ys[0]
    assert list(count_trend(reports).series[0].ys) == [0, 0, 0, 0, 0, 3, 3, 3]
    assert psi_trend(reports, "no such").series[0].ys == []


def test_the_report_in_words(workspace: Workspace) -> None:
    seed(workspace)
    report = state(workspace).report
    assert report is not None
    facts = {fact.name: fact.value for fact in report_facts(report, time.time())}
    assert facts["rows"] == "1,204 against 10,000 of the reference"
    assert facts["channel"] == "✓ As the reference."


def add_untested(workspace: Workspace) -> None:
    """A report of two rows, the newest one."""
    found = state(workspace).report
    assert found is not None
    untested = tuple(
        replace(f, m=2, statistic=None, p_value=None, psi=None, drifted=False, histogram=None) for f in found.features
    )
    with workspace.store.write() as tx:
        drift.add_report(tx, replace(found, rows=2, drifted=False, features=untested, created_at=time.time()))


def test_a_report_that_tested_nothing_hides_no_drift(workspace: Workspace) -> None:
    seed(workspace)
    tested = state(workspace).reports
    add_untested(workspace)
    found = state(workspace)
    assert found.report is not None
    mood, sentence = verdict(found)
    assert mood.text == "– untested"
    assert sentence == "Too few rows (2 of at least 30): no verdict. Report 8 before it: ▲ drifted."
    assert {row.cells[1].text for row in feature_rows(found.report)} == {"– untested"}
    assert report_source(found.reports, time.time()).rows(0, 1)[0].cells[2].text == "– untested"
    assert count_trend(found.reports) == count_trend(tested)
    assert psi_trend(found.reports, "amount") == psi_trend(tested, "amount")
    assert {fact.name: fact.value for fact in report_facts(found.report, time.time())}["verdict"] == (
        "– untested: too few rows (2 of at least 30)"
    )
    cards = read_overview(workspace).overview.cards
    card = next(card for card in cards if card.environment.name == "production")
    assert card.report == tested[0]
    assert "▲ drifted" in plain(card_rows(card, True, True, time.time(), 80))


def test_a_card_of_what_was_never_tested_has_no_check_mark(workspace: Workspace) -> None:
    seed(workspace, reports=1)
    add_untested(workspace)
    with workspace.store.write() as tx:
        tx.execute("DELETE FROM drift_reports WHERE id = 1")
    card = next(c for c in read_overview(workspace).overview.cards if c.environment.name == "production")
    shown = plain(card_rows(card, True, True, time.time(), 80)).splitlines()[-1]
    assert "– untested too few rows (2 of at least 30)" in shown


def test_the_trend_of_one_report_has_the_time_of_that_report(workspace: Workspace) -> None:
    seed(workspace, reports=1)
    reports = state(workspace).reports
    for trend in (count_trend(reports), psi_trend(reports, "amount")):
        axis = plain(line_chart_rows(trend, 80, 10)).splitlines()[-1]
        labels = axis.split()
        assert len(labels) >= 2
        assert all(re.fullmatch(r"\d\d:\d\d", label) for label in labels), axis


async def test_the_view_draws_table_distribution_and_trend(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "drift", (80, 24)) as pilot:
        text = await until(pilot, "█ now")
        for part in ("▲ drifted  3 of 7", "Features in production", "amount", "Shifted by 2.4"):
            assert part in text, part
        await pilot.press("tab")
        await until(pilot, "PSI of amount")
        await pilot.press("j")
        await until(pilot, "PSI of hour")


async def test_a_categorical_feature_has_bars(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "drift", (160, 40)) as pilot:
        await until(pilot, "█ now")
        await pilot.press("G")
        text = await until(pilot, "branch")
        assert "was" in text


async def test_a_new_report_is_shown_and_an_older_one_can_be_chosen(workspace: Workspace) -> None:
    seed(workspace, reports=1)
    async with console(workspace, "drift", (160, 40)) as pilot:
        await until(pilot, "None of 7 features")
        add_report(workspace, 2, shift=3.0, ago=0.0)
        await until(pilot, "3 of 7 features")
        await pilot.press("shift+tab")
        await until(pilot, "0 of 7")
        await pilot.press("enter", "j", "enter")
        await until(pilot, "not the newest report")


async def test_the_view_can_go_to_another_environment(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "drift") as pilot:
        await until(pilot, "Features in production")
        await pilot.press("e")
        await until(pilot, "Features in staging")
        assert pilot.app.main.view.selection.environment == "staging"  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [(20, 5), (60, 15), (80, 24), (200, 50)])
async def test_hostile_features_in_any_terminal(
    workspace: Workspace, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.tui.seed.FEATURES", (HOSTILE, "b" * 300, "漢字" * 40, "[/x]"))
    seed(workspace, hostile=True)
    async with console(workspace, "drift", size) as pilot:
        await until(pilot, "drifted") if size[1] > 10 else await pilot.pause(0.3)
        await pilot.press("j", "enter", "tab", "tab", "tab")
        await pilot.pause()
        assert not set("\x1b\x07\u202e") & set(screen_text(pilot))


async def test_an_empty_store_says_how_to_get_there(workspace: Workspace) -> None:
    async with console(workspace, "drift") as pilot:
        text = await until(pilot, "No drift report yet")
        assert "Press v" in text
