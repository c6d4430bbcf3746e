"""Stopping runs that no job made."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from mlops_console import actions
from mlops_console.core.errors import RefusedError, UsageError
from mlops_console.core.runs import ProcessIdentity, RunStatus
from mlops_console.store import jobs, runs
from mlops_console.store.identity import identify
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client


@pytest.fixture
def script() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def create(workspace: Workspace, process: ProcessIdentity) -> str:
    with workspace.store.write() as tx:
        return runs.create(tx, name="calm-otter", experiment="e", process=process)


def test_the_process_of_a_run_gets_sigterm(workspace: Workspace, script: subprocess.Popen[bytes]) -> None:
    run_id = create(workspace, identify(script.pid))
    assert actions.plan(workspace, "stop_run", {"run": run_id}).notes == ("How: its process gets SIGTERM.",)
    client.execute(workspace, "stop_run", {"run": run_id})
    assert script.wait(10) == -15


def test_another_process_with_the_same_pid_is_left_alone(workspace: Workspace, script: subprocess.Popen[bytes]) -> None:
    found = identify(script.pid)
    run_id = create(workspace, ProcessIdentity(found.pid, found.started - 100, found.boot_id, found.host))
    with pytest.raises(RefusedError, match="The process of run calm-otter is gone"):
        client.execute(workspace, "stop_run", {"run": run_id})
    assert script.poll() is None


def test_a_run_on_another_machine(workspace: Workspace) -> None:
    run_id = create(workspace, ProcessIdentity(1, 0.0, "boot", "elsewhere"))
    with pytest.raises(RefusedError, match="Run calm-otter runs on elsewhere, not on this machine"):
        client.execute(workspace, "stop_run", {"run": run_id})


def test_a_run_that_has_ended(workspace: Workspace, script: subprocess.Popen[bytes]) -> None:
    run_id = create(workspace, identify(script.pid))
    with workspace.store.write() as tx:
        runs.finish(tx, run_id, RunStatus.SUCCEEDED)
    with pytest.raises(UsageError, match="has ended already: it is succeeded") as caught:
        client.execute(workspace, "stop_run", {"run": run_id})
    assert caught.value.hint


def test_a_job_that_has_ended(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        job_id = jobs.enqueue(tx, "train", "train", {}, "ann")
        jobs.request_stop(tx, job_id)
    with pytest.raises(UsageError, match="Job 1 has ended already: it is stopped") as caught:
        client.execute(workspace, "stop_job", {"job": job_id})
    assert caught.value.hint
