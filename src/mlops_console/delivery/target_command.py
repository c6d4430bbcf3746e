"""One command of a target as a process: its words, its surroundings, its log, and its end."""

import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_console.core.environments import PLACEHOLDER
from mlops_console.core.text import duration
from mlops_console.pipelines.command import has_ended
from mlops_console.pipelines.ending import describe_exit, last_line
from mlops_console.store.workspace import Workspace

GRACE = 10.0  # seconds from SIGTERM to SIGKILL
_LOOK = 0.1  # seconds between two looks whether to stop
_MARGIN = 5.0  # seconds beyond the grace for the guard itself


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command has ended. `error`: what is wrong, to follow "the command"; "" where nothing is."""

    error: str = ""
    stopped: bool = False


def words(command: str, values: Mapping[str, str]) -> list[str]:
    """The command taken apart, then its placeholders filled: a value stays within its word, whatever is in it."""
    return [PLACEHOLDER.sub(lambda found: values[found[1]], word) for word in shlex.split(command)]


@contextlib.contextmanager
def locked(workspace: Workspace, environment: str, stopping: Callable[[], bool]) -> Iterator[int | None]:
    """The right to run commands for an environment, as a descriptor; None where `stopping` came before it.

    It is a lock of the operating system on an open file, which commands are run with: it ends with who holds it.
    """
    folder = folder_of(workspace, environment)
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield lock if _taken(lock, stopping) else None
    finally:
        os.close(lock)


def folder_of(workspace: Workspace, environment: str) -> Path:
    """Where what a target's commands need is kept."""
    return workspace.home / "targets" / environment


def run(
    command: list[str],
    *,
    cwd: Path,
    log: Path,
    variables: Mapping[str, str],
    timeout: float,
    lock: int,
    stopping: Callable[[], bool],
    grace: float = GRACE,
) -> Ended:
    """Run a command to its end, its output at the end of `log`.

    Args:
        variables: of its environment, beyond those of this process.
        timeout: seconds after which it is ended, with all that is in its process group.
        lock: what `locked` gave.
        stopping: whether it should be ended now, in the same way.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"── mlops-console: {shlex.join(command)} ──\n".encode(errors="surrogateescape"))
        output.flush()
        begun = output.tell()
        guard = subprocess.Popen(
            [sys.executable, "-P", "-m", "mlops_console.delivery.guard", str(grace), *command],
            cwd=cwd,
            env={**_own(), **variables},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
        )
    try:
        why = _followed(guard, timeout, stopping)
    finally:
        _end(guard, grace)
    if why is not None:
        return why
    if guard.returncode == 0:
        return Ended()
    told = last_line(log) if log.stat().st_size > begun else ""
    return Ended(f"ended with {describe_exit(guard.returncode)}{f': {told}' if told else ''}")


def _taken(lock: int, stopping: Callable[[], bool]) -> bool:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if stopping():
                return False
            time.sleep(_LOOK)
        else:
            return True


def _followed(guard: "subprocess.Popen[bytes]", timeout: float, stopping: Callable[[], bool]) -> Ended | None:
    """Wait for the end of the command; why it must be ended, if so."""
    deadline = time.monotonic() + timeout
    while not has_ended(guard, _LOOK):
        if stopping():
            return Ended("was stopped", stopped=True)
        if time.monotonic() > deadline:
            return Ended(f"took longer than {duration(timeout)}")
    return None


def _end(guard: "subprocess.Popen[bytes]", grace: float) -> None:
    """Have the guard end the command if it runs; should the guard have been killed itself, what it has left is."""
    assert guard.stdin is not None
    guard.stdin.close()
    if not has_ended(guard, grace + _MARGIN) or guard.returncode == -signal.SIGKILL:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(guard.pid, signal.SIGKILL)
        guard.wait()


def _own() -> dict[str, str]:
    """Commands find `python` and `mlops-console` as this process has them."""
    path = os.environ.get("PATH", os.defpath)
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{path}"}
