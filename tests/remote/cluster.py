"""A Dask scheduler and its workers as real processes on loopback, each with folders of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

from tests.support import wait_for

_COMMON = ("--host", "127.0.0.1", "--no-dashboard")


class DaskCluster:
    """What it has started is gone when it is closed, with all its descendants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers: dict[str, psutil.Popen] = {}
        self._started: list[psutil.Popen] = []
        told = folder / "scheduler.json"
        self.scheduler = self._start(
            "scheduler", "--port", "0", "--scheduler-file", str(told), "--idle-timeout", "5 minutes"
        )
        wait_for(lambda: told.exists() and told.read_text().endswith("}"), 30, "the scheduler")
        self.address: str = json.loads(told.read_text())["address"]

    def start_worker(self, name: str, *options: str) -> None:
        """Start a worker, which shares nothing with any project."""
        self.workers[name] = self._start(
            "worker", self.address, "--name", name, "--no-nanny", "--nthreads", "1", "--local-directory",
            str(self.folder / name / "scratch"), "--death-timeout", "30", *options, folder=name,
        )  # fmt: skip

    def kept(self, name: str) -> list[Path]:
        """The files in the cache of a worker."""
        return [path for path in (self.folder / name / "cache").glob("*/*") if not path.name.startswith(".")]

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        worker = self.workers.pop(name)
        worker.send_signal(number)
        worker.wait(30)

    def close(self) -> None:
        for process in self._started:
            _end(process, process.children(recursive=True) if process.is_running() else ())

    def _start(self, what: str, *options: str, folder: str = "scheduler") -> psutil.Popen:
        home = self.folder / folder
        home.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLOPS_")}
        with (home / "log").open("ab") as log:
            process = psutil.Popen(
                [sys.executable, "-m", "dask", what, *_COMMON, *options],
                cwd=home,
                env={**environment, "MLOPS_REMOTE_CACHE": str(home / "cache"), "HOME": str(home)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(process)
        return process


def _end(process: psutil.Popen, children: Iterable[psutil.Process]) -> None:
    for found in (*children, process):
        try:
            found.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
