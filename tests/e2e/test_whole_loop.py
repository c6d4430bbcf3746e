"""The whole loop in a real terminal: train, deploy, train again, deploy that, roll back, and be killed in between."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mlops_console.core.runs import Run, RunStatus
from mlops_console.store import runs
from mlops_console.store.runs import RunQuery
from mlops_console.store.shipped import shipped
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.e2e.projects import copy_project, live, predict
from tests.e2e.terminal import Terminal
from tests.support import wait_for

CONSOLE = [sys.executable, "-m", "mlops_console"]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Workspace]:
    workspace = copy_project(shipped("sample_projects") / "breast_cancer", tmp_path / "breast_cancer")
    config = workspace.config_path.read_text().replace('requires = "staging"\n', "")
    workspace.config_path.write_text(config)  # one environment is enough for the loop
    yield workspace
    client.stop_worker(workspace)


def newest_run(workspace: Workspace) -> Run:
    with workspace.store.read() as db:
        return runs.page(db, RunQuery(limit=1, order_by="-started")).runs[0]


def train(terminal: Terminal, **params: str) -> None:
    """`t`, the form with these params of `fit`, its plan, `y`."""
    terminal.press("t")
    screen = terminal.wait_text(r"fit\.epochs")
    names = [line.split("fit.")[1].split()[0] for line in screen.splitlines() if " fit." in line]
    above = sum("prepare." in line for line in screen.splitlines())
    change_fields(terminal, above, names, params)
    terminal.press("enter")
    terminal.wait_text("y do it")
    terminal.press("y")


def change_fields(terminal: Terminal, above: int, names: list[str], params: Mapping[str, str]) -> None:
    """From the first field down to each that is to change; its old value is deleted."""
    at = 0
    for name, value in sorted(params.items(), key=lambda item: names.index(item[0])):
        row = above + names.index(name)
        terminal.press(*["down"] * (row - at))
        at = row
        terminal.press("end", *["backspace"] * 12)
        terminal.type(value)


def deploy(terminal: Terminal, version: int) -> None:
    """In Models: the version, `d`, production, its plan, `y`."""
    terminal.press("4")
    terminal.wait_text(rf"breast_cancer:{version}\b")
    terminal.press("g")
    terminal.press("d")
    terminal.wait_text(r"staging")
    terminal.type("production")
    terminal.press("enter")
    terminal.wait_text("y do it")
    terminal.press("y")


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_train_deploy_train_deploy_roll_back_and_be_killed(project: Workspace) -> None:
    with Terminal(CONSOLE, cwd=project.root) as terminal:
        terminal.wait_text("breast-cancer ▸ Overview")

        terminal.press("2")
        train(terminal, epochs="20")
        terminal.wait_text("● running")
        terminal.wait_text("✓ succeeded", 60)
        terminal.wait_text(r"val/auc|train/loss")
        terminal.wait_text("[⠀-⣿]{3}")  # its chart, drawn in braille

        deploy(terminal, 1)
        terminal.wait_text(r"production breast_cancer:1 ✓")
        assert live(project, "production") == ("breast_cancer:1", "1")

        train(terminal, epochs="30", lr="0.001")
        terminal.wait_text("breast_cancer:2", 60)
        deploy(terminal, 2)
        terminal.wait_text(r"production breast_cancer:2 ✓")
        assert live(project, "production") == ("breast_cancer:2", "2")

        terminal.press("r")
        terminal.wait_text("y do it")
        terminal.press("y")
        terminal.wait_text(r"production breast_cancer:1 ✓")
        assert live(project, "production") == ("breast_cancer:1", "3")
        columns = (project.root / "build" / "test.csv").read_text().splitlines()
        names = columns[0].split(",")
        rows = [dict(zip(names, map(float, line.split(",")), strict=True)) for line in columns[1:4]]
        answers = predict(project, "production", [{k: v for k, v in row.items() if k != "malignant"} for row in rows])
        assert len(answers) == 3

        train(terminal, epochs="60")
        wait_for(lambda: newest_run(project).status is RunStatus.RUNNING, 30, "a third run that runs")
        terminal.kill()
    killed_in = newest_run(project)
    assert killed_in.status is RunStatus.RUNNING

    with Terminal(CONSOLE, cwd=project.root) as terminal:
        terminal.wait_text("breast-cancer ▸ Overview")
        terminal.press("2")
        terminal.wait_text(rf"{killed_in.name}\s+✓ succeeded", 60)
        terminal.press("q")
        assert terminal.process.wait(10) == 0
    with project.store.read() as db:
        assert runs.get(db, killed_in.id).status is RunStatus.SUCCEEDED
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
