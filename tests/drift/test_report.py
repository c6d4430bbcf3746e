"""Reports of a window against the reference of the live version, and when a check is due."""

import time
from dataclasses import replace

import numpy as np
import pytest

from mlops_console.core.config import Config, Monitor, parse_config
from mlops_console.core.drift import DriftReport
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.windows import Window
from mlops_console.drift.live.counts import count_window, pack_counts
from mlops_console.drift.live.schedule import due
from mlops_console.drift.live.slots import slot_start
from mlops_console.drift.profiles import read_profile
from mlops_console.drift.report import live_version, make_report
from mlops_console.drift.wording import rows_told
from mlops_console.store import drift, jobs, live_slots
from mlops_console.store.live_slots import LiveSlot
from mlops_console.store.workspace import Workspace
from tests.drift.helpers import add_classifier, add_version, answer, columns, make_live, rows, send

HOUR_SECONDS = 3600.0
HOUR = Window(seconds=HOUR_SECONDS)
MONITOR = Monitor()


def test_only_the_shifted_feature_is_reported(workspace: Workspace) -> None:
    live = make_live(workspace, add_version(workspace, rows(5_000, seed=1)))
    send(workspace, rows(600, seed=2, shift=0.8), live.revision)
    report = make_report(workspace, "production", HOUR, MONITOR, time.time())
    assert report.drifted
    assert report.drifted_features == ("amount",)
    assert (report.rows, report.reference_rows, report.revision, report.level) == (600, 5_000, 1, 0.01)
    found = {feature.name: feature for feature in report.features}
    assert {name: feature.test for name, feature in found.items()} == {"amount": "ks", "hour": "ks", "country": "chi2"}
    assert report.features[0] is found["amount"], "the one to look at first"
    assert found["country"].n < 5_000  # the missing ones are not compared
    assert report.notes == ("fraud:1 was stored without a reference profile; one was made of its stored sample.",)
    with workspace.store.write() as tx:
        report_id = drift.add_report(tx, report)
    with workspace.store.read() as db:
        assert drift.report(db, report_id).features == report.features


def test_the_same_distribution_has_not_drifted(workspace: Workspace) -> None:
    live = make_live(workspace, add_version(workspace, rows(5_000, seed=1)))
    send(workspace, rows(600, seed=2), live.revision)
    assert not make_report(workspace, "production", HOUR, MONITOR, time.time()).drifted


def test_a_window_has_no_rows_of_other_revisions_nor_older_ones(workspace: Workspace) -> None:
    version = add_version(workspace, rows(500, seed=1))
    make_live(workspace, version)
    live = make_live(workspace, version)
    assert live.live_at is not None
    now = live.live_at + 100
    send(workspace, rows(40, seed=2), 1, at=now - 1)  # an answer of the revision before, logged late
    send(workspace, rows(50, seed=2), 2, at=now - 61)  # before the window
    send(workspace, rows(60, seed=2), 2, at=now - 59)
    send(workspace, rows(70, seed=2), 2, at=now + 1)  # after it: a clock that went back
    report = make_report(workspace, "production", Window(seconds=60), MONITOR, now)
    assert (report.rows, report.window_start, report.window_end) == (60, now - 60, now)
    assert make_report(workspace, "production", HOUR, MONITOR, now).window_start == live.live_at


def test_a_window_without_rows_gives_no_verdict(workspace: Workspace) -> None:
    make_live(workspace, add_version(workspace, rows(500, seed=1)))
    report = make_report(workspace, "production", HOUR, MONITOR, time.time())
    assert report.rows == 0
    assert not report.drifted
    assert all("0 values in the window, at least 30 are needed" in feature.verdict for feature in report.features)


def test_of_a_large_window_an_even_sample_is_compared(workspace: Workspace) -> None:
    live = make_live(workspace, add_version(workspace, rows(500, seed=1)))
    assert live.live_at is not None
    for step in range(10):
        send(workspace, rows(100, seed=step), live.revision, at=live.live_at + step + 1)
    report = make_report(workspace, "production", HOUR, Monitor(rows=100), live.live_at + 20)
    assert report.rows == 100
    assert "Of about 1,000 rows an even sample of 100 was compared." in report.notes


