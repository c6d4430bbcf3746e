"""`run compare` and `run importance`, as their users run them."""

import csv
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mlops_console.core.runs import RunStatus
from mlops_console.store import runs, series
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests import forked

CONFIG = '[project]\nname = "fraud"\n[models.fraud]\nmetric = "val/auc"\n'


def console(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return forked.console("run", *arguments, cwd=cwd)


def add_run(workspace: Workspace, name: str, auc: float, **params: Any) -> str:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name=name, experiment="fraud")
        runs.set_params(tx, run_id, params)
        series.ingest(tx, run_id, [("val/auc", 0, auc, 1.0), ("val/auc", 1, 0.1, 2.0)])
        runs.finish(tx, run_id, RunStatus.SUCCEEDED)
    return run_id


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    (workspace.root / "mlops.toml").write_text(CONFIG)
    add_run(workspace, "calm-otter", 0.5, lr=0.1, seed=1)
    add_run(workspace, "brave-fox", 0.9, lr=0.5, seed=1)
    return workspace


def test_the_table_has_the_best_value_of_what_the_project_judges_by(project: Workspace) -> None:
    text = console("compare", "calm-otter", "brave-fox", cwd=project.root).stdout
    assert "val/auc (max)" in text
    assert "▲ 0.9000" in text
    assert "seed" not in text
    assert "1 param is the same; --all shows them." in text
    assert "seed" in console("compare", "calm-otter", "brave-fox", "--all", cwd=project.root).stdout


def test_formats(project: Workspace) -> None:
    names = ("compare", "calm-otter", "brave-fox")
    rows = list(csv.reader(io.StringIO(console(*names, "--format", "csv", cwd=project.root).stdout)))
    assert ["metric", "val/auc", "max", "0.5", "0.9"] in rows
    found = json.loads(console(*names, "--json", cwd=project.root).stdout)
    assert found["runs"][1]["params"] == {"lr": 0.5, "seed": 1}
    assert found["metrics"] == [
        {"name": "val/auc", "figure": "max", "goal": "maximize", "best": [found["runs"][1]["id"]], "values": [0.5, 0.9]}
    ]
    assert json.loads(console(*names, "--format", "json", cwd=project.root).stdout).keys() == found.keys()
    text = console(*names, "--format", "markdown", cwd=project.root).stdout
    assert text.splitlines()[0] == "|  | calm-otter | brave-fox |"
    assert text.splitlines()[-1] == "| val/auc (max) | 0.5000 | **0.9000** |"
    wrong = console(*names, "--format", "xml", cwd=project.root)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)


@pytest.mark.e2e
def test_importance_is_reckoned_by_a_job(project: Workspace) -> None:
    for at in range(12):
        add_run(project, f"run-{at}", at / 100, depth=at, noise=at * 7 % 5)
    try:
        text = console("importance", "val/auc.max", "--filter", "name ~ run-", "--wait", cwd=project.root)
        assert text.returncode == 0, text.stderr
        assert "metrics.val/auc.max, from 12 runs" in text.stdout
        assert "12 runs are few" in text.stdout
        found = console("importance", "val/auc.max", "-f", "name ~ run", "--wait", "--json", cwd=project.root)
        assert json.loads(found.stdout)["params"][0]["param"] == "depth"
        few = console("importance", "val/auc", "--run", "calm-otter", "--wait", cwd=project.root)
        assert (few.returncode, few.stderr.count("\n")) == (3, 1)
        assert "at least 10 ended runs" in few.stderr
        queued = console("importance", "val/auc.max", cwd=project.root)
        assert "(importance metrics.val/auc.max) is " in queued.stdout
    finally:
        client.stop_worker(project)
