"""Reports of a window against the reference of the live version, and when a check is due."""

import time

import pytest

from mlops_console.core.config import Config, Monitor, parse_config
from mlops_console.core.drift import DriftReport
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.windows import Window
from mlops_console.drift import window
from mlops_console.drift.report import make_report
from mlops_console.drift.schedule import due
from mlops_console.store import drift, jobs
from mlops_console.store.workspace import Workspace
from tests.drift.helpers import add_version, make_live, rows, send

HOUR = Window(seconds=3600)
MONITOR = Monitor()


def test_only_the_shifted_feature_is_reported(workspace: Workspace) -> None:
    live = make_live(workspace, add_version(workspace, rows(5_000, seed=1)))
    send(workspace, rows(600, seed=2, shift=0.8), live.revision)
    report = make_report(workspace, "production", HOUR, MONITOR, time.time())
    assert report.drifted
    assert report.drifted_features == ("amount",)
    assert (report.rows, report.reference_rows, report.revision, report.level) == (600, 5_000, 1, 0.01)
    assert [feature.test for feature in report.features] == ["ks", "ks", "chi2"]
    assert report.features[2].n < 5_000  # the missing ones are not compared
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
    assert all("at least 30 are needed: no verdict" in feature.verdict for feature in report.features)


def test_a_large_window_is_sampled_over_its_whole_time(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "MOST_ROWS", 100)
    live = make_live(workspace, add_version(workspace, rows(500, seed=1)))
    assert live.live_at is not None
    for step in range(10):
        send(workspace, rows(100, seed=step), live.revision, at=live.live_at + step + 1)
    report = make_report(workspace, "production", HOUR, MONITOR, live.live_at + 20)
    assert report.rows == 100


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


def test_a_check_is_never_due_without_reference_data(workspace: Workspace) -> None:
    live = make_live(workspace, add_version(workspace, None))
    assert live.live_at is not None
    send(workspace, rows(50, seed=2), 1, at=live.live_at + 1)
    assert due(workspace, config(), live.live_at + 60) == []


def make_report_at(workspace: Workspace, now: float) -> DriftReport:
    return make_report(workspace, "production", HOUR, MONITOR, now)
