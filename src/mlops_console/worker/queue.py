"""The jobs of a workspace: starting the queued ones, watching the running ones, stopping those that should stop."""

import logging
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mlops_console import actions
from mlops_console.actions.base import RunsIn
from mlops_console.core.jobs import Job, JobState
from mlops_console.pipelines.ending import describe_exit, last_line
from mlops_console.store import jobs
from mlops_console.store.workspace import Workspace
from mlops_console.worker import leftovers
from mlops_console.worker.lock import STALE
from mlops_console.worker.processes import Process, start
from mlops_console.worker.settle import Outcome, perform, settle, settle_patiently
from mlops_console.worker.wake import wake
from mlops_console.worker.warm import Warm

log = logging.getLogger(__name__)

Lane = tuple[str, str]  # jobs of one lane run one after another
# An exit code goes to the parent alone, which was the worker before. All but a kill the job writes down itself.
_UNKNOWN_END = "ended without a word: killed, by which signal isn't known, or gone down with the machine"
_MARGIN = 5.0  # seconds beyond what its stages may take to tidy up: for the job itself


@dataclass(slots=True)
class _Running:
    """A job and what performs it. `stop_sent` is when it got SIGTERM, on the monotonic clock."""

    job: Job
    process: Process
    stop_sent: float | None = None
    killed: bool = False


