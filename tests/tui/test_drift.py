"""The drift view: an honest sentence, a table, distributions and trends."""

import math
import re
import time
from dataclasses import replace

import pytest

from mlops_console.core.drift import FeatureDrift
from mlops_console.drift import wording
from mlops_console.store import drift
from mlops_console.store.workspace import Workspace
from mlops_console.tui.drift_words import told
from mlops_console.tui.screens.drift.performance import performance_rows
from mlops_console.tui.screens.drift.reading import DriftState, read_drift
from mlops_console.tui.screens.drift.rows import feature_rows, report_source, slice_source
from mlops_console.tui.screens.drift.telling import banner, report_facts, verdict
from mlops_console.tui.screens.drift.trends import count_trend, effect_trend, performance_trend
from mlops_console.tui.screens.drift.view import Banner
from mlops_console.tui.screens.overview.cards import card_rows
from mlops_console.tui.screens.overview.reading import read_overview
from mlops_console.tui.widgets.chart_paint import plain
from mlops_console.tui.widgets.line_chart import line_chart_rows
from tests.tui.helpers import console, screen_text, until
from tests.tui.seed import CONFIG, HOSTILE, add_report, seed


def state(workspace: Workspace, environment: str = "production") -> DriftState:
    return read_drift(workspace, environment, None).state


def test_the_sentence_tells_of_the_worst_and_names_the_others(workspace: Workspace) -> None:
    seed(workspace)
    mood, sentence = verdict(state(workspace))
    assert mood.text == "≠ drifted"
    assert sentence == (
        "amount has moved by 2.40 σ; 1,204 rows; a shift of 0.12 σ would have been seen. "
        "2 more: hour, merchant_distance_km."
    )


def test_a_stable_report_says_what_it_would_have_seen(workspace: Workspace) -> None:
    seed(workspace, reports=1)
    mood, sentence = verdict(state(workspace))
    assert mood.text == "✓ stable"
    assert sentence == (
        "None of 8 features differs beyond chance (level 0.01); "
        "a shift of 0.12 σ or 4.1 % of the rows would have been seen."
    )


def test_nothing_is_said_before_it_is_known() -> None:
    assert Banner().rows(80, 2) == ()


def test_performance_is_that_of_the_report_that_is_looked_at(workspace: Workspace) -> None:
    seed(workspace)
    newest, first = state(workspace), read_drift(workspace, "production", 1).state
    assert newest.report is not None
    told = ["estimated 0.825", "estimated 0.921", "This report knows nothing of it."]
    looked = (newest, first, replace(newest, report=replace(newest.report, performance=None)))
    for found, text in zip(looked, told, strict=True):
        rows = performance_rows(found, "accuracy", 80, 8)
        assert text in plain(rows)
        assert len(rows) == 8


def test_a_narrow_head_leaves_out_whole_figures(workspace: Workspace) -> None:
    seed(workspace)
    found = state(workspace)
    heads = [plain(performance_rows(found, "accuracy", width, 6)).splitlines()[0].rstrip() for width in (120, 60, 44)]
    assert heads[0].endswith("╌ held-out 0.925  labels of 43% of 1,204 rows, 2h05m late")
    assert heads[1:] == [
        "accuracy  o estimated 0.825  x realised 0.795  43% labels",
        "accuracy  o estimated 0.825  43% labels",
    ]


def test_the_report_that_is_looked_at_is_marked_unless_it_is_the_newest(workspace: Workspace) -> None:
    seed(workspace)
    newest, older = state(workspace), read_drift(workspace, "production", 5).state
    assert [mark.label for mark in count_trend(older).marks][-1:] == ["◇ report 5"]
    assert all("◇" not in mark.label for mark in count_trend(newest).marks)


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
    assert [row.cells[1].text for row in rows] == ["≠ drifted"] * 3 + ["✓ stable"] * 5
    assert [cell.text for cell in rows[0].cells[2:7]] == ["2.40 σ", "0.50 σ", "30%", "0.12 σ", "<0.0001"]
    assert rows[-1].cells[0].text == "→ prediction"


def test_a_feature_without_a_test_is_neither() -> None:
    feature = FeatureDrift("x", "numeric", "ks", 100, 0, None, None, None, False, "No values.")
    assert told(feature).word == "untested"
    assert tuple(map(wording.probability, (None, 0.00001, 0.5))) == ("–", "<0.0001", "0.5000")