def test_the_newest_rows_are_a_window_at_any_hour(workspace: Workspace) -> None:
    live = make_live(workspace, add_version(workspace, rows(2_000, seed=1)))
    assert live.live_at is not None
    send(workspace, rows(300, seed=2), live.revision, at=live.live_at + 1)
    send(workspace, rows(300, seed=2, shift=2), live.revision, at=live.live_at + 7 * HOUR_SECONDS)
    now = live.live_at + 90 * HOUR_SECONDS
    report = make_report(workspace, "production", Window(rows=300), MONITOR, now)
    assert (report.rows, report.drifted_features) == (300, ("amount",))
    assert report.window_end == now
    assert make_report(workspace, "production", Window(rows=5_000), MONITOR, now).notes[0] == (
        "The window has 600 of the 5,000 rows that it is to have."
    )


def test_a_window_is_compared_with_the_one_before(workspace: Workspace) -> None:
    version = add_version(workspace, rows(2_000, seed=1))
    live = make_live(workspace, version)
    assert live.live_at is not None
    now = live.live_at + 2 * HOUR_SECONDS
    for hour in (1.5, 0.5):  # moved since training, but not since
        send(workspace, rows(400, seed=round(10 * hour), shift=2), live.revision, at=now - hour * HOUR_SECONDS)
    assert make_report(workspace, "production", HOUR, MONITOR, now).drifted_features == ("amount",)
    report = make_report(workspace, "production", HOUR, MONITOR, now, "previous")
    assert (report.against, report.drifted, report.rows, report.reference_rows) == ("previous", False, 400, 400)
    assert report.notes == ("The window before it has 400 rows, answered by revision 1 (fraud:1).",)
    send(workspace, rows(400, seed=3), live.revision, at=now + 0.5 * HOUR_SECONDS)
    later = make_report(workspace, "production", HOUR, MONITOR, now + HOUR_SECONDS, "previous")
    assert later.drifted_features == ("amount",)
    by_rows = make_report(workspace, "production", Window(rows=400), MONITOR, now + HOUR_SECONDS, "previous")
    assert (by_rows.drifted_features, by_rows.reference_rows) == (("amount",), 400)


def test_a_window_is_compared_with_that_of_a_week_before_whoever_answered(workspace: Workspace) -> None:
    version = add_version(workspace, rows(2_000, seed=1))
    first = make_live(workspace, version)
    live = make_live(workspace, add_version(workspace, rows(2_000, seed=1)))
    now = time.time()
    with workspace.store.write() as tx:
        tx.execute("UPDATE revisions SET live_at = ?, ended_at = ? WHERE revision = 1", (now - 9e5, now - 60))
    week_ago = now - 7 * 24 * HOUR_SECONDS
    send(workspace, rows(400, seed=2), first.revision, at=week_ago - 10)
    send(workspace, rows(400, seed=3, shift=2), live.revision, at=now)
    report = make_report(workspace, "production", HOUR, MONITOR, now + 1, "last-week")
    assert report.drifted_features == ("amount",)
    assert report.notes[-1] == "The window a week before has 400 rows, answered by revision 1 (fraud:1)."
    nothing = make_report(workspace, "production", HOUR, MONITOR, now + 1, "previous")
    assert (nothing.verdict, nothing.notes[-1]) == ("untested", "Nothing was answered in the window before it.")
    assert nothing.untested_because == "too few reference rows (0 of at least 30)"


def test_the_performance_and_the_error_are_told_where_held_out_rows_are_known(workspace: Workspace) -> None:
    live = make_live(workspace, add_classifier(workspace, rows(2_000, seed=1)))
    answer(workspace, rows(400, seed=2), live.revision, right=0.6)
    report = make_report(workspace, "production", HOUR, MONITOR, time.time())
    roles = {feature.name: feature.role for feature in report.features}
    assert roles == {
        "amount": "input",
        "hour": "input",
        "country": "input",
        "prediction": "prediction",
        "probability of yes": "prediction",
        "error": "error",
    }
    assert report.drifted_features == ("error",), "it was right in 90 % of the held-out rows"
    assert report.performance is not None
    estimated, realised = (report.performance.figure(kind, "accuracy") for kind in ("estimated", "realised"))
    assert estimated is not None
    assert realised is not None
    assert estimated.value == pytest.approx(0.9, abs=0.05)
    assert realised.value == pytest.approx(0.6, abs=0.05)
    assert (report.performance.rows, report.performance.labelled) == (400, 400)
    assert report.notes == ()


