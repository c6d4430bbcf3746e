"""A real worker that tells of a job that failed, and is killed before it could note that it has."""

import os
import signal

import psutil

from mlops_console.store import outbox
from mlops_console.worker import client
from tests.support import wait_for
from tests.worker.project import Project
from tests.worker.receiver import receiving


def messengers(project: Project) -> list[psutil.Process]:
    return [process for process in project.processes() if "mlops_console.worker.messenger" in process.cmdline()]


def test_neither_a_killed_worker_nor_a_receiver_that_hangs_loses_a_message(project: Project) -> None:
    project.write("raise SystemExit(3)")
    with receiving("hang") as receiver:
        config = project.workspace.config_path
        config.write_text(f"{config.read_text()}\n[alerts]\nurls = ['{receiver.url}']\n")
        job_id = project.train()
        project.until_ended(job_id)
        wait_for(lambda: receiver.keys, timeout=30, what="the message of the failure")
        hanging = messengers(project)
        os.kill(project.worker_pid(), signal.SIGKILL)
        for process in hanging:
            process.kill()
        wait_for(lambda: client.worker_status(project.workspace).state == "dead", what="the death of the worker")
        wait_for(lambda: not messengers(project), what="the death of the messenger")
        with project.workspace.store.write() as tx:
            assert outbox.waiting(tx) == 1
            tx.execute("UPDATE outbox SET leased_until = 0")  # as after two minutes
        client.start_worker(project.workspace)
        wait_for(lambda: len(receiver.keys) == 2, timeout=30, what="the message of the new worker")
        assert len(set(receiver.keys)) == 1
        assert f"Job {job_id} (train train) failed" in receiver.messages[1]["message"]
