"""Processes that have imported all there is to import: so that jobs and commands begin in milliseconds."""

import json
import subprocess
import sys
import time
from pathlib import Path

from mlops_console.worker.processes import Process, command, identified

KEPT = 300.0  # seconds after the last job
_UNHURRIED = 2.0  # seconds after the first job: until then that needs the processor more than a command that may come
_COMMANDS = "mlops_console.cli.warm.server"


class Warm:
    """One process in waiting for a job, and one that answers commands; they end with this one, however that ends."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._spare: subprocess.Popen[bytes] | None = None
        self._commands: subprocess.Popen[bytes] | None = None
        self._needed_at: float | None = None  # since when jobs come, on the monotonic clock
        self._used_at: float | None = None

    def take(self, job_id: int, log: Path) -> Process | None:
        """Let the process in waiting perform a job; None if there is none."""
        self._used_at = time.monotonic()
        self._needed_at = self._needed_at or self._used_at
        popen, self._spare = self._spare, None
        if popen is None or popen.poll() is not None or popen.stdin is None:
            return None
        try:
            with popen.stdin as pipe:
                pipe.write(json.dumps([job_id, str(log)]).encode() + b"\n")  # one line, whatever the path holds
        except BrokenPipeError:  # it has just died
            return None
        return identified(popen)

    def attend(self) -> None:
        """Have both ready while jobs come, and none when there were none for a while."""
        if self._used_at is None or self._needed_at is None:
            return
        now = time.monotonic()
        if now - self._used_at > KEPT:
            self.end()
        elif self._spare is None or self._spare.poll() is not None:
            self._spare = self._start("mlops_console.worker.job")
        elif now - self._needed_at > _UNHURRIED and (
            self._commands is None or (self._commands.poll() or 0) < 0  # not one that could not listen
        ):
            self._commands = self._start(_COMMANDS)

    def end(self) -> None:
        for popen in (self._spare, self._commands):
            if popen is not None and popen.stdin is not None:
                popen.stdin.close()
                popen.wait()
        self._spare = self._commands = self._used_at = self._needed_at = None

    def _start(self, module: str) -> "subprocess.Popen[bytes]":
        """Its output is the worker's own until it is given another one."""
        return subprocess.Popen(
            command(module, [str(self._root)]),
            stdin=subprocess.PIPE,
            stdout=sys.stdout.fileno(),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
