"""`model compile` and what `model show` tells of it, with a real worker."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_console.models.storage import save_model
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.cli.test_commands import console, document, fails

X = pd.DataFrame(np.random.default_rng(0).normal(size=(100, 2)), columns=["a", "b"])


@pytest.fixture
def project(workspace: Workspace) -> Path:
    workspace.config_path.write_text('[project]\nname = "fraud"\n')
    save_model(workspace, None, LogisticRegression().fit(X, X.a > X.b), "fraud", X)
    return workspace.root


def test_show_tells_the_form_that_is_served_and_why(project: Path, workspace: Workspace) -> None:
    before = document("model", "show", "fraud:1", cwd=project)["compiled"]
    assert (before["serves"], before["why"], before["state"]) == ("scikit-learn", "It is not compiled yet.", None)
    assert "serves     scikit-learn: It is not compiled yet." in console("model", "show", "fraud:1", cwd=project).stdout
    try:
        done = document("model", "compile", "fraud:1", "--wait", cwd=project)
    finally:
        client.stop_worker(workspace)
    assert (done["state"], done["compiled"], done["serves"]) == ("succeeded", "agrees", "ONNX")
    after = document("model", "show", "fraud:1", cwd=project)["compiled"]
    assert (after["serves"], after["state"], after["rows"]) == ("ONNX", "agrees", done["rows"])
    assert after["worst_difference"] == done["worst_difference"] <= 1e-5
    assert set(after["worst"]) == {"row", "scikit-learn", "onnx"}
    assert f"serves     ONNX: {after['why']}" in console("model", "show", "fraud:1", cwd=project).stdout


def test_a_dry_run_queues_nothing(project: Path) -> None:
    plan = json.loads(console("model", "compile", "fraud:1", "--dry-run", "--json", cwd=project).stdout)["plan"]
    assert plan["command"] == "mlops-console model compile fraud:1"
    assert len(document("job", "list", cwd=project)["jobs"]) == 1  # that of the version itself


def test_a_version_that_is_not_there_is_told(project: Path) -> None:
    fails("model", "compile", "fraud:7", cwd=project, status=2, told="There is no version 'fraud:7'.")
