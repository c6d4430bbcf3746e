"""One worker per workspace: whoever holds the lock on `.mlops/worker.lock`.

One that was started a moment ago holds nothing yet, and is not registered. Who starts it hands it a lock on
`.mlops/worker.start`, which ends with it: so a start that is under way is known, and one that failed is over.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from mlops_console.core.jobs import Worker
from mlops_console.store import jobs
from mlops_console.store.identity import process_state
from mlops_console.store.workspace import Workspace

_RETRY = 0.02  # seconds
_PATIENCE = 120.0  # seconds that a worker which is told to stop may take before its successor gives up
STALE = 90.0  # seconds after which the heartbeat of a worker or a job on another machine counts no more


def lock_path(workspace: Workspace) -> Path:
    return workspace.home / "worker.lock"


@contextlib.contextmanager
def starting(workspace: Workspace) -> Iterator[int]:
    """A descriptor for a worker to inherit: as long as it has it, it is known to be there or to come."""
    lock = _open(_start_path(workspace))
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield lock
    finally:
        os.close(lock)


def is_coming(workspace: Workspace) -> bool:
    """Whether a worker is there, or on its way; see in the store whether it is registered."""
    return any(_is_held(path) for path in (lock_path(workspace), _start_path(workspace)))


def holder(workspace: Workspace) -> int | None:
    """The process that holds the lock, by the kernel's word: for where the store can't tell. Linux only."""
    try:
        found = lock_path(workspace).stat()
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return None
    file = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    held = [words for words in map(str.split, lines) if words[1] == "FLOCK" and words[5] == file]
    return int(held[0][4]) if held else None


def acquire(workspace: Workspace) -> int | None:
    """Wait for the lock while its holder is on its way out; None if there is a worker that stays.

    The descriptor that is returned holds the lock until this process ends.
    """
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        lock = _open(lock_path(workspace))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            with workspace.store.read() as db:
                found = jobs.worker(db)
            if found is not None and serves(found):
                return None
            time.sleep(_RETRY)
            continue
        if still_holds(workspace, lock):
            return lock
        os.close(lock)
    return None


def still_holds(workspace: Workspace, lock: int) -> bool:
    """Whether the file that is locked is still the workspace's: someone may have removed the whole folder."""
    try:
        found = lock_path(workspace).stat()
    except OSError:
        return False
    held = os.fstat(lock)
    return (found.st_ino, found.st_dev) == (held.st_ino, held.st_dev)


def serves(worker: Worker) -> bool:
    """Whether a registered worker is there and will take new jobs."""
    return worker.stop_requested_at is None and not is_gone(worker)


def is_gone(worker: Worker) -> bool:
    """Whether a registered worker has ended: its process, or all signs of life from another machine."""
    state = process_state(worker.process)
    return state == "dead" or (state == "unknown" and time.time() - worker.heartbeat_at >= STALE)


def _start_path(workspace: Workspace) -> Path:
    return workspace.home / "worker.start"


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    lock = os.open(path, os.O_RDONLY)  # it may be on a read-only disk
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)