def test_slices_are_told_the_worst_first(workspace: Workspace) -> None:
    live = make_live(workspace, add_version(workspace, rows(4_000, seed=1)))
    frame = rows(800, seed=2)
    frame.loc[frame["country"] == "NO", "amount"] += 2
    send(workspace, frame, live.revision)
    monitor = Monitor(slices=("country", "hour:0-12", "age", "country:0-1"))
    report = make_report(workspace, "production", HOUR, monitor, time.time())
    drifted = {part.slice: part.drifted_features for part in report.slices if part.drifted}
    assert drifted == {"country = NO": ("amount",), "0 ≤ hour < 12": ("amount",)}
    assert not report.slices[-1].drifted
    assert "The model has no column age to slice its rows by." in report.notes
    assert "country has categories, so there is no range of it to slice by." in report.notes


def test_evidently_has_its_own_tests(workspace: Workspace) -> None:
    live = make_live(workspace, add_version(workspace, rows(2_000, seed=1)))
    send(workspace, rows(600, seed=2, shift=0.5), live.revision)
    report = make_report(workspace, "production", HOUR, Monitor(profile="evidently"), time.time())
    assert {f.name: f.test for f in report.features} == {
        "amount": "wasserstein",
        "hour": "wasserstein",
        "country": "jensen_shannon",
    }
    assert report.drifted_features == ("amount",)
    raw = make_report(workspace, "production", HOUR, Monitor(profile="evidently"), time.time(), "previous")
    assert not raw.drifted


def test_what_servers_have_counted_is_compared_without_the_log(workspace: Workspace) -> None:
    live = make_live(workspace, add_classifier(workspace, rows(2_000, seed=1)))
    assert live.live_at is not None
    profile = read_profile(workspace.objects, live_version(workspace, "production")[1])
    now = time.time()
    counted = count_window(profile, columns(rows(400, seed=2, shift=2)))
    with workspace.store.write() as tx:
        start = slot_start(now, 600)
        live_slots.put(tx, "production", [LiveSlot(live.revision, start, "a", now, 400, pack_counts(counted))])
    report = make_report(workspace, "production", HOUR, MONITOR, now + 1)
    assert (report.rows, report.drifted_features) == (400, ("amount",))
    assert report.performance is not None
    assert report.performance.not_estimated == "The prediction log has no row of the window."


def test_performance_is_measured_on_no_more_rows_than_were_counted(workspace: Workspace) -> None:
    live = make_live(workspace, add_classifier(workspace, rows(2_000, seed=1)))
    answer(workspace, rows(400, seed=2), live.revision, right=0.9)
    now = time.time()
    send(workspace, rows(10, seed=3), live.revision, at=now + 0.5)  # which the servers have not written yet
    profile = read_profile(workspace.objects, live_version(workspace, "production")[1])
    counted = pack_counts(count_window(profile, columns(rows(400, seed=2))))
    start = slot_start(live.live_at or now, 600)
    with workspace.store.write() as tx:
        live_slots.put(tx, "production", [LiveSlot(live.revision, start, "a", now, 400, counted)])
    report = make_report(workspace, "production", HOUR, MONITOR, now + 1)
    assert report.performance is not None
    assert (report.rows, report.performance.rows) == (400, 400)
    assert rows_told(report) == "400 rows of the window against 2,000 of the reference"
    fewer, more = (replace(report, performance=replace(report.performance, rows=count)) for count in (390, 410))
    assert rows_told(fewer).endswith("; performance is measured on 390 of them")
    assert rows_told(more).endswith("; performance is measured on 410 rows of the prediction log")


