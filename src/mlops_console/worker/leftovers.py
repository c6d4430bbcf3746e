"""What a job has started and left running, in its process group or out of it: a daemon with a session of its own.

It is known by a variable that all that a job starts inherits. Only Linux tells the environment of a process cheaply;
elsewhere what has left the group of its job is not found.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from mlops_console.core.text import safe_line
from mlops_console.store.workspace import Workspace

VARIABLE = "MLOPS_JOB"
_GRACE = 0.5  # seconds from SIGTERM to SIGKILL
_ROUNDS = 5  # looks at what was started while the others were ended
_SHOWN = 200  # characters of a command


def mark(workspace: Workspace, job_id: int) -> None:
    """From now on what this process starts is known as the job's."""
    os.environ[VARIABLE] = _value(workspace, job_id)


def end(workspace: Workspace, job_id: int, grace: float = _GRACE) -> None:
    """End all that is left of a job but this process, and say so in the log of the stage that has started it."""
    if sys.platform != "linux":
        return
    wanted = f"{VARIABLE}={_value(workspace, job_id)}".encode(errors="surrogateescape")
    for _ in range(_ROUNDS):
        found = _find(wanted)
        if not found:
            return
        for pid, stage in found.items():
            _tell(workspace, job_id, pid, stage)
            _send(pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and any(_environment(pid) for pid in found):
            time.sleep(0.01)
        for pid in _find(wanted).keys() & found.keys():
            _send(pid, signal.SIGKILL)


def _value(workspace: Workspace, job_id: int) -> str:
    return f"{job_id} of {workspace.root}"


def _find(wanted: bytes) -> dict[int, str]:
    """The processes with this variable, and the stage that each belongs to."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            variables = _environment(int(entry.name)).split(b"\0")
            if wanted in variables:
                stages = [v.partition(b"=")[2] for v in variables if v.startswith(b"MLOPS_STAGE=")]
                found[int(entry.name)] = os.fsdecode(stages[0]) if stages else ""
    return found


def _environment(pid: int) -> bytes:
    """As it was when the process began; nothing of one that has ended, or is another user's."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _tell(workspace: Workspace, job_id: int, pid: int, stage: str) -> None:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
        logs = workspace.logs_dir / str(job_id)
        own = logs / f"{stage}.log"
        with (own if stage and own.exists() else logs / "job.log").open("a", encoding="utf-8") as log:
            shown = safe_line(os.fsdecode(command), _SHOWN)
            log.write(f"── mlops-console: process {pid} ({shown}) was still running at the end of the job: ended ──\n")
    except OSError:  # it has ended by itself, or there is no log any more
        return
