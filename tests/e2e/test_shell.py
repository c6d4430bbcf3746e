"""The demo and the loop from the shell, without a terminal: what CI does."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlops_console.core.deployments import ServerHealth
from mlops_console.core.jobs import JobState
from mlops_console.store import deployments, jobs
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.worker import client
from tests.e2e.projects import environment, live
from tests.support import wait_for


def console(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mlops_console", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=200,
        stdin=subprocess.DEVNULL,
    )


def document(*arguments: str, cwd: Path, status: int = 0) -> Any:
    found = console(*arguments, "--json", cwd=cwd)
    assert found.returncode == status, found
    return json.loads(found.stdout)


def processes_of(folder: Path) -> list[psutil.Process]:
    """Everything that runs for a workspace."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in " ".join(process.cmdline()) and process.pid != os.getpid():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The demo as `make demo` makes it without a terminal."""
    folder = tmp_path_factory.mktemp("demo") / "mlops demo"
    found = console("demo", str(folder), cwd=folder.parent)
    assert found.returncode == 0, found
    assert "production   breast_cancer:3     2" in found.stdout
    assert f"--workspace '{folder}'" in found.stdout
    workspace = open_workspace(folder)
    yield workspace
    client.stop_worker(workspace)
    assert processes_of(folder) == []


@pytest.mark.e2e
@pytest.mark.timeout(280)
def test_the_demo_and_what_its_user_does_next(demo: Workspace) -> None:
    folder = demo.root
    status = document("status", cwd=folder)
    [production] = [found for found in status["environments"] if found["name"] == "production"]
    assert production.keys() >= {"name", "model", "version", "revision", "since", "url", "health"}
    assert (production["model"], production["version"], production["health"]) == ("breast_cancer", 3, "ready")
    assert [job["subject"] for job in status["jobs"]] == ["traffic"]
    assert live(demo, "production") == ("breast_cancer:3", "2")

    again = console("demo", str(folder), cwd=folder.parent)  # what is done is not done again
    assert again.returncode == 0, again
    assert "train version" not in again.stdout

    log = PredictionLog(demo.predictions_path)
    wait_for(lambda: log.count_labelled("production", 0, 1e12) >= 30, 30, "labels of what was answered")

    planned = document("rollback", "production", "--dry-run", cwd=folder)
    assert (planned["job"], planned["state"]) == (None, "planned")
    assert live(demo, "production") == ("breast_cancer:3", "2")
    done = document("rollback", "production", "--reason", "drill", "--wait", cwd=folder)
    assert (done["state"], done["revision"]) == ("succeeded", 3)
    assert live(demo, "production") == ("breast_cancer:1", "3")

    [newest, *_] = document("history", "production", cwd=folder)["revisions"]
    assert (newest["revision"], newest["kind"], newest["reason"]) == (3, "rollback", "drill")
    assert document("ledger", "verify", cwd=folder)["first_broken"] is None

    refused = document("train", "-p", "fit.lr=10", "-p", "fit.epochs=20", "--wait", cwd=folder)
    assert refused["state"] == "succeeded"
    assert console("deploy", "breast_cancer:4", "staging", "--wait", cwd=folder).returncode == 0
    answer = console("deploy", "breast_cancer:4", "production", "--wait", cwd=folder)
    assert answer.returncode == 3, answer
    assert "test/roc_auc" in answer.stderr
    dry = document("deploy", "breast_cancer:4", "production", "--dry-run", cwd=folder, status=3)
    assert "test/roc_auc" in dry["plan"]["refused"]
    assert live(demo, "production") == ("breast_cancer:1", "3")

    unknown = console("train", "-p", "fit.lrr=1", cwd=folder)
    assert unknown.returncode == 2
    assert "did you mean 'fit.lr'?" in unknown.stderr


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_a_worker_that_is_killed_in_a_deployment_is_replaced_and_finishes_it(demo: Workspace) -> None:
    status = client.worker_status(demo)
    assert status.worker is not None
    before = [server.process for server in environment(demo, "staging").processes]
    job_id = client.execute(demo, "deploy", {"model_ref": "breast_cancer:2", "environment": "staging"}).job_id
    assert job_id is not None
    os.kill(status.worker.process.pid, signal.SIGKILL)
    assert client.wait(demo, job_id, 60).state is JobState.SUCCEEDED
    wait_for(lambda: environment(demo, "staging").health is ServerHealth.READY, 30, "a ready server")
    assert live(demo, "staging")[0] == "breast_cancer:2"
    after = [server.process for server in environment(demo, "staging").processes]
    assert after == before  # the server went on all the while
    with demo.store.read() as db:
        assert [r.revision for r in deployments.revisions(db, "staging") if r.state.value == "live"] == [
            deployments.revisions(db, "staging")[0].revision
        ]
        assert [job for job in jobs.open_jobs(db) if job.action == "deploy"] == []
