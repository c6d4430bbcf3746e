"""What a job tells while a command waits for it: one line on standard error that is written over, in a terminal."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator

from mlops_console.core.errors import StoreError
from mlops_console.core.jobs import Job
from mlops_console.core.text import safe_line
from mlops_console.store import jobs
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client

_LOOK = 0.2  # seconds between two looks at the job
_CLEAR = "\r\x1b[K"


def wait(workspace: Workspace, job_id: int, *, as_json: bool = False) -> Job:
    """The job when it has ended, as `client.wait` gives it; meanwhile the line, unless JSON was asked for."""
    with contextlib.nullcontext() if as_json else _shown(workspace, job_id):
        return client.wait(workspace, job_id)


@contextlib.contextmanager
def _shown(workspace: Workspace, job_id: int) -> Iterator[None]:
    """While the context is open, the line; nothing where standard error is no terminal that can write over it."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield
        return
    end = threading.Event()
    writer = threading.Thread(target=_write, args=(workspace, job_id, end), daemon=True)
    writer.start()
    try:
        yield
    finally:
        end.set()
        writer.join()
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()


def _write(workspace: Workspace, job_id: int, end: threading.Event) -> None:
    from rich.cells import set_cell_size

    written = ""
    try:
        while not end.is_set():
            with workspace.store.read() as db:
                line = _line(jobs.get(db, job_id))
            line = set_cell_size(line, max(os.get_terminal_size(sys.stderr.fileno()).columns - 1, 1)).rstrip()
            if line != written:
                sys.stderr.write(_CLEAR + line)
                sys.stderr.flush()
                written = line
            end.wait(_LOOK)
    except (StoreError, OSError):  # whoever waits is told of the one, and the other is a terminal that is gone
        return
    finally:
        workspace.store.close()  # the connection of this thread


def _line(job: Job) -> str:
    share = "" if job.progress is None else f" {job.progress:.0%}"
    return safe_line(f"Job {job.id} ({job.action} {job.subject}) is {job.state}{share}  {job.telling(time.time())}")
