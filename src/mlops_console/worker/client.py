"""What a console, a command or a test asks of the worker."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mlops_console import actions
from mlops_console.core import retraining
from mlops_console.core.errors import JobError, RefusedError, StoreError, UsageError
from mlops_console.core.jobs import Job, JobState, Turn, Worker
from mlops_console.core.plans import Plan
from mlops_console.store import alerts, deployments, jobs, outbox
from mlops_console.store.identity import actor, process_state, user_name
from mlops_console.store.workspace import Workspace
from mlops_console.worker.lock import holder, is_coming, is_gone, serves, starting
from mlops_console.worker.processes import command
from mlops_console.worker.wake import wake

_POLL = 0.01  # seconds
_LOOK = 1.0  # seconds between two looks at the worker that is waited for
_START = 15.0  # seconds within which a worker must have started
# They are the caller's own.
_NOT_FOR_WORKERS = (
    "MLOPS_RUN_ID",
    "MLOPS_STAGE",
    "MLOPS_PARAMS",
    "MLOPS_JOB",
    "MLOPS_READ_ONLY",
    *retraining.VARIABLES,
)


@dataclass(frozen=True, slots=True)
class Execution:
    """What became of an action: a job for the worker, or the result of what was done at once.

    `again`: the job was there already, and is to do the same.
    """

    plan: Plan
    job_id: int | None = None
    result: Mapping[str, Any] | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """`stopped`: there is none; `dead`: it was killed, and the next one takes over what it left."""

    state: Literal["running", "stopping", "stopped", "dead"]
    worker: Worker | None
    running: int
    queued: int


def execute(workspace: Workspace, name: str, request: Mapping[str, Any], turn: Turn = jobs.NOW) -> Execution:
    """Queue an action as a job and see that a worker is there for it; or perform one that is done by the caller.

    What a queued job is to do already, in the same turn, is not queued once more: that job is the answer.

    Raises:
        UsageError: the request makes no sense, or the key is that of something else.
        RefusedError: the console is read-only, or the plan is refused.
        MlopsError: what an action that is performed at once raises.
    """
    if turn.key is not None and turn.key.startswith((jobs.TRIGGERS, jobs.FOLLOWS)):
        whose = "a trigger's" if turn.key.startswith(jobs.TRIGGERS) else "that of a job which follows another one"
        raise UsageError(f"The key {turn.key!r} is {whose}: no other begins so.", "Take another one.")
    action = actions.get(name)
    if action.runs_in == "caller":
        plan, result = actions.perform(workspace, name, request)
        if action.queues and result["job"] is not None:
            ensure_worker(workspace)
            return Execution(plan, result["job"], result)
        if stranger_to(workspace) is None:
            _take_over(workspace)
            if _has_to_tell(workspace):
                ensure_worker(workspace)
        wake(workspace)
        return Execution(plan, result=result)
    plan = actions.check(workspace, name, request)
    with workspace.store.write() as tx:
        settled = {**request, **plan.settles}
        job_id, again = actions.queue(tx, workspace, name, settled, plan.subject, actor(), turn)
    ensure_worker(workspace)
    return Execution(plan, job_id, again=again)


def wait(workspace: Workspace, job_id: int, timeout: float | None = None) -> Job:
    """The job when it has ended, or as it stands after `timeout` seconds.

    It is given back while it is queued where the worker was stopped, or could not start: nobody would begin it.

    Raises:
        NotFoundError: there is no such job.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    seen, looked = -1, time.monotonic()
    while True:
        news = workspace.store.data_version()
        if news != seen:
            seen = news
            job = _job(workspace, job_id)
            if job.state.is_final:
                return job
        now = time.monotonic()
        if deadline is not None and now > deadline:
            return job
        if now - looked > _LOOK:
            looked = now
            take_over(workspace)
            if not _has_worker(workspace) and (job := _job(workspace, job_id)).state is JobState.QUEUED:
                return job
        time.sleep(_POLL)


def ensure_worker(workspace: Workspace) -> None:
    """Start a worker where none is there to take new jobs. Any number of callers at once get one worker.

    It returns without waiting for the start: what is queued is found.
    """
    with workspace.store.read() as db:
        found = jobs.worker(db)
    if (found is None or not serves(found)) and stranger_to(workspace) is None:
        _start_detached(workspace)
    wake(workspace)


def missed(workspace: Workspace) -> str | None:
    """Who alone could start the worker that is not there; None where it is, or where this user could."""
    return None if _has_worker(workspace) else stranger_to(workspace)


def stranger_to(workspace: Workspace) -> str | None:
    """Whose workspace it is, if another user's than this process's. The worker has its owner's rights, whoever asks it
    for something; so nobody else starts it, but root, whom all files obey."""
    owner = workspace.home.stat().st_uid
    return None if os.geteuid() in (0, owner) else user_name(owner)


def stop_worker(workspace: Workspace, timeout: float = 60.0) -> bool:
    """Stop the worker with its jobs and servers, and wait for it; False if there was nothing to stop.

    One that only begins is waited for. What a worker that was killed has left behind is taken over by a new one, to be
    stopped in good order.

    Where the store can't be read, nor can what was left behind: the process that holds the lock gets SIGTERM.

    Raises:
        JobError: it did not end in time.
        RefusedError: it is another user's workspace, whose worker was killed.
        StoreError: the store can't be read, and who holds the lock is not known or is another user's.
    """
    try:
        return _stop_by_store(workspace, timeout)
    except StoreError as error:
        pid = holder(workspace)
        if pid is None:
            raise
        _end_process(workspace, pid, timeout, error)
        return True


