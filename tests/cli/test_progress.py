"""What is told on standard error while a command waits for a job."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.cli.test_commands import console
from tests.e2e.terminal import Terminal
from tests.support import wait_for

TRAIN = [sys.executable, "-m", "mlops_console", "train", "--wait"]


@pytest.fixture
def project(workspace: Workspace) -> Iterator[Path]:
    """Its pipeline goes on until there is a file `go`."""
    workspace.config_path.write_text(
        '[project]\nname = "p"\n[pipelines.train.stages.fit]\nrun = "until test -e go; do sleep 0.05; done"\n'
    )
    yield workspace.root
    (workspace.root / "go").touch()
    client.stop_worker(workspace)


def test_a_terminal_shows_what_the_job_is_at_and_at_last_only_how_it_went(project: Path) -> None:
    with Terminal(TRAIN, cwd=project, columns=80, lines=24) as terminal:
        terminal.wait_text(r"Job 1 \(train train\) is running .*fit")
        (project / "go").touch()
        terminal.wait_text("succeeded in")
        wait_for(lambda: terminal.process.poll() == 0)
        [line] = terminal.text.split("\n\n")[0].splitlines()
    assert line.startswith("Job 1 (train train) succeeded in")


def test_a_pipe_gets_nothing(project: Path) -> None:
    (project / "go").touch()
    assert console("train", "--wait", cwd=project).stderr == ""


def test_beside_json_a_terminal_gets_nothing(project: Path) -> None:
    (project / "go").touch()
    words = ["sh", "-c", '"$@" > told.json', "sh", *TRAIN, "--json"]
    with Terminal(words, cwd=project, columns=80, lines=24) as terminal:
        wait_for(lambda: terminal.process.poll() == 0, 30)
    assert terminal.received == 0
    assert json.loads((project / "told.json").read_text())["state"] == "succeeded"