def test_without_a_log_all_columns_at_once_are_those_rows_that_servers_have_kept(workspace: Workspace) -> None:
    """A pair of columns whose correlation has turned round, which neither of them shows."""
    same = rows(3_000, seed=1)
    rng = np.random.default_rng(1)
    both = rng.normal(size=3_000)
    version = add_version(workspace, same.assign(amount=both, hour=both + rng.normal(0, 0.1, 3_000)))
    live = make_live(workspace, version)
    began = live.live_at or live.created_at
    turned = rng.normal(size=400)
    window = rows(400, seed=2).assign(amount=turned, hour=-turned + rng.normal(0, 0.1, 400))
    counted = count_window(read_profile(workspace.objects, version), columns(window))
    start = slot_start(began, HOUR_SECONDS / 6)
    with workspace.store.write() as tx:
        live_slots.put(tx, "production", [LiveSlot(live.revision, start, "a", began + 1, 400, pack_counts(counted))])
    report = make_report(workspace, "production", HOUR, MONITOR, began + 2)
    assert report.drifted_features == ("(all columns)",)
    assert report.features[0].m == len(counted.keys) == 200


def test_a_clock_that_went_back_is_told(workspace: Workspace) -> None:
    live = make_live(workspace, add_version(workspace, rows(500, seed=1)))
    assert live.live_at is not None
    send(workspace, rows(70, seed=2), live.revision, at=live.live_at)
    report = make_report(workspace, "production", HOUR, MONITOR, live.live_at - 7_200)
    assert (report.verdict, report.rows) == ("untested", 0)
    assert report.window_start <= report.window_end
    assert report.notes[0] == (
        "The clock has gone back: 70 rows are from after the end of the window, and are not compared."
    )


def test_what_can_not_be_checked_is_said(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match="Nothing is live in 'production'"):
        make_report(workspace, "production", HOUR, MONITOR, time.time())
    make_live(workspace, add_version(workspace, None))
    with pytest.raises(UsageError, match="fraud:1 has no reference data"):
        make_report(workspace, "production", HOUR, MONITOR, time.time())


def config(every: str = 'every = "30s"') -> Config:
    return parse_config(f'[project]\nname = "x"\n[monitor]\n{every}\n')


def test_a_check_is_due_when_time_has_passed_and_rows_have_come(workspace: Workspace) -> None:
    live = make_live(workspace, add_version(workspace, rows(500, seed=1)))
    assert live.live_at is not None
    later = live.live_at + 31
    assert due(workspace, config(), later) == []
    send(workspace, rows(29, seed=2), 1, at=live.live_at + 1)
    assert due(workspace, config(), later) == []
    send(workspace, rows(1, seed=2), 1, at=live.live_at + 1)
    assert due(workspace, config(), live.live_at + 29) == []
    assert due(workspace, config(), later) == ["production"]
    assert due(workspace, config(every=""), later) == []

    with workspace.store.write() as tx:
        job = jobs.enqueue(tx, "check_drift", "production", {"environment": "production"}, "monitor")
    assert due(workspace, config(), later) == []
    with workspace.store.write() as tx:
        jobs.request_stop(tx, job)
        drift.add_report(tx, make_report_at(workspace, later))
    assert due(workspace, config(), later + 31) == []
    send(workspace, rows(30, seed=3), 1, at=later + 1)
    assert due(workspace, config(), later + 29) == []
    assert due(workspace, config(), later + 31) == ["production"]


def test_of_a_window_of_rows_a_tenth_has_to_be_new(workspace: Workspace) -> None:
    live = make_live(workspace, add_version(workspace, rows(500, seed=1)))
    assert live.live_at is not None
    of_rows = config('every = "30s"\nwindow = "1000 rows"')
    send(workspace, rows(99, seed=2), 1, at=live.live_at + 1)
    assert due(workspace, of_rows, live.live_at + 31) == []
    send(workspace, rows(1, seed=2), 1, at=live.live_at + 2)
    assert due(workspace, of_rows, live.live_at + 31) == ["production"]
    assert due(workspace, of_rows, live.live_at + 90_000) == ["production"], "however long ago they came"


def test_a_check_is_never_due_without_reference_data(workspace: Workspace) -> None:
    live = make_live(workspace, add_version(workspace, None))
    assert live.live_at is not None
    send(workspace, rows(50, seed=2), 1, at=live.live_at + 1)
    assert due(workspace, config(), live.live_at + 60) == []


def make_report_at(workspace: Workspace, now: float) -> DriftReport:
    return make_report(workspace, "production", HOUR, MONITOR, now)