def _stop_by_store(workspace: Workspace, timeout: float) -> bool:
    _take_over(workspace)
    deadline = time.monotonic() + timeout
    seen: Worker | None = None
    while time.monotonic() < deadline:
        found = worker_status(workspace)
        if found.state == "running":
            with workspace.store.write() as tx:
                jobs.request_worker_stop(tx)
            wake(workspace)
        seen = found.worker if found.state in ("running", "stopping") else seen
        if (seen is None or is_gone(seen)) and not is_coming(workspace):
            return seen is not None
        time.sleep(_POLL)
    raise _too_slow(workspace, timeout)


def _end_process(workspace: Workspace, pid: int, timeout: float, trouble: StoreError) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except PermissionError:
        raise StoreError(
            f"{trouble.message} The worker is process {pid}, which is another user's.", f"Its owner ends it: kill {pid}"
        ) from trouble
    except ProcessLookupError:  # it has ended meanwhile
        return
    deadline = time.monotonic() + timeout
    while holder(workspace) == pid:
        if time.monotonic() > deadline:
            raise _too_slow(workspace, timeout)
        time.sleep(_POLL)


def _too_slow(workspace: Workspace, timeout: float) -> JobError:
    return JobError(
        f"The worker of {workspace.root} did not stop within {timeout:.0f} s.",
        f"Its log is {workspace.home / 'worker.log'}.",
    )


def worker_status(workspace: Workspace) -> WorkerStatus:
    """Whether there is a worker, and how much it has to do."""
    with workspace.store.read() as db:
        worker = jobs.worker(db)
        unfinished = jobs.open_jobs(db)
    running = sum(job.state is JobState.RUNNING for job in unfinished)
    return WorkerStatus(_state(worker), worker, running, len(unfinished) - running)


def _state(worker: Worker | None) -> Literal["running", "stopping", "stopped", "dead"]:
    if worker is None:
        return "stopped"
    if is_gone(worker):
        return "dead"
    return "running" if worker.stop_requested_at is None else "stopping"


def _has_worker(workspace: Workspace) -> bool:
    """Whether there is one, or one is on its way."""
    return worker_status(workspace).state in ("running", "stopping") or is_coming(workspace)


def _job(workspace: Workspace, job_id: int) -> Job:
    with workspace.store.read() as db:
        return jobs.get(db, job_id)


def _take_over(workspace: Workspace) -> None:
    """Start a worker if the one before left running things behind, and wait until it is there."""
    if _leftovers(workspace):
        start_worker(workspace)


def take_over(workspace: Workspace) -> None:
    """Start a worker where the one before was killed or the machine went down; none where it ended in good order."""
    if worker_status(workspace).state == "dead":
        ensure_worker(workspace)


def start_worker(workspace: Workspace) -> None:
    """See that there is a worker, and wait until it has started.

    Raises:
        RefusedError: it is another user's workspace.
        StoreError: it did not start; its log tells why.
    """
    if worker_status(workspace).state in ("running", "stopping"):
        return
    if owner := stranger_to(workspace):
        raise RefusedError(
            f"The worker of {workspace.root} is not running, and only {owner}, whose workspace it is, can start it.",
            f"Ask {owner} for 'mlops-console worker start'. What you ask for meanwhile waits.",
        )
    _start_detached(workspace)
    deadline = time.monotonic() + _START
    while worker_status(workspace).state in ("stopped", "dead"):
        if time.monotonic() > deadline:
            raise StoreError(
                f"No worker could be started for {workspace.root}.", f"See {workspace.home / 'worker.log'}."
            )
        time.sleep(_POLL)


def _leftovers(workspace: Workspace) -> bool:
    """Whether jobs or servers run that no worker looks after."""
    with workspace.store.read() as db:
        worker = jobs.worker(db)
        if worker is not None and not is_gone(worker):
            return False
        if any(job.state is JobState.RUNNING for job in jobs.open_jobs(db)):
            return True
        servers = [server for found in deployments.environments(db) for server in found.processes]
    return any(process_state(server.process) == "alive" for server in servers)


def _has_to_tell(workspace: Workspace) -> bool:
    """Whether people are to be told of alerts, which only a worker does."""
    with workspace.store.read() as db:
        return outbox.waiting(db) > 0 or alerts.is_due(db, time.time(), None)


def _start_detached(workspace: Workspace) -> None:
    """Start a worker that is nobody's child: the shell ends at once, and so the worker outlives whoever called this."""
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_WORKERS}
    if "PYTHONPATH" in environment:  # the worker lives in another folder
        entries = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(entry).resolve()) for entry in entries if entry)
    with (workspace.home / "worker.log").open("ab") as log, starting(workspace) as lock:
        subprocess.run(
            ["sh", "-c", '"$@" &', "sh", *command("mlops_console.worker", [str(workspace.root)])],
            check=True,
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
        )
