"""The command of a stage as a child process: its log, its environment, and its end when it takes too long."""

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

# A shell that is told to end waits for the command in hand: its script may tidy up.
_SHELL = ("sh", "-c", """trap 'exit 143' TERM; eval "$1" """, "sh")
_LOOK = 0.1  # seconds between two looks whether to stop
_SHORT = 0.02  # seconds between two looks whether what was told to end has done so


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command has ended.

    Attributes:
        timed_out: it was made to.
        error: why it did not end by itself, if so.
        killed: SIGTERM was not enough.
    """

    code: int
    timed_out: bool
    error: str = ""
    killed: bool = False


def run(
    command: str,
    *,
    cwd: Path,
    log: Path,
    environment: Mapping[str, str],
    timeout: float | None,
    grace: float,
    stopping: Callable[[], bool],
) -> Ended:
    """Run a shell command to its end, its output at the end of `log`.

    Args:
        environment: beyond that of this process, where `python` is the interpreter that runs mlops-console.
        timeout: seconds after which it gets SIGTERM, with all that it has started.
        grace: seconds that each of these may then take to tidy up, before SIGKILL.
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
    try:
        return _followed(process, timeout, grace, stopping)
    finally:
        if process.poll() is None:  # something went wrong here: it must not run on unseen
            _end_all(process, grace)
            process.wait()


def end_left_behind(mark: Mapping[str, str], grace: float) -> list[str]:
    """End what a command has left running, also what has left its session; the command line of each.

    Args:
        mark: variables of its environment that no other command has.
    """
    import psutil

    every = psutil.process_iter(["environ"])
    found = [process for process in every if mark.items() <= (process.info["environ"] or {}).items()]
    told = [" ".join(_command_line(process)) or f"process {process.pid}" for process in found]
    _end(found, grace)
    return told


def pause(seconds: float, stopping: Callable[[], bool]) -> bool:
    """Wait; whether it was to the end, and not cut short by a stop."""
    deadline = time.monotonic() + seconds
    while not stopping():
        left = deadline - time.monotonic()
        if left <= 0:
            return True
        time.sleep(min(left, _LOOK))
    return False


def has_ended(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Wait so many seconds for the end of a process; whether it has come."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _followed(
    process: "subprocess.Popen[bytes]", timeout: float | None, grace: float, stopping: Callable[[], bool]
) -> Ended:
    deadline = None if timeout is None else time.monotonic() + timeout
    with _watched(process) as ended:
        while not ended(_LOOK):
            if stopping() or (deadline is not None and time.monotonic() > deadline):
                killed = _end_all(process, grace)
                return Ended(process.wait(), timed_out=not stopping(), killed=killed)
    return Ended(process.wait(), timed_out=False)


@contextlib.contextmanager
def _watched(process: "subprocess.Popen[bytes]") -> Iterator[Callable[[float], bool]]:
    """Something that waits for the end of a process for so many seconds, and says whether it has come."""
    descriptor = _descriptor(process)
    if descriptor is None:
        yield lambda seconds: has_ended(process, seconds)
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        yield lambda seconds: bool(poll.poll(1000 * seconds))
    finally:
        os.close(descriptor)


def _descriptor(process: "subprocess.Popen[bytes]") -> int | None:
    """Something that tells the end of a process at once, where Popen.wait with a timeout looks every 50 ms."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(process.pid)
    except OSError:  # too many files are open, or the kernel is too old
        return None


def _own() -> dict[str, str]:
    path = os.environ.get("PATH", os.defpath)
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{path}", "PYTHONUNBUFFERED": "1"}


def _end_all(process: "subprocess.Popen[bytes]", grace: float) -> bool:
    """End a shell and its descendants; whether any of them had to be killed.

    The shell is told first: else it would begin the next command when the one in hand has ended.
    """
    import psutil

    shell = psutil.Process(process.pid)
    return _end([shell, *shell.children(recursive=True)], grace)


def _end(processes: "list[psutil.Process]", grace: float) -> bool:
    """Tell processes to end, each once, and kill what is left after `grace` seconds; whether that was needed.

    What these have started meanwhile, to tidy up, is not told, and killed with them.
    """
    import psutil

    _signal(processes, psutil.Process.terminate)
    deadline = time.monotonic() + grace
    while left := [process for process in processes if _is_alive(process)]:
        if time.monotonic() > deadline:
            _signal([*left, *_children(left)], psutil.Process.kill)
            return True
        time.sleep(_SHORT)
    return False


def _is_alive(process: "psutil.Process") -> bool:
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _children(processes: "Iterable[psutil.Process]") -> "list[psutil.Process]":
    import psutil

    found: list[psutil.Process] = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            found += process.children(recursive=True)
    return found


def _command_line(process: "psutil.Process") -> list[str]:
    import psutil

    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []


def _signal(processes: "Iterable[psutil.Process]", send: "Callable[[psutil.Process], None]") -> None:
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it has ended; it is another user's
            send(process)
