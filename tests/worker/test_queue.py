"""What runs where: in a process, in a thread of the worker, and what is light about it."""

import subprocess
import sys

from mlops_console.core.jobs import JobState
from mlops_console.core.runs import RunStatus
from mlops_console.store import jobs, ledger
from mlops_console.store.identity import current_process
from mlops_console.worker import client
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
