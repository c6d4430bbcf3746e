"""A process that has imported all that a job needs, and waits for one: so a job begins in milliseconds."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mlops_console.worker.processes import Process, command, identified

KEPT = 300.0  # seconds after the last job


class Spare:
    """At most one process in waiting. It ends by itself when this one does, however that ends."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._popen: subprocess.Popen[bytes] | None = None
        self._used_at: float | None = None  # on the monotonic clock

    def take(self, job_id: int, log: Path) -> Process | None:
        """Let the process in waiting perform a job; None if there is none."""
        self._used_at = time.monotonic()
        popen, self._popen = self._popen, None
        if popen is None or popen.poll() is not None or popen.stdin is None:
            return None
        try:
            with popen.stdin as pipe:
                pipe.write(json.dumps([job_id, str(log)]).encode() + b"\n")  # one line, whatever the path holds
        except BrokenPipeError:  # it has just died
            return None
        return identified(popen)

    def attend(self) -> None:
        """Have one ready while jobs come, and none when there were none for a while."""
        wanted = self._used_at is not None and time.monotonic() - self._used_at < KEPT
        if wanted and (self._popen is None or self._popen.poll() is not None):
            self._popen = _start([str(self._root)])
        elif not wanted and self._popen is not None:
            self.end()

    def end(self) -> None:
        popen, self._popen = self._popen, None
        if popen is not None and popen.stdin is not None:
            popen.stdin.close()
            popen.wait()


def _start(arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Its output is the worker's own until it is given a job with a log."""
    return subprocess.Popen(
        command("mlops_console.worker.job", arguments),
        stdin=subprocess.PIPE,
        stdout=sys.stdout.fileno(),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
