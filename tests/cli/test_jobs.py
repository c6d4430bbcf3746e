"""`job list|show|retry`, and waiting for a job, as their users run them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_console.core.jobs import JobState
from mlops_console.store import jobs
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace
from tests.cli.test_commands import console, document
from tests.support import wait_for

CONFIG = '[project]\nname = "fraud"\n[pipelines.train.stages.fit]\nrun = "true"\n'


@pytest.fixture
def project(workspace: Workspace) -> Path:
    """No job begins: a worker is registered that never looks."""
    (workspace.root / "mlops.toml").write_text(CONFIG)
    with workspace.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")
    return workspace.root


def test_a_progress_is_shown_while_the_job_runs_only(project: Path, workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        job = jobs.enqueue(tx, "train", "train", {}, "ada")
        jobs.claim(tx, job)
        jobs.set_progress(tx, job, 0.9, "stage fit, 0.2s left")
    for arguments in (("job", "list"), ("job", "show", str(job))):
        assert "0.2s left" in console(*arguments, cwd=project).stdout
    with workspace.store.write() as tx:
        jobs.finish(tx, job, JobState.SUCCEEDED)
    for arguments in (("job", "list"), ("job", "show", str(job))):
        assert "0.2s left" not in console(*arguments, cwd=project).stdout
    assert document("job", "show", str(job), cwd=project)["progress_text"] == "stage fit, 0.2s left"


def test_a_retry_tells_whether_the_job_was_there_already(project: Path, workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        job = jobs.enqueue(tx, "train", "train", {}, "ada")
        jobs.finish(tx, job, JobState.FAILED)
    first, again = (console("job", "retry", str(job), cwd=project).stdout for _ in range(2))
    assert first == "Job 2 does what job 1 was to do: train train.\n"
    assert again == "Job 2, which is queued, is to do already what job 1 was to: train train.\n"


def test_a_key_of_something_else_is_bad_usage(project: Path) -> None:
    with (project / "mlops.toml").open("a") as config:
        config.write('[pipelines.other.stages.fit]\nrun = "true"\n')
    assert document("train", "train", "--key", "k", cwd=project)["job"] == 1
    found = console("train", "other", "--key", "k", cwd=project)
    assert (found.returncode, found.stdout) == (2, "")
    assert "The key 'k' is that of job 1 (train train), not of train other." in found.stderr


def test_who_waits_is_told_that_the_worker_was_stopped(project: Path, workspace: Workspace) -> None:
    waiting = subprocess.Popen(
        [sys.executable, "-m", "mlops_console", "train", "--wait", "--json"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_for(lambda: queued(workspace))
    with workspace.store.write() as tx:
        jobs.forget_worker(tx)  # as it ends in good order
    told, error = waiting.communicate(timeout=30)
    assert waiting.returncode == 1
    found = json.loads(told)
    assert (found["job"], found["state"]) == (1, "queued")
    assert b"Job 1 is still queued: the worker was stopped" in error
    assert b"mlops-console worker start" in error


def queued(workspace: Workspace) -> bool:
    with workspace.store.read() as db:
        return bool(jobs.open_jobs(db))