def test_trends_begin_with_the_oldest_report(workspace: Workspace) -> None:
    seed(workspace)
    found = state(workspace)
    assert found.report is not None
    amount = effect_trend(found, found.report.features[0])
    assert list(amount.series[0].xs) == sorted(amount.series[0].xs)
    assert amount.series[0].ys[-1] == 2.4
    assert list(amount.bands[0].highs) == [0.5] * 8
    assert list(count_trend(found).series[0].ys) == [0, 0, 0, 0, 0, 3, 3, 3]
    assert effect_trend(found, replace(found.report.features[0], name="no such")).series == ()


def test_shares_are_drawn_in_percent(workspace: Workspace) -> None:
    seed(workspace, reports=2)
    found = state(workspace)
    assert found.report is not None
    channel = next(feature for feature in found.report.features if feature.name == "channel")
    assert list(effect_trend(found, channel).series[0].ys) == [pytest.approx(2.1)] * 2


def test_only_comparisons_with_the_reference_make_a_trend(workspace: Workspace) -> None:
    seed(workspace, reports=3)
    add_report(workspace, 3, shift=3.0, ago=0.0, against="previous")
    found = state(workspace)
    assert found.report is not None
    assert (found.report.against, found.is_newest) == ("reference", True)
    assert [report.against for report in found.reports[:2]] == ["previous", "reference"]
    assert len(found.against_reference) == 3
    looked = read_drift(workspace, "production", found.reports[0].id).state
    assert "against 10,000 of the window before" in plain(banner(looked, time.time(), 150))
    assert "not the newest report" in plain(banner(looked, time.time(), 150))


def test_what_is_known_is_not_read_anew(workspace: Workspace) -> None:
    seed(workspace, reports=2)
    before = state(workspace).reports
    add_report(workspace, 2, shift=1.0, ago=0.0)
    found = read_drift(workspace, "production", None, before).state.reports
    assert [report.id for report in found] == [3, 2, 1]
    assert all(one is other for one, other in zip(found[1:], before, strict=True))
    assert found == state(workspace).reports


def test_performance_over_the_reports(workspace: Workspace) -> None:
    seed(workspace)
    found = state(workspace)
    data = performance_trend(found, "accuracy")
    estimated, realised = (list(series.ys) for series in data.series)
    assert (estimated[0], realised[1]) == (0.921, 0.915)
    assert math.isnan(realised[0])
    assert estimated[-1] < estimated[0]
    assert data.thresholds[0].y == 0.925


def test_slices_join_what_they_are_worth_and_how_they_drift(workspace: Workspace) -> None:
    seed(workspace)
    rows = slice_source(state(workspace).report).rows(0, 10)
    assert [cell.text for cell in rows[0].cells] == [
        *("channel = app", "–", "0.760 (0.730–0.790)", "≠ drifted", "accuracy", "361", "140", "amount, hour"),
    ]
    assert [cell.text for cell in rows[1].cells[1:4]] == ["0.930 (0.910–0.950)", "0.940 (0.930–0.950)", "– untested"]


def test_the_report_in_words(workspace: Workspace) -> None:
    seed(workspace)
    report = state(workspace).report
    assert report is not None
    facts = {fact.name: fact.value for fact in report_facts(report, time.time())}
    assert facts["rows"] == "1,204 rows of the window against 10,000 of the reference"
    assert facts["channel"].startswith("✓ channel shows no shift beyond chance")
    assert facts["accuracy, realised"] == "0.795 (0.775–0.815)"
    notes = [fact.value for fact in report_facts(report, time.time()) if not fact.name]
    assert "Labels have come for 520 of 1,204 rows (43%), after 2h05m in the median." in notes
    assert facts["channel = app"].startswith("≠ amount has moved")
    assert "! a new category: kiosk (0.2 % of the rows)" in [
        fact.value for fact in report_facts(report, time.time()) if fact.name == " "
    ]


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
    before = state(workspace)
    tested = before.reports
    add_untested(workspace)
    found = state(workspace)
    assert found.report is not None
    mood, sentence = verdict(found)
    assert mood.text == "– untested"
    assert sentence == "Too few rows (2 of at least 30): no verdict. Report 8 before it: ≠ drifted."
    assert {row.cells[1].text for row in feature_rows(found.report)} == {"– untested"}
    assert report_source(found.reports, time.time()).rows(0, 1)[0].cells[2].text == "– untested"
    assert count_trend(found) == count_trend(before)
    amount = tested[0].features[0]
    assert effect_trend(found, amount) == effect_trend(before, amount)
    assert {fact.name: fact.value for fact in report_facts(found.report, time.time())}["verdict"] == (
        "– untested: too few rows (2 of at least 30)"
    )
    cards = read_overview(workspace).overview.cards
    card = next(card for card in cards if card.environment.name == "production")
    assert card.report == tested[0]
    assert "≠ drifted" in plain(card_rows(card, True, True, time.time(), 80))


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
    found = state(workspace)
    for trend in (count_trend(found), effect_trend(found, found.reports[0].features[0])):
        axis = plain(line_chart_rows(trend, 80, 10)).splitlines()[-1]
        labels = axis.split()
        assert len(labels) >= 2
        assert all(re.fullmatch(r"\d\d:\d\d", label) for label in labels), axis


