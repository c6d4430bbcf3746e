"""A project whose stages run on a Dask cluster, in real job processes."""

import subprocess
import sys
from pathlib import Path

import psutil

from mlops_console import actions
from mlops_console.core.jobs import Job
from mlops_console.core.runs import Run, StageRun
from mlops_console.store import jobs, runs, stages
from mlops_console.store.workspace import Workspace
from tests.support import wait_for

CONFIG = """
[project]
name = "sample"

[executor]
kind = "dask"
address = "{address}"

{pipeline}
"""


class Project:
    def __init__(self, workspace: Workspace, address: str) -> None:
        self.workspace = workspace
        self.root: Path = workspace.root
        self.address = address
        self.processes: list[psutil.Popen] = []

    def write(self, pipeline: str, **scripts: str) -> None:
        """mlops.toml with the tables of stages below [pipelines.train], and scripts by their names."""
        (self.root / "mlops.toml").write_text(CONFIG.format(address=self.address, pipeline=pipeline))
        for name, text in scripts.items():
            (self.root / f"{name}.py").write_text(text)

    def start(self, action: str = "train", **request: object) -> tuple[int, psutil.Popen]:
        """Queue a job, and begin it in a process as the worker does."""
        plan = actions.check(self.workspace, action, request)
        with self.workspace.store.write() as tx:
            settled = {**request, **plan.settles}
            job_id, _ = actions.queue(tx, self.workspace, action, settled, plan.subject, "someone", jobs.NOW)
            jobs.claim(tx, job_id)
        process = psutil.Popen(
            [sys.executable, "-m", "mlops_console.worker.job", str(self.root), str(job_id)],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return job_id, process

    def train(self) -> tuple[Job, Run]:
        """Run the pipeline to its end."""
        job_id, process = self.start()
        process.wait(100)
        return self.job(job_id), self.run(job_id)

    def job(self, job_id: int) -> Job:
        with self.workspace.store.read() as db:
            return jobs.get(db, job_id)

    def run(self, job_id: int) -> Run:
        with self.workspace.store.read() as db:
            found = runs.of_job(db, job_id)
        assert found is not None
        return found

    def stages(self, job_id: int) -> list[StageRun]:
        with self.workspace.store.read() as db:
            return stages.listing(db, self.run(job_id).id)

    def log(self, job_id: int, stage: str) -> str:
        path = self.workspace.logs_dir / str(job_id) / f"{stage}.log"
        return path.read_text() if path.exists() else ""

    def until_logged(self, job_id: int, text: str, stage: str = "fit") -> str:
        """The log of a stage, once this is in it."""
        return wait_for(lambda: text in self.log(job_id, stage) and self.log(job_id, stage), 20, f"{text!r} in the log")

    def close(self) -> None:
        for process in self.processes:
            if process.is_running():
                process.kill()
            process.wait()
