"""The command of a stage as a child process: its log, its environment, and its end when it takes too long."""

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

# A shell that is told to end waits for the command in hand: its script may tidy up.
_SHELL = ("sh", "-c", """trap 'exit 143' TERM; eval "$1" """, "sh")
GRACE = 10.0  # seconds that what takes too long may tidy up
_LOOK = 0.1  # seconds between two looks whether to stop


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command has ended. `timed_out`: it was made to; `error`: why it did not end by itself, if so."""

    code: int
    timed_out: bool
    error: str = ""


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
        stopping: whether it should be ended now, in the same way.
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
    deadline = None if timeout is None else time.monotonic() + timeout
    with _watched(process) as ended:
        while not ended(_LOOK):
            if stopping() or (deadline is not None and time.monotonic() > deadline):
                _end_all(process)
                return Ended(process.wait(), timed_out=not stopping())
    return Ended(process.wait(), timed_out=False)


@contextlib.contextmanager
def _watched(process: "subprocess.Popen[bytes]") -> Iterator[Callable[[float], bool]]:
    """Something that waits for the end of a process for so many seconds, and says whether it has come."""
    if sys.platform != "linux":
        yield lambda seconds: _has_ended(process, seconds)
        return
    descriptor = os.pidfd_open(process.pid)  # tells at once, where Popen.wait with a timeout looks every 50 ms
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        yield lambda seconds: bool(poll.poll(1000 * seconds))
    finally:
        os.close(descriptor)


def _has_ended(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


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
