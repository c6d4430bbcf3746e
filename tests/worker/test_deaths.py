"""Kills at the worst moments: of the worker, of a job, of a script that does not want to stop."""

import os
import signal

import psutil

from mlops_console import actions
from mlops_console.core.jobs import JobState
from mlops_console.core.runs import RunStatus
from mlops_console.store import alerts, jobs, ledger, stages
from mlops_console.worker import client
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
    assert (job.state, job.error) == (JobState.LOST, f"The process of job {job_id} ended without a word.")


def test_a_claimed_job_without_a_process_is_queued_again(project: Project) -> None:
    """The worker died between claiming a job and starting it."""
    with project.workspace.store.write() as tx:
        job_id = jobs.enqueue(tx, "train", "train", {}, "someone")
        action = actions.get("train")
        assert action.queued is not None
        action.queued(tx, project.workspace, action.check({}), job_id)
        jobs.claim(tx, job_id)
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
    assert (job.state, job.error) == (JobState.STOPPED, "It was stopped by force.")
    assert project.run(job_id).status is RunStatus.STOPPED
    wait_for(lambda: not any(child.is_running() for child in family))


def test_a_script_that_tidies_up_is_stopped_in_good_order(project: Project) -> None:
    project.write(
        "import pathlib, signal, sys, time\n"
        "def end(*_):\n    time.sleep(0.2); pathlib.Path('tidied').touch(); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\npathlib.Path('started').touch()\ntime.sleep(60)"
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
    for job_id in [project.train() for _ in range(3)]:
        job = project.until_ended(job_id)
        assert (job.state, job.error) == (JobState.SUCCEEDED, None)


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
        assert ledger.first_broken(db) is None


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
