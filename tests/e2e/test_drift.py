"""Real traffic over HTTP that moves: from the alarm to a new version that is live, without a person up to staging."""

import logging
import os
import runpy
import shutil
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.drift import DriftReport, DriftVerdict
from mlops_console.core.jobs import JobState
from mlops_console.core.performance import Figure
from mlops_console.store import alerts, deployments, drift, jobs, runs, triggers
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.e2e.projects import answer_and_tell, copy_project, do, live
from tests.support import wait_for

logger = logging.getLogger(__name__)

HERE = Path(__file__).parent
DATA = Path(os.environ.get("MLOPS_TEST_DATA") or HERE.parents[1].parent / "shared" / "data")
TRIGGER = "train-on-drift"
MARKET = ("vicprice", "vicdemand", "transfer")
MARKET_MOVES = 17_424  # the first row in which they are not what they always were
WINDOW = 2_000  # rows, as mlops.toml has it


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[Workspace]:
    workspace = copy_project(HERE / "moving", tmp_path / "moving")
    yield workspace
    client.stop_worker(workspace)


@pytest.fixture
def electricity(tmp_path: Path) -> Iterator[Workspace]:
    if not (DATA / "elec.csv").exists():
        pytest.skip(
            "there is no elec.csv in the folder that MLOPS_TEST_DATA names: real data are no part of the project"
        )
    workspace = copy_project(HERE / "elec", tmp_path / "elec")
    shutil.copy(DATA / "elec.csv", workspace.root)
    yield workspace
    client.stop_worker(workspace)


def function(workspace: Workspace, name: str) -> Callable[..., pd.DataFrame]:
    """What a module of a project is there for: the function of its name."""
    names = runpy.run_path(str(workspace.root / f"{name}.py"))
    found: Callable[..., pd.DataFrame] = names[name]
    return found


class Served:
    """Production, its traffic and what is seen of it."""

    def __init__(self, workspace: Workspace, target: str) -> None:
        self.workspace = workspace
        self.target = target
        self.rows = 0

    def answer(self, frame: pd.DataFrame) -> DriftReport:
        """The report after these rows, all of them answered, labelled, logged and counted."""
        self.rows += len(frame)
        answer_and_tell(self.workspace, "production", frame, self.target)
        log = PredictionLog(self.workspace.predictions_path)
        wait_for(lambda: log.count("production", 0, 1e12) >= self.rows, 20, f"{self.rows} logged rows")
        wait_for(lambda: self._counted() >= self.rows, 20, f"{self.rows} counted rows")
        job = do(self.workspace, "check_drift", environment="production")
        with self.workspace.store.read() as db:
            return drift.report(db, int(job.result["report"]))

    def _counted(self) -> int:
        with self.workspace.store.read() as db:
            found = db.execute("SELECT coalesce(sum(rows), 0) FROM live_slots WHERE environment = 'production'")
            return int(found.fetchone()[0])

    def alarms(self) -> list[str]:
        with self.workspace.store.read() as db:
            return [alert.message for alert in alerts.open_alerts(db) if alert.kind == "drift"]


def retrained(workspace: Workspace) -> Revision:
    """What of the trigger's own doing is live in staging, when it is; it has fired once."""

    def staged() -> Revision | None:
        with workspace.store.read() as db:
            for job in jobs.open_jobs(db):
                assert job.state is not JobState.FAILED
            return next((r for r in deployments.revisions(db, "staging") if r.actor == f"trigger:{TRIGGER}"), None)

    revision = wait_for(
        lambda: (r := staged()) and r.state is RevisionState.LIVE and r, 60, "the version of the trigger"
    )
    with workspace.store.read() as db:
        (job,) = triggers.jobs_of(db, TRIGGER)
        assert job.state is JobState.SUCCEEDED
        run = runs.of_job(db, job.id)
        assert run is not None
        assert str(run.params["mlops.served"]).startswith("production:")
    return revision


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_from_drift_to_a_new_version(moving: Workspace) -> None:
    customers = function(moving, "customers")
    do(moving, "train", pipeline="train")
    do(moving, "deploy", model_ref="buyers:1", environment="production")
    served = Served(moving, "label")
    assert served.answer(customers(300, seed=2)).verdict is DriftVerdict.STABLE

    moved = served.answer(customers(300, seed=3, moved=2.0))  # one window
    assert moved.drifted_features[0] == "amount"
    assert served.alarms()

    assert retrained(moving).model_ref == "buyers:2"
    assert live(moving, "production")[0] == "buyers:1"  # it goes no further by itself
    do(moving, "deploy", model_ref="buyers:2", environment="production", reason="staging is fine")
    assert live(moving, "production")[0] == "buyers:2"
    assert served.answer(customers(300, seed=4, moved=2.0)).verdict is DriftVerdict.STABLE
    assert not served.alarms()


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.long  # real data
def test_electricity(electricity: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The market of New South Wales in the order in which it was; at row 17,424 Victoria begins to matter."""
    monkeypatch.chdir(electricity.root)
    rows = function(electricity, "market")()
    do(electricity, "train", pipeline="train")
    do(electricity, "deploy", model_ref="price:1", environment="staging")
    do(electricity, "deploy", model_ref="price:1", environment="production")
    served = Served(electricity, "class")

    def go_on(until: int) -> DriftReport:
        report = served.answer(rows[served.rows : until])
        logger.info(_told(served.rows, report))
        return report

    before = [go_on(until) for until in (*range(WINDOW, 17_000, WINDOW), MARKET_MOVES)]
    assert not [report.id for report in before if set(MARKET) & set(report.drifted_features)]
    assert not served.alarms()

    half, moved = go_on(MARKET_MOVES + WINDOW // 2), go_on(MARKET_MOVES + WINDOW)
    assert half.drifted
    assert set(MARKET) <= set(moved.drifted_features)
    assert served.alarms()

    after = [go_on(served.rows + WINDOW) for _ in range(3)]  # while it is trained again
    usual = statistics.mean(_accuracy(report, "realised").value for report in before)
    assert _accuracy(after[-1], "realised").high < usual - 0.05
    for report in (*before, half, moved, *after):
        assert _accuracy(report, "estimated")  # on the same chart

    revision = retrained(electricity)
    with electricity.store.read() as db:
        gates = deployments.gate_results(db, "staging", revision.revision)
    assert revision.model_ref == "price:2"
    assert [gate.passed for gate in gates] == [True]
    logger.info(
        "%s is live in staging: %s: %s; %s", revision.model_ref, gates[0].gate, gates[0].figure, revision.reason
    )
    assert live(electricity, "production")[0] == "price:1"
    do(electricity, "deploy", model_ref="price:2", environment="production", reason="it knows Victoria")
    assert live(electricity, "production")[0] == "price:2"
    assert go_on(served.rows + WINDOW).version == 2


def _accuracy(report: DriftReport, kind: Literal["estimated", "realised"]) -> Figure:
    assert report.performance is not None
    found = report.performance.figure(kind, "accuracy")
    assert found is not None, (kind, report.performance)
    return found


def _told(rows: int, report: DriftReport) -> str:
    found = {
        kind: report.performance and report.performance.figure(kind, "accuracy") for kind in ("estimated", "realised")
    }
    figures = ", ".join(f"{kind} {figure.value:.3f}" for kind, figure in found.items() if figure)
    moved = ", ".join(
        f"{f.name} {f.effect:.2f} {f.unit}" for f in report.features if f.drifted and f.effect is not None
    )
    return f"after {rows:,} rows: {report.rows:,} in the window; accuracy {figures or '–'}; drifted: {moved or '–'}"
