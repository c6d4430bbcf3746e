"""Kills at the worst moments: of the worker, of a job, of a script that does not want to stop."""

import os
import signal
import subprocess
import sys
from itertools import pairwise
from typing import Any

import psutil
import pytest

from mlops_console import actions
from mlops_console.core.errors import StoreError
from mlops_console.core.jobs import JobState
from mlops_console.core.runs import RunStatus
from mlops_console.store import alerts, jobs, ledger, stages
from mlops_console.worker import client, settle
from tests.support import wait_for
from tests.worker.project import Project

WAITS = """
import pathlib, time
pathlib.Path('started').touch()
while not pathlib.Path('go').exists():
    time.sleep(0.01)
"""
STUBBORN = """
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "61"])
pathlib.Path('started').touch()
time.sleep(60)
"""


def test_the_jobs_of_a_killed_worker_are_adopted(project: Project) -> None:
    project.write(WAITS)
    job_id = project.train()
    project.until_running(job_id)
    os.kill(project.worker_pid(), signal.SIGKILL)
    wait_for(lambda: client.worker_status(project.workspace).state == "dead")
    client.ensure_worker(project.workspace)
    log = project.workspace.home / "worker.log"
    wait_for(lambda: f"job {job_id} (train train) was left by the worker before" in log.read_text())
    (project.root / "go").touch()
    job = project.until_ended(job_id)
    assert (job.state, job.exit_code) == (JobState.SUCCEEDED, 0)
    assert project.run(job_id).status is RunStatus.SUCCEEDED


def test_a_job_that_ends_while_no_worker_is_there_has_its_end(project: Project) -> None:
    project.write(WAITS)
    job_id = project.train()
    project.until_running(job_id)
    os.kill(project.worker_pid(), signal.SIGKILL)
    (project.root / "go").touch()
    assert project.until_ended(job_id).state is JobState.SUCCEEDED


def test_an_adopted_job_can_be_stopped(project: Project) -> None:
    project.write(STUBBORN)
    job_id = project.train()
    project.until_running(job_id)
    os.kill(project.worker_pid(), signal.SIGKILL)
    wait_for(lambda: client.worker_status(project.workspace).state == "dead")
    client.execute(project.workspace, "stop_job", {"job": job_id})
    assert project.until_ended(job_id).state is JobState.STOPPED


def test_a_job_process_that_is_killed_is_lost_with_its_run_and_its_script(project: Project) -> None:
    project.write(WAITS)
    job_id = project.train()
    process = project.until_running(job_id).process
    assert process is not None
    scripts = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    job = project.until_ended(job_id)
    assert (job.state, job.error) == (JobState.LOST, f"The process of job {job_id} was ended by signal SIGKILL.")
    assert project.run(job_id).status is RunStatus.LOST
    assert scripts
    wait_for(lambda: not any(script.is_running() for script in scripts))
    with project.workspace.store.read() as db:
        assert [stage.status for stage in stages.listing(db, project.run(job_id).id)] == [RunStatus.LOST]
        assert [(a.kind, a.subject) for a in alerts.open_alerts(db)] == [("job", "train train")]
        assert ledger.entries(db)[0].outcome == "lost"


def test_a_job_process_that_died_with_its_worker_is_lost(project: Project) -> None:
    project.write(WAITS)
    job_id = project.train()
    process = project.until_running(job_id).process
    assert process is not None
    os.kill(project.worker_pid(), signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: client.worker_status(project.workspace).state == "dead")
    client.ensure_worker(project.workspace)
    job = project.until_ended(job_id)
    assert job.state is JobState.LOST
    assert job.error is not None
    assert job.error.startswith(f"The process of job {job_id} ended without a word: killed, by which signal isn't")


def claimed(project: Project) -> int:
    """A training that is running, and has no process yet."""
    with project.workspace.store.write() as tx:
        job_id = jobs.enqueue(tx, "train", "train", {}, "someone")
        action = actions.get("train")
        assert action.queued is not None
        action.queued(tx, project.workspace, action.check({}), job_id)
        jobs.claim(tx, job_id)
    return job_id


def test_a_claimed_job_without_a_process_is_queued_again(project: Project) -> None:
    """The worker died between claiming a job and starting it."""
    job_id = claimed(project)
    client.ensure_worker(project.workspace)
    assert project.until_ended(job_id).state is JobState.SUCCEEDED


def test_a_script_that_ignores_sigterm_is_killed_with_its_children(project: Project) -> None:
    project.write(STUBBORN)
    job_id = project.train()
    process = project.until_running(job_id).process
    assert process is not None
    family = psutil.Process(process.pid).children(recursive=True)
    assert any("sleep" in child.name() for child in family)
    client.execute(project.workspace, "stop_job", {"job": job_id})
    job = project.until_ended(job_id)
    run = project.run(job_id)
    assert (job.state, job.error) == (JobState.STOPPED, f"Run {run.name} was stopped.")
    assert run.status is RunStatus.STOPPED
    wait_for(lambda: not any(child.is_running() for child in family))


def test_a_script_that_tidies_up_is_stopped_in_good_order(project: Project) -> None:
    project.write(
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\npathlib.Path('started').touch()\n"
        "try:\n    time.sleep(60)\nfinally:\n    time.sleep(0.2); pathlib.Path('tidied').touch()\n"
    )
    job_id = project.train()
    project.until_running(job_id)
    client.execute(project.workspace, "stop_run", {"run": project.run(job_id).id})
    assert project.until_ended(job_id).state is JobState.STOPPED
    assert (project.root / "tidied").exists()
    assert project.run(job_id).status is RunStatus.STOPPED
    with project.workspace.store.read() as db:
        assert [stage.status for stage in stages.listing(db, project.run(job_id).id)] == [RunStatus.STOPPED]
        assert not alerts.open_alerts(db)


