"""A worker's life: started when needed, one per workspace, outliving its starter, ending when idle or told to."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from mlops_console.core.errors import StoreError
from mlops_console.core.jobs import JobState
from mlops_console.core.runs import ProcessIdentity
from mlops_console.store import jobs
from mlops_console.store.database import Store
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import open_workspace
from mlops_console.worker import client, lock
from mlops_console.worker.processes import command
from tests.support import wait_for
from tests.worker.project import Project


def test_a_worker_starts_by_itself_when_a_job_is_queued(project: Project) -> None:
    assert client.worker_status(project.workspace).state == "stopped"
    job = client.wait(project.workspace, project.train(), timeout=20)
    assert (job.state, job.exit_code, job.error) == (JobState.SUCCEEDED, 0, None)
    assert client.worker_status(project.workspace).state == "running"


def test_five_workers_started_at_once_are_one(project: Project) -> None:
    arguments = command("mlops_console.worker", [str(project.root)])
    started = [subprocess.Popen(arguments, stderr=subprocess.DEVNULL) for _ in range(5)]
    try:
        wait_for(lambda: sum(process.poll() is None for process in started) == 1)
        assert [process.returncode for process in started if process.returncode is not None] == [0] * 4
        alive = next(process.pid for process in started if process.poll() is None)
        assert project.worker_pid() == alive
    finally:
        client.stop_worker(project.workspace)
        for process in started:
            process.wait()


def test_five_clients_that_queue_at_once_get_one_worker(project: Project) -> None:
    def train(_: int) -> int:
        job_id = project.train()
        project.workspace.store.close()
        return job_id

    with ThreadPoolExecutor(5) as pool:
        queued = list(pool.map(train, range(5)))
    for job_id in queued:
        assert client.wait(project.workspace, job_id, timeout=30).state is JobState.SUCCEEDED
    log = (project.workspace.home / "worker.log").read_text()
    assert log.count(": process ") == 1


def test_a_worker_is_nobodys_child_and_has_a_session_of_its_own(project: Project) -> None:
    client.ensure_worker(project.workspace)
    worker = psutil.Process(project.worker_pid())
    assert worker.ppid() != os.getpid()
    assert os.getsid(worker.pid) != os.getsid(0)
    assert worker.cwd() == "/"


def test_a_job_survives_the_death_of_the_one_who_started_it(project: Project) -> None:
    project.write("import pathlib, time; pathlib.Path('started').touch(); time.sleep(1)")
    code = (
        "import pathlib, sys, time; from mlops_console.store.workspace import open_workspace; "
        "from mlops_console.worker import client; "
        "client.execute(open_workspace(pathlib.Path(sys.argv[1])), 'train', {}); time.sleep(60)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code, str(project.root)], start_new_session=True)
    try:
        project.until_running(1)
    finally:
        os.killpg(starter.pid, signal.SIGKILL)
        starter.wait()
    assert project.until_ended(1).state is JobState.SUCCEEDED


def test_an_idle_worker_ends_and_the_next_job_gets_a_new_one(project: Project) -> None:
    project.write("", idle="300ms")
    assert client.wait(project.workspace, project.train(), timeout=20).state is JobState.SUCCEEDED
    wait_for(lambda: client.worker_status(project.workspace).state == "stopped")
    assert client.wait(project.workspace, project.train(), timeout=20).state is JobState.SUCCEEDED


def test_a_job_queued_while_the_worker_ends_is_not_missed(project: Project) -> None:
    project.write("", command="true", idle="1ms")
    for _ in range(4):
        assert client.wait(project.workspace, project.train(), timeout=20).state is JobState.SUCCEEDED


def test_stopping_the_worker_stops_its_jobs_and_leaves_queued_ones(project: Project) -> None:
    project.write("import pathlib, time; pathlib.Path('started').touch(); time.sleep(60)")
    first, second = project.train(), project.train(keep_going=True)
    project.until_running(first)
    assert client.stop_worker(project.workspace)
    assert project.job(first).state is JobState.STOPPED
    assert project.job(second).state is JobState.QUEUED
    assert client.worker_status(project.workspace).state == "stopped"
    assert not client.stop_worker(project.workspace)
    client.execute(project.workspace, "stop_job", {"job": second})


def test_a_worker_that_only_begins_is_stopped_too(project: Project) -> None:
    project.write("import time; time.sleep(60)")
    job_id = project.train()
    assert client.stop_worker(project.workspace)
    assert client.worker_status(project.workspace).state == "stopped"
    assert not client.stop_worker(project.workspace)  # none comes up later
    assert project.job(job_id).state in (JobState.QUEUED, JobState.STOPPED)
    with project.workspace.store.write() as tx:
        jobs.request_stop(tx, job_id)


def test_who_waits_does_not_start_a_worker_that_was_stopped(project: Project) -> None:
    project.write("import pathlib, time; pathlib.Path('started').touch(); time.sleep(60)")
    first, second = project.train(), project.train(keep_going=True)
    project.until_running(first)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.wait, project.workspace, second)
        client.stop_worker(project.workspace)
        assert waiting.result(20).state is JobState.QUEUED
    assert client.worker_status(project.workspace).state == "stopped"


def test_who_waits_takes_over_from_a_worker_that_was_killed(project: Project) -> None:
    project.write("import pathlib, time; pathlib.Path('started').touch(); time.sleep(1)")
    first, second = project.train(), project.train(keep_going=True)
    project.until_running(first)
    os.kill(project.worker_pid(), signal.SIGKILL)
    assert client.wait(project.workspace, second, timeout=30).state is JobState.SUCCEEDED


def test_a_worker_of_another_machine_counts_while_it_shows_signs_of_life(project: Project) -> None:
    with project.workspace.store.write() as tx:
        jobs.register_worker(tx, ProcessIdentity(1, 1.0, "boot", "elsewhere"), "0")
    assert client.worker_status(project.workspace).state == "running"
    with project.workspace.store.write() as tx:
        tx.execute("UPDATE workers SET heartbeat_at = heartbeat_at - 100")
    assert client.worker_status(project.workspace).state == "dead"
    client.start_worker(project.workspace)
    assert project.worker_pid() != 1


def test_sigterm_ends_a_worker_in_good_order(project: Project) -> None:
    project.write("import pathlib, time; pathlib.Path('started').touch(); time.sleep(60)")
    job_id = project.train()
    project.until_running(job_id)
    os.kill(project.worker_pid(), signal.SIGTERM)
    assert project.until_ended(job_id).state is JobState.STOPPED
    wait_for(lambda: client.worker_status(project.workspace).state == "stopped")


def test_a_worker_whose_workspace_is_removed_ends(project: Project) -> None:
    client.ensure_worker(project.workspace)
    worker = psutil.Process(project.worker_pid())
    (project.workspace.home / "worker.lock").unlink()
    wait_for(lambda: not worker.is_running())


def test_a_worker_whose_store_is_damaged_is_stopped_by_its_lock(project: Project) -> None:
    project.write("import pathlib, time; pathlib.Path('started').touch(); time.sleep(60)")
    project.until_running(project.train())
    worker = psutil.Process(project.worker_pid())
    path = project.workspace.store.path
    project.workspace.store.close()
    with path.open("r+b") as store:
        whole = store.read(4)
        store.seek(0)
        store.write(b"xxxx")
    damaged = open_workspace(project.root)
    with pytest.raises(StoreError, match="damaged"):
        client.worker_status(damaged)
    assert lock.holder(damaged) == worker.pid
    assert client.stop_worker(damaged)
    assert lock.holder(damaged) is None
    wait_for(lambda: not worker.is_running() and not [p for p in project.processes() if "fit.py" in p.cmdline()])
    with pytest.raises(StoreError, match="damaged"):
        client.stop_worker(damaged)
    with path.open("r+b") as store:
        store.write(whole)


def test_a_worker_whose_store_is_damaged_and_removed_ends(project: Project) -> None:
    client.ensure_worker(project.workspace)
    worker = psutil.Process(project.worker_pid())
    store = [project.workspace.home / f"console.db{end}" for end in ("", "-wal", "-shm")]
    for path in store[:2]:
        path.write_bytes(b"rubbish" * 1000)
    wait_for(lambda: "damaged" in (project.workspace.home / "worker.log").read_text())
    (project.workspace.home / "worker.lock").unlink()
    wait_for(lambda: not worker.is_running())
    project.workspace.store.close()
    for path in store:
        path.unlink(missing_ok=True)
    Store(store[0]).close()


def test_the_last_good_settings_stay_while_mlops_toml_is_wrong(project: Project) -> None:
    client.ensure_worker(project.workspace)
    worker = psutil.Process(project.worker_pid())
    (project.root / "mlops.toml").write_text("[worker]\nidle = 7\n")
    log = project.workspace.home / "worker.log"
    wait_for(lambda: "the last good settings stay" in log.read_text())
    assert worker.is_running()
    project.write("print('mended')")
    assert client.wait(project.workspace, project.train(), timeout=20).state is JobState.SUCCEEDED


def test_a_registered_worker_that_was_killed_is_told_as_dead(project: Project) -> None:
    client.ensure_worker(project.workspace)
    os.kill(project.worker_pid(), signal.SIGKILL)
    wait_for(lambda: client.worker_status(project.workspace).state == "dead")


def test_a_worker_that_stays_is_not_replaced(project: Project) -> None:
    with project.workspace.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")
    client.ensure_worker(project.workspace)
    assert not (project.workspace.home / "worker.log").exists()
    with project.workspace.store.write() as tx:
        jobs.forget_worker(tx)
