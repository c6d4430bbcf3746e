"""What runs where: in a process, in a thread of the worker, and what is light about it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from mlops_console.core.errors import StoreError
from mlops_console.core.jobs import JobState, Turn
from mlops_console.core.runs import RunStatus
from mlops_console.store import jobs, ledger
from mlops_console.store.identity import current_process
from mlops_console.worker import client
from mlops_console.worker import queue as queue_module
from mlops_console.worker.queue import Queue
from tests.support import wait_for
from tests.worker.project import Project


def enqueue(project: Project, action: str, subject: str, **request: object) -> int:
    with project.workspace.store.write() as tx:
        return jobs.enqueue(tx, action, subject, request, "someone")


def test_a_job_of_an_unknown_action_fails_with_the_reason(project: Project) -> None:
    job_id = enqueue(project, "fly", "moon")
    client.ensure_worker(project.workspace)
    job = project.until_ended(job_id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.startswith("There is no action 'fly'.")


def test_the_ledger_names_who_asked_and_how_it_ended(project: Project) -> None:
    job_id = enqueue(project, "deploy", "production", model_ref="nonsense", environment="production")
    client.ensure_worker(project.workspace)
    project.until_ended(job_id)
    with project.workspace.store.read() as db:
        entry = ledger.entries(db)[0]
    assert (entry.actor, entry.action, entry.subject, entry.outcome) == ("someone", "deploy", "production", "failed")
    assert entry.detail["job"] == job_id


def test_a_read_only_workspace_refuses_what_was_queued_before(project: Project) -> None:
    job_id = enqueue(project, "train", "train")
    with (project.root / "mlops.toml").open("a") as config:
        config.write("\n[console]\nread_only = true\n")
    client.ensure_worker(project.workspace)
    assert project.until_ended(job_id).state is JobState.REFUSED


def test_an_end_that_can_not_be_written_is_written_later(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise StoreError("The disk is full.")

    project.write("import time; time.sleep(60)")
    with project.workspace.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")  # no other worker may take the job
    job_id = project.train()
    with project.workspace.store.write() as tx:
        jobs.forget_worker(tx)
    queue = Queue(project.workspace)
    queue.start_queued(1)
    process = wait_for(lambda: project.job(job_id).process)
    os.kill(process.pid, signal.SIGKILL)
    with monkeypatch.context() as patched, pytest.raises(StoreError):
        patched.setattr(queue_module, "settle", fail)
        wait_for(queue.watch)
    assert not queue.is_idle
    assert queue.watch()
    assert (project.job(job_id).state, queue.is_idle) == (JobState.LOST, True)


def test_a_training_whose_mlops_toml_broke_after_it_was_queued_fails_in_one_sentence(project: Project) -> None:
    with project.workspace.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")  # a worker that never looks, so that the job stays queued
    job_id = project.train()
    (project.root / "mlops.toml").write_text("[project\n")
    with project.workspace.store.write() as tx:
        jobs.forget_worker(tx)
    client.ensure_worker(project.workspace)
    job = project.until_ended(job_id)
    assert (job.state, project.run(job_id).status) == (JobState.FAILED, RunStatus.FAILED)
    assert job.error is not None
    assert job.error.startswith("mlops.toml is not valid TOML")


def test_the_worker_and_its_clients_load_no_heavy_library() -> None:
    code = (
        "import sys, mlops_console.worker.loop, mlops_console.worker.job, mlops_console.worker.client, "
        "mlops_console.actions as a; a.places(); "
        "print(*{'numpy', 'pandas', 'sklearn', 'scipy', 'uvicorn', 'starlette', 'textual'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_what_a_job_is_to_do_already_is_not_queued_once_more(project: Project) -> None:
    project.write("import pathlib, time; pathlib.Path('started').touch(); time.sleep(60)")
    first = project.train()
    project.until_running(first)
    again = client.execute(project.workspace, "train", {})
    assert (again.job_id, again.again) == (first, True)
    assert project.train(keep_going=True) != first
    client.execute(project.workspace, "stop_job", {"job": first})
    assert project.train() != first
    client.stop_worker(project.workspace)


def test_a_key_is_done_once_for_ever(project: Project) -> None:
    project.write("")
    first = project.train(Turn(key="build 7"))
    project.until_ended(first)
    assert project.train(Turn(key="build 7"), keep_going=True) == first
    assert project.train() != first


def test_the_greatest_priority_goes_first_and_none_before_its_time(project: Project) -> None:
    project.write("")
    with project.workspace.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")  # the worker must not begin before all are queued
    later = project.train(Turn(not_before=time.time() + 3600), start="fit")
    usual = project.train()
    urgent = project.train(Turn(priority=5), keep_going=True)
    with project.workspace.store.write() as tx:
        jobs.forget_worker(tx)
    client.ensure_worker(project.workspace)
    assert project.until_ended(usual).started_at > (project.until_ended(urgent).started_at or 0)  # type: ignore[operator]
    assert project.job(later).state is JobState.QUEUED
    client.execute(project.workspace, "stop_job", {"job": later})
    assert project.job(later).state is JobState.STOPPED


def test_deployments_of_one_model_exclude_each_other_and_a_rollback_waits_for_no_other_environment(
    project: Project,
) -> None:
    jobs_ = [
        ("deploy", "staging", {"model_ref": "fraud:7"}),
        ("deploy", "production", {"model_ref": "fraud@champion"}),
        ("deploy", "other", {"model_ref": "churn:7"}),
        ("rollback", "production", {}),
    ]
    queue = Queue(project.workspace)
    found = []
    for action, subject, request in jobs_:
        job_id = enqueue(project, action, subject, **request)
        found.append(queue._lanes(project.job(job_id)))
    staging, production, other, rollback = found
    assert staging & production
    assert not staging & other
    assert rollback & production
    assert not rollback & staging
