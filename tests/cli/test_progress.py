"""What is told on standard error while a command waits for a job."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mlops_console.core.runs import RunStatus
from mlops_console.store import deploying, runs, series
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.cli.test_commands import console
from tests.delivery.helpers import add_live
from tests.drift.helpers import add_version, rows
from tests.e2e.terminal import Terminal
from tests.support import free_port, wait_for

CONSOLE = [sys.executable, "-m", "mlops_console"]
TRAIN = [*CONSOLE, "train", "--wait"]
DEMO = """
from pathlib import Path
from mlops_console.cli import demo
from mlops_console.store.workspace import open_workspace
demo._do(open_workspace(Path.cwd()), "train version 1", "train", {"pipeline": "train"})
"""


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


def test_the_demo_shows_it_below_what_it_is_at(project: Path) -> None:
    with Terminal([sys.executable, "-c", DEMO], cwd=project, columns=80, lines=24) as terminal:
        terminal.wait_text(r"train version 1 …\s+Job 1 \(train train\) is running .*fit")
        (project / "go").touch()
        wait_for(lambda: terminal.process.poll() == 0)
        assert terminal.text.split() == ["train", "version", "1", "…"]


@pytest.fixture
def held(workspace: Workspace) -> Iterator[psutil.Process]:
    """The worker of a workspace with runs and a version that is live, which does nothing until it is resumed."""
    workspace.config_path.write_text('[project]\nname = "p"\n')
    with workspace.store.write() as tx:
        for at in range(10):
            run = runs.create(tx, name=f"run-{at}", experiment="p")
            runs.set_params(tx, run, {"depth": at})
            series.ingest(tx, run, [("val/auc", 0, at / 10, 1.0)])
            runs.finish(tx, run, RunStatus.SUCCEEDED)
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", free_port())
    version = add_version(workspace, rows(200, seed=1))
    with workspace.store.write() as tx:
        add_live(tx, "production", version)
    client.start_worker(workspace)
    worker = client.worker_status(workspace).worker
    assert worker is not None
    process = psutil.Process(worker.process.pid)
    process.suspend()
    yield process
    process.resume()
    client.stop_worker(workspace)


@pytest.mark.parametrize(
    ("words", "job", "told"),
    [
        (["run", "importance", "val/auc", "--wait"], "importance metrics.val/auc", "from 10 runs"),
        (["drift", "check", "production"], "check_drift production", "report 1"),
    ],
)
def test_other_commands_that_wait_show_it_too(
    workspace: Workspace, held: psutil.Process, words: list[str], job: str, told: str
) -> None:
    with Terminal([*CONSOLE, *words], cwd=workspace.root, columns=80, lines=24) as terminal:
        terminal.wait_text(rf"Job 1 \({job}\) is queued")
        held.resume()
        terminal.wait_text(told)
        wait_for(lambda: terminal.process.poll() == 0)
        assert "Job 1" not in terminal.text
