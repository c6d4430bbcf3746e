"""`python -m mlops_console.worker.job WORKSPACE [JOB]`: the process of one job, leader of a process group of its own.

It writes down how the job ended by itself, so that it needs no worker for that. Without a job it waits until its worker
names one (see `worker.warm`).
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType

from mlops_console.core.errors import StoreError
from mlops_console.core.jobs import Job, JobState
from mlops_console.core.text import safe_line
from mlops_console.store import jobs, runs
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.worker import leftovers
from mlops_console.worker.settle import Outcome, perform, settle_patiently

HEARTBEAT = 5.0  # seconds
_SHOWN = 300  # characters of what an exception says
_EXIT_CODES = {JobState.SUCCEEDED: 0, JobState.REFUSED: 3, JobState.STOPPED: 128 + signal.SIGTERM}


def main(root: Path, job_id: int) -> int:
    """Perform the job, if no other process has taken it; the exit code."""
    stop = threading.Event()
    _stop_on_signals(stop)
    workspace = open_workspace(root)
    os.chdir(workspace.root)
    with workspace.store.write() as tx:
        if not jobs.take(tx, job_id, current_process()):
            return 0
        job = jobs.get(tx, job_id)
    leftovers.mark(workspace, job_id)
    _tell_of_a_crash(workspace, job)
    with _heartbeats(workspace, job_id):
        try:
            outcome = perform(workspace, job, stop.is_set)
        finally:
            leftovers.end(workspace, job_id)
        sys.excepthook = sys.__excepthook__  # it has not crashed: an end that can't be written makes no failure of it
        code = _EXIT_CODES.get(outcome.state, 1)
        settle_patiently(workspace, job, outcome, code)
    return code


def _tell_of_a_crash(workspace: Workspace, job: Job) -> None:
    """An exception that nobody expects fails the job, whoever its worker is: only a parent learns of an exit code."""

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        told = safe_line(f"{kind.__name__}: {error}", _SHOWN)
        log = workspace.logs_dir / str(job.id) / "job.log"
        reason = f"{job.action} {job.subject} failed unexpectedly: {told}. The traceback is in {log}."
        settle_patiently(workspace, job, Outcome(JobState.FAILED, reason), 1)

    sys.excepthook = tell


def _stop_on_signals(stop: threading.Event) -> None:
    """It is only noted: who waits for a stage looks for it, ends the stage, and gives it its time to tidy up."""

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)


@contextlib.contextmanager
def _heartbeats(workspace: Workspace, job_id: int) -> Iterator[None]:
    """Show every few seconds that the job and its run are alive."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT):
            with contextlib.suppress(StoreError), workspace.store.write() as tx:  # the next one will do
                jobs.heartbeat(tx, job_id)
                run = runs.of_job(tx, job_id)
                if run is not None:
                    runs.heartbeat(tx, run.id)
        workspace.store.close()

    thread = threading.Thread(target=beat, name="heartbeats", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def wait_for_job() -> int | None:
    """Import what most jobs need, then wait for a line with a job and the file of its output; None: none comes."""
    for name in ("mlops_console.actions.train", "mlops_console.tracking.system", "psutil"):
        importlib.import_module(name)
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):  # the worker has ended, perhaps while it wrote
        return None
    job_id, log = json.loads(line)
    path = Path(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as output, Path(os.devnull).open("rb") as nothing:
        for file, number in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(file.fileno(), number)
    return int(job_id)


if __name__ == "__main__":
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else wait_for_job()
    sys.exit(main(Path(sys.argv[1]), wanted) if wanted is not None else 0)
