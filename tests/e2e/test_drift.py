"""Real traffic over HTTP; the features that have shifted, and only those, are reported."""

import csv
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from scipy.stats import ks_2samp

from mlops_console.core.drift import DriftReport
from mlops_console.store import alerts, drift
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.shipped import shipped
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.e2e.projects import copy_project, do, predict
from tests.support import wait_for

HERE = Path(__file__).parent
ELEC = HERE.parents[1].parent / "shared" / "data" / "elec.csv"
MARKET_CHANGES = 17_500  # row; a little after vicprice, vicdemand and transfer start to move


@pytest.fixture
def fraud(tmp_path: Path) -> Iterator[Workspace]:
    workspace = copy_project(shipped("sample_projects") / "fraud_detection", tmp_path / "fraud_detection")
    yield workspace
    client.stop_worker(workspace)


@pytest.fixture
def electricity(tmp_path: Path) -> Iterator[Workspace]:
    if not ELEC.exists():
        pytest.skip(f"{ELEC.name} is not beside this checkout: the real data are not part of the project")
    workspace = copy_project(HERE / "elec", tmp_path / "elec")
    shutil.copy(ELEC, workspace.root)
    yield workspace
    client.stop_worker(workspace)


def check(workspace: Workspace, environment: str, rows: int) -> DriftReport:
    """Wait until all rows are in the prediction log, then compare them."""
    log = PredictionLog(workspace.predictions_path)
    wait_for(lambda: log.count(environment, 0, 1e12) >= rows, 20, f"{rows} logged rows")
    job = do(workspace, "check_drift", environment=environment, window="1h")
    with workspace.store.read() as db:
        return drift.report(db, int(job.result["report"]))


def load(path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script of a project as a module, with its neighbours in reach as when it is run."""
    monkeypatch.syspath_prepend(str(path.parent))
    for name in [
        name for name, module in sys.modules.items() if str(path.parent.name) in str(getattr(module, "__file__", ""))
    ]:
        monkeypatch.delitem(sys.modules, name)
    spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.e2e
@pytest.mark.timeout(240)
@pytest.mark.long  # the demo of tests/e2e/test_shell.py does as much in less
def test_fraud_detection(fraud: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    do(fraud, "train", pipeline="train", params={"fit.rounds": 12})
    do(fraud, "deploy", model_ref="fraud:1", environment="staging")
    replay = load(fraud.root / "replay.py", monkeypatch)

    predict(fraud, "staging", replay.rows(1500, seed=3, shifted=False))
    before = check(fraud, "staging", 1500)
    assert before.drifted_features == ()
    assert not before.drifted

    do(fraud, "deploy", model_ref="fraud:1", environment="production")
    predict(fraud, "production", replay.rows(1500, seed=4, shifted=True))
    after = check(fraud, "production", 1500)
    assert set(after.drifted_features) == set(replay.SHIFTED)
    assert all(f.n > 1000 and f.m == 1500 and f.psi is not None and f.verdict for f in after.features)
    with fraud.store.read() as db:
        assert [(alert.kind, alert.subject) for alert in alerts.open_alerts(db)] == [("drift", "production")]


@pytest.mark.e2e
@pytest.mark.timeout(240)
@pytest.mark.long  # real data
def test_electricity(electricity: Workspace) -> None:
    with (electricity.root / "elec.csv").open() as file:
        rows = [{name: float(value) for name, value in row.items() if name != "class"} for row in csv.DictReader(file)]
    do(electricity, "train", pipeline="train")
    do(electricity, "deploy", model_ref="price:1", environment="production")

    predict(electricity, "production", rows[1:17_000:10])  # rows between those that it has learned
    before = check(electricity, "production", 1700)
    assert before.drifted_features == ()

    do(electricity, "deploy", model_ref="price:1", environment="production", reason="a new revision, a new window")
    late = rows[MARKET_CHANGES : MARKET_CHANGES + 2000]
    predict(electricity, "production", late)
    after = check(electricity, "production", 3700)
    moved = {
        name
        for name in rows[0]
        if ks_2samp([row[name] for row in rows[:17_000]], [row[name] for row in late]).statistic > 0.1
    }
    assert set(after.drifted_features) == moved
    assert {"vicprice", "vicdemand", "transfer"} <= moved
    assert "period" not in moved
