"""One worker per workspace: whoever holds the lock on `.mlops/worker.lock`."""

import fcntl
import os
import time
from pathlib import Path

from mlops_console.core.jobs import Worker
from mlops_console.store import jobs
from mlops_console.store.identity import process_state
from mlops_console.store.workspace import Workspace

_RETRY = 0.02  # seconds
_PATIENCE = 120.0  # seconds that a worker which is told to stop may take before its successor gives up
_STALE = 90.0  # seconds after which the heartbeat of a worker on another machine counts no more


def lock_path(workspace: Workspace) -> Path:
    return workspace.home / "worker.lock"


def acquire(workspace: Workspace) -> int | None:
    """Wait for the lock while its holder is on its way out; None if there is a worker that stays.

    The descriptor that is returned holds the lock until this process ends.
    """
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        lock = os.open(lock_path(workspace), os.O_RDWR | os.O_CREAT, 0o600)
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
    if worker.stop_requested_at is not None:
        return False
    state = process_state(worker.process)
    return state == "alive" or (state == "unknown" and time.time() - worker.heartbeat_at < _STALE)
