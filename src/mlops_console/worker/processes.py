"""Child processes that outlive the worker, and those that a worker before this one has left behind."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_console.core.runs import ProcessIdentity
from mlops_console.store.identity import boot_id, host, identify, process_state


@dataclass(slots=True)
class Process:
    """A process that leads a group of its own: started here, or adopted (`popen` is None)."""

    identity: ProcessIdentity
    popen: subprocess.Popen[bytes] | None = None

    def is_alive(self) -> bool:
        if self.popen is not None:
            return self.popen.poll() is None
        return process_state(self.identity) != "dead"

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is one of another machine, so that nobody here can look at it."""
        return self.popen is None and process_state(self.identity) == "unknown"

    @property
    def exit_code(self) -> int | None:
        """None while it runs, and for an adopted one always."""
        return None if self.popen is None else self.popen.returncode

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone, if it has not ended."""
        if self.is_alive() and not self.is_elsewhere:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.identity.pid, number)

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the process and to all that it has started in its group."""
        if self.popen is None and _is_other(self.identity):
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.identity.pid, number)


def start(module: str, arguments: Sequence[str], log: Path) -> Process:
    """Run `python -m MODULE ARGUMENTS` in a session of its own, with its output at the end of a log file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        popen = subprocess.Popen(
            command(module, arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return identified(popen)


def identified(popen: "subprocess.Popen[bytes]") -> Process:
    """A child that leads a group of its own."""
    try:
        return Process(identify(popen.pid), popen)
    except ProcessLookupError:  # it has ended already
        return Process(ProcessIdentity(popen.pid, 0.0, boot_id(), host()), popen)


def command(module: str, arguments: Sequence[str]) -> list[str]:
    """How this Python runs a module of ours: nothing in the current folder can take its place (-P)."""
    return [sys.executable, "-P", "-m", module, *arguments]


def _is_other(process: ProcessIdentity) -> bool:
    """Whether the pid belongs to something else by now, so that its group is not ours to signal."""
    if process.host != host() or process.boot_id != boot_id():
        return True
    try:
        identify(process.pid)
    except ProcessLookupError:
        return False  # ended: what is left of its group still has its number
    return process_state(process) != "alive"
