"""The command of a stage as a child process: its log, its environment, and its end when it takes too long."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

# A shell that is told to end waits for the command in hand: its script may tidy up.
_SHELL = ("sh", "-c", """trap 'exit 143' TERM; eval "$1" """, "sh")
GRACE = 10.0  # seconds that what takes too long may tidy up
_LOOK = 0.1  # seconds between two looks whether a pause was cut short


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command has ended. `timed_out`: it was made to."""

    code: int
    timed_out: bool


def run(
    command: str,
    *,
    cwd: Path,
    log: Path,
    environment: Mapping[str, str],
    timeout: float | None,
    stopping: Callable[[], bool],
) -> Ended:
    """Run a shell command to its end, its output at the end of `log`.

    Args:
        environment: beyond that of this process, where `python` is the interpreter that runs mlops-console.
        timeout: seconds after which it gets SIGTERM, with all that it has started, and `GRACE` later SIGKILL.
        stopping: whether this process was asked to stop. Its process group gets SIGTERM then, the command with it.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*_SHELL, command],
            cwd=cwd,
            env={**_own(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if stopping():  # the signal to the group may have come just before the process was in it
        process.terminate()
    try:
        return Ended(process.wait(timeout), timed_out=False)
    except subprocess.TimeoutExpired:
        _end_all(process)
        return Ended(process.wait(), timed_out=True)


def pause(seconds: float, stopping: Callable[[], bool]) -> bool:
    """Wait; whether it was to the end, and not cut short by a stop."""
    deadline = time.monotonic() + seconds
    while not stopping():
        left = deadline - time.monotonic()
        if left <= 0:
            return True
        time.sleep(min(left, _LOOK))
    return False


def _own() -> dict[str, str]:
    path = os.environ.get("PATH", os.defpath)
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{path}", "PYTHONUNBUFFERED": "1"}


def _end_all(process: "subprocess.Popen[bytes]") -> None:
    """End a process and its descendants; the shell last, or its children were nobody's and could not be found."""
    import psutil

    shell = psutil.Process(process.pid)
    _signal(shell.children(recursive=True), psutil.Process.terminate)
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        _signal(shell.children(recursive=True), psutil.Process.kill)
        process.kill()


def _signal(processes: "list[psutil.Process]", send: "Callable[[psutil.Process], None]") -> None:
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            send(process)
