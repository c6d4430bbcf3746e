"""A project with a pipeline of one stage, and what the tests of the worker ask of it."""

from pathlib import Path

import psutil

from mlops_console.core.jobs import Job, Turn
from mlops_console.core.runs import Run
from mlops_console.store import jobs, runs
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.support import wait_for

CONFIG = """
[project]
name = "sample"

[pipelines.train.stages.fit]
run = '''{command}'''
deps = ["fit.py"]

[worker]
idle = "{idle}"
grace = "{grace}"
"""


class Project:
    """A workspace with a pipeline of one stage, and what tests ask of it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.write("print('fitted')")

    @property
    def root(self) -> Path:
        return self.workspace.root

    def write(self, script: str, command: str = "python fit.py", idle: str = "1m", grace: str = "500ms") -> None:
        (self.root / "fit.py").write_text(script)
        (self.root / "mlops.toml").write_text(CONFIG.format(command=command, idle=idle, grace=grace))

    def train(self, turn: Turn = jobs.NOW, **request: object) -> int:
        job_id = client.execute(self.workspace, "train", request, turn).job_id
        assert job_id is not None
        return job_id

    def job(self, job_id: int) -> Job:
        with self.workspace.store.read() as db:
            return jobs.get(db, job_id)

    def run(self, job_id: int) -> Run:
        with self.workspace.store.read() as db:
            run = runs.of_job(db, job_id)
        assert run is not None
        return run

    def until_running(self, job_id: int, marker: str = "started") -> Job:
        """Wait until the script of a job has written its marker file."""
        wait_for((self.root / marker).exists)
        return self.job(job_id)

    def until_ended(self, job_id: int) -> Job:
        return wait_for(lambda: (job := self.job(job_id)).state.is_final and job)

    def worker_pid(self) -> int:
        worker = wait_for(lambda: client.worker_status(self.workspace).worker)
        return worker.process.pid

    def processes(self) -> list[psutil.Process]:
        """What runs in or for this project."""
        return [process for process in psutil.process_iter() if _belongs(process, str(self.root))]


def _belongs(process: psutil.Process, root: str) -> bool:
    try:
        return root in process.cmdline() or process.cwd() == root
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
