"""The whole loop in a real terminal: train, deploy, train again, deploy that, roll back, and be killed in between."""

import json
import re
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_console.store import deployments, jobs, runs
from mlops_console.store.shipped import shipped
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.worker import client
from tests.e2e.terminal import Terminal
from tests.support import free_port, wait_for

CONSOLE = [sys.executable, "-m", "mlops_console"]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Workspace]:
    """A fresh copy of `breast_cancer` on ports of its own; its worker is stopped at the end."""
    folder = tmp_path / "breast_cancer"
    shutil.copytree(
        shipped("sample_projects") / "breast_cancer", folder, ignore=shutil.ignore_patterns(".mlops", "build")
    )
    config = folder / "mlops.toml"
    text = config.read_text()
    for port in re.findall(r"(?m)^port = (\d+)$", text):
        text = re.sub(rf"\b{port}\b", str(free_port()), text)
    config.write_text(text)
    workspace = open_workspace(folder)
    yield workspace
    client.stop_worker(workspace)
    workspace.store.close()


def served(workspace: Workspace, environment: str) -> tuple[str, str]:
    """The model and the revision that answer a real request just now."""
    with workspace.store.read() as db:
        found = deployments.environment(db, environment)
    assert found is not None
    with urllib.request.urlopen(f"{found.url}/v2/health/ready", timeout=5) as answer:
        return answer.headers["X-Model"], answer.headers["X-Revision"]


def predict(workspace: Workspace, environment: str) -> list[object]:
    with workspace.store.read() as db:
        found = deployments.environment(db, environment)
    assert found is not None
    rows = (workspace.root / "build" / "test.csv").read_text().splitlines()[:3]
    columns = [name.strip('"') for name in rows[0].split(",")]
    data = [[float(value) for value in row.split(",")] for row in rows[1:]]
    target = columns.index("malignant")
    for row in [columns, *data]:
        del row[target]
    body = json.dumps({"dataframe_split": {"columns": columns, "data": data}}).encode()
    request = urllib.request.Request(f"{found.url}/invocations", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        predictions = json.load(answer)["predictions"]
        assert isinstance(predictions, list)
        return predictions


def train(terminal: Terminal, params: dict[str, str]) -> None:
    """`t`, the form with these params, the plan, `y`."""
    terminal.press("t")
    terminal.wait_text("Train")
    fill_form(terminal, params)
    terminal.wait_text("(?i)y .*(train|do)")
    terminal.press("y")


def fill_form(terminal: Terminal, params: dict[str, str]) -> None:
    raise AssertionError("filled in when the form stands")