class Queue:
    """What this worker knows of its jobs beyond what the store says."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._places: dict[str, RunsIn] = actions.places()
        self._slotless = actions.slotless()
        self._processes: dict[int, _Running] = {}
        self._threads: dict[int, tuple[Job, threading.Thread]] = {}
        self._warm = Warm(workspace.root)

    @property
    def is_idle(self) -> bool:
        return not self._running

    @property
    def _running(self) -> set[int]:
        return {*self._processes, *self._threads}

    def adopt(self) -> None:
        """Take over the running jobs of a worker that is gone."""
        for job in self._open_jobs():
            if job.state is not JobState.RUNNING:
                continue
            log.info("job %d (%s %s) was left by the worker before", job.id, job.action, job.subject)
            if self._place(job) == "worker":
                self._start_thread(job)
            elif job.process is not None:
                self._processes[job.id] = _Running(job, Process(job.process))
            else:
                with self.workspace.store.write() as tx:
                    jobs.unclaim(tx, job.id)

    def watch(self) -> bool:
        """End the jobs whose process or thread has ended; whether there were any. Cheap: asked at every look.

        Where the store can't be written (a full disk) they stay known, and are ended at a later look.
        """
        ended = [running for running in self._processes.values() if not running.process.is_alive()]
        for running in ended:
            self._end_process(running)
        dead = [(job, thread) for job, thread in self._threads.values() if not thread.is_alive()]
        for job, _ in dead:
            error = f"{job.action} {job.subject} ended unexpectedly. The reason is in {self.workspace.home}/worker.log."
            settle(self.workspace, job, Outcome(JobState.FAILED, error))
            del self._threads[job.id]
        return bool(ended or dead)

    def stop_asked(self, grace: float) -> None:
        """Send SIGTERM to the jobs that should stop, and SIGKILL to those whose stages had `grace` seconds to tidy up.

        A job ends its stages itself: with a signal to the whole group they got two, and the second one stops a script
        in the middle of its tidying.
        """
        asked = {job.id for job in self._open_jobs() if job.stop_requested_at is not None}
        now = time.monotonic()
        for running in self._processes.values():
            if running.stop_sent is None and running.job.id in asked:
                running.stop_sent = now
                running.process.send(signal.SIGTERM)
        for running in self._processes.values():
            if running.stop_sent is not None and now - running.stop_sent > grace + _MARGIN and not running.killed:
                running.killed = True
                log.warning("job %d did not stop within %.0f s: killed", running.job.id, grace + _MARGIN)
                running.process.signal_group(signal.SIGKILL)

    def give_up_silent(self) -> None:
        """End the jobs of another machine, which nobody here can look at, that show no sign of life any more.

        They come with a folder that two machines share, with a copied store, or with a container of another name.
        """
        for running in [running for running in self._processes.values() if running.process.is_elsewhere]:
            job = self._get(running.job.id)
            beaten = job.heartbeat_at or 0.0
            if not job.state.is_final:
                if time.time() - beaten < STALE:
                    continue
                where = running.process.identity.host
                reason = f"The process of job {job.id} on {where} has shown no sign of life for {STALE:.0f} s."
                if not settle(self.workspace, job, Outcome(JobState.LOST, reason), heartbeat_before=beaten):
                    continue
            del self._processes[job.id]

    def stop_all(self) -> None:
        """Ask every running job to stop. Those that are queued stay queued."""
        unasked = [job for job in self._open_jobs() if job.id in self._running and job.stop_requested_at is None]
        if unasked:
            with self.workspace.store.write() as tx:
                for job in unasked:
                    jobs.request_stop(tx, job.id)

    def close(self) -> None:
        """No job will be started any more."""
        self._warm.end()

    def kill_all(self) -> None:
        for running in self._processes.values():
            running.process.signal_group(signal.SIGKILL)
            leftovers.end(self.workspace, running.job.id, grace=0.0)

    def start_queued(self, slots: int) -> None:
        """Start the jobs whose turn it is: one at a time of each lane, `slots` processes at once, and as many beside
        them of those that wait for no training."""
        under_way = [running.job for running in self._processes.values()] + [job for job, _ in self._threads.values()]
        busy = {lane for job in under_way for lane in self._lanes(job)}
        now = time.time()
        begun = len(self._processes)
        taken = Counter(running.job.action in self._slotless for running in self._processes.values())
        for job in self._open_jobs():
            if job.turn.not_before is not None and job.turn.not_before > now:
                continue
            lanes = self._lanes(job)
            in_process = self._place(job) == "process"
            waits = busy & self._waits_for(job)
            slotless = job.action in self._slotless
            if job.state is not JobState.QUEUED or waits or (in_process and taken[slotless] >= slots):
                continue
            busy |= lanes
            taken[slotless] += in_process
            self._start(job.id, in_process)
        if len(self._processes) == begun:  # not while one begins: it needs the processor more
            self._warm.attend()

    def _start(self, job_id: int, in_process: bool) -> None:
        with self.workspace.store.write() as tx:
            job = jobs.claim(tx, job_id)
        if job is None:
            return
        if not in_process:
            self._start_thread(job)
            return
        try:
            process = self._warm.take(job.id, self._log(job)) or start(
                "mlops_console.worker.job", [str(self.workspace.root), str(job.id)], self._log(job)
            )
        except OSError as error:
            settle(self.workspace, job, Outcome(JobState.FAILED, f"Job {job.id} could not be started: {error}."))
        else:
            self._processes[job.id] = _Running(job, process)

    def _start_thread(self, job: Job) -> None:
        def run() -> None:
            try:
                settle_patiently(self.workspace, job, perform(self.workspace, job))
            finally:
                self.workspace.store.close()
                wake(self.workspace)

        thread = threading.Thread(target=run, name=f"job-{job.id}", daemon=True)
        self._threads[job.id] = (job, thread)
        thread.start()

    def _end_process(self, running: _Running) -> None:
        """What is left of its group ends with a job. A job that has not told how it ended is given an end."""
        running.process.signal_group(signal.SIGKILL)
        job = self._get(running.job.id)
        if job.state.is_final:
            del self._processes[job.id]
            return
        if job.process is not None and job.process.pid != running.process.identity.pid:
            self._processes[job.id] = _Running(job, Process(job.process), running.stop_sent)  # another one was quicker
            return
        leftovers.end(self.workspace, job.id, grace=0.0)
        code = running.process.exit_code
        if running.stop_sent is not None or job.stop_requested_at is not None:
            outcome = Outcome(JobState.STOPPED, "It was stopped" + (" by force." if running.killed else "."))
        elif code is None or code < 0:
            how = f"was ended by {describe_exit(code)}" if code is not None else _UNKNOWN_END
            outcome = Outcome(JobState.LOST, f"The process of job {job.id} {how}.")
        else:
            reason = last_line(self._log(job))
            outcome = Outcome(
                JobState.FAILED,
                f"The process of job {job.id} ended with exit code {code}{f': {reason}' if reason else ''}. "
                f"The log is {self._log(job)}.",
            )
        settle(self.workspace, job, outcome, code)
        del self._processes[job.id]

    def _get(self, job_id: int) -> Job:
        with self.workspace.store.read() as db:
            return jobs.get(db, job_id)

    def _open_jobs(self) -> list[Job]:
        with self.workspace.store.read() as db:
            return jobs.open_jobs(db)

    def _place(self, job: Job) -> RunsIn:
        """Where a job runs; one of an unknown action fails in a thread, with the reason."""
        return self._places.get(job.action, "worker")

    def _lanes(self, job: Job) -> set[Lane]:
        """That of what it acts on: two deployments of one environment wait for each other, but no rollback waits for a
        deployment, whose canary it may be to end."""
        in_thread = self._place(job) == "worker"
        lane = "" if in_thread and job.action != "rollback" else job.action
        return {(lane, job.subject)}

    def _waits_for(self, job: Job) -> set[Lane]:
        """Its own lanes; and a deployment waits for a rollback, which it must not overtake."""
        lanes = self._lanes(job)
        return lanes | {("rollback", job.subject)} if ("", job.subject) in lanes else lanes

    def _log(self, job: Job) -> Path:
        return self.workspace.logs_dir / str(job.id) / "job.log"