def test_a_script_gets_sigterm_once(project: Project) -> None:
    project.write(
        "import pathlib, signal, time\n"
        "def note(*_):\n    print('SIGTERM', file=open('told', 'a'))\n"
        "signal.signal(signal.SIGTERM, note)\npathlib.Path('started').touch()\n"
        "while not pathlib.Path('told').exists():\n    time.sleep(0.01)\n"
        "time.sleep(0.5)\npathlib.Path('tidied').touch()",
        grace="20s",
    )
    job_id = project.train()
    project.until_running(job_id)
    client.execute(project.workspace, "stop_job", {"job": job_id})
    assert project.until_ended(job_id).state is JobState.STOPPED
    assert (project.root / "told").read_text() == "SIGTERM\n"
    assert (project.root / "tidied").exists()


def test_a_job_that_crashes_says_why_whoever_its_worker_is(project: Project) -> None:
    """None but the parent of a process learns of its exit code: an adopted one has to write it down itself."""
    job_id = claimed(project)
    crash = (
        "import pathlib, sys\nfrom mlops_console.worker import job\n"
        "def crash(*_): raise KeyError('\x1b[31mno such column')\n"
        "job.perform = crash\nsys.exit(job.main(pathlib.Path(sys.argv[1]), int(sys.argv[2])))"
    )
    found = subprocess.run(
        [sys.executable, "-c", crash, str(project.root), str(job_id)], check=False, capture_output=True, text=True
    )
    assert found.returncode == 1
    assert "Traceback" in found.stderr
    job = project.job(job_id)
    assert (job.state, job.exit_code, project.run(job_id).status) == (JobState.FAILED, 1, RunStatus.FAILED)
    assert job.error is not None
    assert "train train failed unexpectedly: KeyError: " in job.error
    assert "no such column" in job.error


def test_a_disk_that_is_full_for_a_moment_makes_no_failure_of_a_success(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = project.job(claimed(project))
    outcome, write = settle.Outcome(JobState.SUCCEEDED), settle.settle
    tries = []

    def full(*arguments: Any) -> bool:
        tries.append(arguments)
        if len(tries) < 3:
            raise StoreError("The disk is full.")
        return write(*arguments)

    monkeypatch.setattr(settle, "settle", full)
    monkeypatch.setattr(settle, "_RETRY", 0.0)
    with monkeypatch.context() as patched, pytest.raises(StoreError):
        patched.setattr(settle, "PATIENCE", -1.0)
        settle.settle_patiently(project.workspace, job, outcome, 0)
    assert settle.settle_patiently(project.workspace, job, outcome, 0)
    assert (project.job(job.id).state, project.job(job.id).exit_code) == (JobState.SUCCEEDED, 0)


def test_what_a_job_leaves_in_its_group_ends_with_it(project: Project) -> None:
    project.write("import subprocess; subprocess.Popen(['sleep', '62'])")
    job_id = project.train()
    assert project.until_ended(job_id).state is JobState.SUCCEEDED
    wait_for(lambda: not any("62" in process.cmdline() for process in project.processes()))


def test_jobs_of_one_pipeline_run_one_after_another(project: Project) -> None:
    project.write(
        "import pathlib, time; pathlib.Path('busy').touch(exist_ok=False); time.sleep(0.05); "
        "pathlib.Path('busy').unlink()"
    )
    with (project.root / "mlops.toml").open("a") as config:
        config.write("slots = 3\n")
    requests: list[dict[str, Any]] = [{"force": ["*"]}, {"force": ["fit"]}, {"force": ["*"], "keep_going": True}]
    queued = [project.train(**request) for request in requests]
    assert len(set(queued)) == len(requests)
    ended = [project.until_ended(job_id) for job_id in queued]
    assert [(job.state, job.error) for job in ended] == [(JobState.SUCCEEDED, None)] * len(requests)
    for before, after in pairwise(ended):
        assert (after.started_at or 0.0) >= (before.ended_at or 0.0) > 0.0


def test_a_failed_job_opens_an_alert_and_the_next_success_resolves_it(project: Project) -> None:
    project.write("raise SystemExit('no rows')")
    job = project.until_ended(project.train())
    assert job.state is JobState.FAILED
    with project.workspace.store.read() as db:
        assert [alert.subject for alert in alerts.open_alerts(db)] == ["train train"]
    project.write("print('rows')")
    assert project.until_ended(project.train()).state is JobState.SUCCEEDED
    with project.workspace.store.read() as db:
        assert not alerts.open_alerts(db)
        assert [entry.outcome for entry in ledger.entries(db)] == ["succeeded", "failed"]
    assert ledger.verification(project.workspace.store, {}).broken is None


def test_a_worker_that_was_killed_gets_a_successor_but_not_one_that_was_stopped(project: Project) -> None:
    workspace = project.workspace
    client.start_worker(workspace)
    os.kill(project.worker_pid(), signal.SIGKILL)
    wait_for(lambda: client.worker_status(workspace).state == "dead")
    client.take_over(workspace)
    wait_for(lambda: client.worker_status(workspace).state == "running")
    client.stop_worker(workspace)
    client.take_over(workspace)
    assert client.worker_status(workspace).state == "stopped"