async def test_the_view_draws_table_distribution_and_trend(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "drift", (80, 24)) as pilot:
        text = await until(pilot, "█ current")
        for part in (
            "≠ drifted  amount has moved by 2.40 σ;",
            "Features in production",
            "amount",
            "≠ drifted: 2.40 σ, limit 0.50 σ, seen from 0.12 σ",
            "in % of the rows",
        ):
            assert part in text, part
        await pilot.press("tab")
        await until(pilot, "Moved by, in σ   ╌ the limit: drift from here on")
        await pilot.press("j")
        await until(pilot, "─ hour ─")
        await pilot.press("tab")
        await until(pilot, "accuracy  o estimated 0.825  x realised 0.795  ╌ held-out 0.925  43% labels")
        await pilot.press("]")
        await until(pilot, "recall  o estimated")
        await pilot.press("tab")
        text = await until(pilot, "0 ≤ amount < 100")
        assert re.search(r"SLICE +REALISED \(95 %\) +ESTIMATED \(95 %\)", text)


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_the_name_of_a_slice_is_whole_and_its_figures_are_in_sight(
    workspace: Workspace, size: tuple[int, int]
) -> None:
    seed(workspace)
    performance = state(workspace).reports[0].performance
    assert performance is not None
    named = replace(performance.slices[1], slice="13 ≤ mean radius (mm) < 17")
    add_report(workspace, 8, shift=2.4, ago=0.0, performance=replace(performance, slices=(named,)))
    async with console(workspace, "drift", size) as pilot:
        await until(pilot, "█ current")
        await pilot.press("enter", "tab", "tab", "tab")
        assert re.search(
            r"13 ≤ mean radius \(mm\) < 17 +0\.930 \(0\.910–0\.950\) +0\.940 \(0\.930", await until(pilot, "13 ≤ mean")
        )


async def test_a_small_trend_has_all_the_room(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "drift", (80, 24)) as pilot:
        await until(pilot, "█ current")
        await pilot.press("enter", "tab")
        assert "How many features" not in await until(pilot, "Moved by, in σ")


async def test_a_categorical_feature_has_bars(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "drift", (160, 40)) as pilot:
        await until(pilot, "█ current")
        await pilot.press("G", "k")
        text = await until(pilot, "branch")
        assert "was" in text


async def test_a_new_report_is_shown_and_an_older_one_can_be_chosen(workspace: Workspace) -> None:
    seed(workspace, reports=1)
    async with console(workspace, "drift", (160, 40)) as pilot:
        await until(pilot, "None of 8 features")
        add_report(workspace, 2, shift=3.0, ago=0.0)
        await until(pilot, "amount has moved by 3.00 σ")
        await pilot.press("shift+tab")
        await until(pilot, "0 of 8")
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


@pytest.mark.parametrize(("ending", "begins"), [("html", "<!doctype html>"), ("md", "# "), ("json", "{")])
async def test_the_report_that_is_looked_at_can_be_exported(workspace: Workspace, ending: str, begins: str) -> None:
    seed(workspace, reports=2)
    async with console(workspace, "drift", (120, 30)) as pilot:
        await until(pilot, "█ current")
        await pilot.press("E")
        await until(pilot, "drift-production-2.html")
        await pilot.press(*["backspace"] * 4, *ending, "enter")
        await until(pilot, f"drift-production-2.{ending}.")
        text = (workspace.root / f"drift-production-2.{ending}").read_text()
        assert text.lower().startswith(begins)
        await pilot.press("E", *["backspace"] * 4, *ending, "enter")
        await until(pilot, "is there already")


async def test_an_export_says_what_it_can_not_do(workspace: Workspace) -> None:
    async with console(workspace, "drift") as pilot:
        await until(pilot, "No drift report yet")
        await pilot.press("E")
        await until(pilot, "There is no report to export yet")
        seed(workspace, reports=1)
        await until(pilot, "█ current")
        await pilot.press("colon", *"export x.pdf", "enter")
        await until(pilot, "is no format")
