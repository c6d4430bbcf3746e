"""Who is acting: this process, in a way that a later one with the same pid can't fake, and its user."""

import functools
import os
import platform
import pwd
import sys
import uuid
from pathlib import Path
from typing import Literal

from mlops_console.core.runs import ProcessIdentity

_START_TOLERANCE = 0.05  # seconds; the kernel counts in hundredths


@functools.cache
def host() -> str:
    return platform.node() or "localhost"


@functools.cache
def boot_id() -> str:
    """A text that changes with every boot of this machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{host()}-{psutil.boot_time():.0f}"))


def actor() -> str:
    """The OS user, by the kernel's word: what the environment says of it is not asked, since approvals go by this."""
    return user_name(os.getuid())


def user_name(uid: int) -> str:
    """The user's name; the number where the system has none for it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def current_process() -> ProcessIdentity:
    return identify(os.getpid())


def identify(pid: int) -> ProcessIdentity:
    """The process with this pid on this machine.

    Raises:
        ProcessLookupError: there is none.
    """
    started = _started(pid)
    if started is None:
        raise ProcessLookupError(pid)
    return ProcessIdentity(pid, started, boot_id(), host())


def process_state(process: ProcessIdentity) -> Literal["alive", "dead", "unknown"]:
    """Whether this very process still runs; "unknown" for one on another machine."""
    if process.host != host():
        return "unknown"
    if process.boot_id != boot_id():
        return "dead"
    started = _started(process.pid)
    return "alive" if started is not None and abs(started - process.started) <= _START_TOLERANCE else "dead"


def _started(pid: int) -> float | None:
    """Start time in seconds since boot (Linux) or since the epoch (elsewhere); None for no such process or a zombie."""
    if sys.platform != "linux":
        import psutil

        try:
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
        except psutil.NoSuchProcess:
            return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()  # the name before it may hold spaces and brackets
    return None if fields[0] in (b"Z", b"X") else int(fields[19]) / os.sysconf("SC_CLK_TCK")
