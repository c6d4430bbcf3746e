"""The life of a worker: it holds the lock, looks for news many times a second, and ends when nothing is left to do."""

import logging
import math
import os
import signal
import threading
import time
from pathlib import Path
from types import FrameType

from mlops_console._version import __version__
from mlops_console.core.deployments import Environment
from mlops_console.core.errors import MlopsError
from mlops_console.delivery import intervene
from mlops_console.store import deployments, jobs, outbox
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking.recover import recover
from mlops_console.worker import lock, wake
from mlops_console.worker.alerting import Alerting
from mlops_console.worker.monitor import Monitor
from mlops_console.worker.outbox import Outbox
from mlops_console.worker.queue import Queue
from mlops_console.worker.servers import Servers
from mlops_console.worker.settings import Settings
from mlops_console.worker.targets import Targets
from mlops_console.worker.triggers import Triggers

log = logging.getLogger(__name__)

_POLL = 0.1  # seconds between two looks for news, where nobody says that there are some
_CHECK = 0.25  # seconds between two looks at what no news tells of: adopted processes, pauses, settings
_HEARTBEAT = 5.0
_RECOVER = 3.0
_TROUBLE = 1.0  # seconds to wait after something failed
_PATIENCE = 10.0  # seconds of nothing but trouble after which a worker that should stop gives up on good order


def run(root: Path, *, stay: bool = False) -> bool:
    """Be the worker of a workspace until it is told to stop, or is idle and need not stay; False if there is one."""
    workspace = open_workspace(root)
    held = lock.acquire(workspace)
    if held is None:
        return False
    stop = threading.Event()
    pipe, nudge = wake.listen(workspace)
    _handle_signals(stop, nudge)
    os.chdir("/")
    with workspace.store.write() as tx:
        jobs.register_worker(tx, current_process(), __version__)
    log.info("worker %s of %s: process %d", __version__, workspace.root, os.getpid())
    recovery = threading.Thread(target=_recover, args=(workspace, stop), name="recover", daemon=True)
    recovery.start()
    life = _Life(workspace, held, pipe, stop, stay)
    life.live()
    life.triggers.stop()
    life.queue.close()
    log.info("worker: process %d ends", os.getpid())
    return True


class _Life:
    def __init__(self, workspace: Workspace, held: int, pipe: int, stop: threading.Event, stay: bool) -> None:
        self.workspace = workspace
        self.held = held
        self.pipe = pipe
        self.stop = stop
        self.stay = stay
        self.settings = Settings(workspace)
        self.queue = Queue(workspace)
        self.servers = Servers(workspace)
        self.targets = Targets(workspace)
        self.monitor = Monitor(workspace)
        self.triggers = Triggers(workspace)
        self.alerting = Alerting(workspace)
        self.outbox = Outbox(workspace)
        self.busy_at = time.monotonic()

    def live(self) -> None:
        self.outbox.look(self.settings.config)  # what opens from now on knows where it goes
        self.queue.adopt()
        self.servers.adopt()
        seen, checked, beaten = -1, 0.0, time.monotonic()
        fine = beaten
        while True:
            now = time.monotonic()
            try:
                ended = self.queue.watch()
                news = self.workspace.store.data_version()
                if ended or news != seen or now - checked > _CHECK:
                    seen, checked = news, now
                    if self._tick():
                        return
                if now - beaten > _HEARTBEAT:
                    beaten = now
                    with self.workspace.store.write() as tx:
                        jobs.worker_heartbeat(tx)
                fine = now
            except (MlopsError, OSError) as error:  # a full disk, a damaged store, no process to be had
                log.error("%s", error)
                if self._is_gone() or (self.stop.is_set() and now - fine > _PATIENCE):
                    self._kill_all()
                    return
                time.sleep(_TROUBLE)
            wake.sleep(self.pipe, _POLL)

    def _tick(self) -> bool:
        """One look at everything; whether this was the last one."""
        self.settings.refresh()
        if self._is_gone():
            self._kill_all()
            return True
        self.queue.stop_asked(self.settings.grace)
        self.queue.give_up_silent()
        if self._told_to_stop():
            return self._end()
        self.monitor.look(self.settings.config)
        self._end_deployments()
        self.triggers.look(self.settings.config)
        self.queue.start_queued(self.settings.slots)
        self.servers.look()
        self.targets.look()
        self.alerting.look(self.settings.config)
        self.outbox.look(self.settings.config)
        return self._is_over()

    def _end_deployments(self) -> None:
        """Those that nobody has approved in time, and those whose job was stopped while it was queued."""
        with self.workspace.store.read() as db:
            late = any((found.expires_at or math.inf) < time.time() for found in deployments.waiting(db))
            abandoned = deployments.abandoned(db)
        if late or abandoned:
            with self.workspace.store.write() as tx:
                intervene.expire(tx, time.time())
                intervene.end_abandoned(tx)

    def _is_gone(self) -> bool:
        """Whether somebody has removed the workspace's store from under this worker."""
        return not lock.still_holds(self.workspace, self.held)

    def _kill_all(self) -> None:
        log.warning("%s is gone or can't be used: everything is stopped", self.workspace.home)
        self.queue.kill_all()
        self.servers.kill_all()

    def _told_to_stop(self) -> bool:
        if not self.stop.is_set():
            with self.workspace.store.read() as db:
                me = jobs.worker(db)
            if me is not None and me.stop_requested_at is not None:
                self.stop.set()
        return self.stop.is_set()

    def _end(self) -> bool:
        """Stop the jobs, then the servers; True when all of it has ended."""
        if not self.queue.is_idle:
            self.queue.stop_all()
            return False
        self.targets.stop()
        self.servers.stop()
        self.outbox.stop()
        with self.workspace.store.write() as tx:
            jobs.forget_worker(tx)
        return True

    def _is_over(self) -> bool:
        """Whether it was idle for long enough. A job that is queued in this very moment is seen, or finds no worker."""
        now = time.monotonic()
        idle = self.queue.is_idle and self.servers.is_idle and self.targets.is_idle
        needed = self.triggers.need_worker or self.alerting.need_worker or self.outbox.need_worker
        if self.stay or needed or not idle:
            self.busy_at = now
        if now - self.busy_at < self.settings.idle:
            return False
        with self.workspace.store.write() as tx:
            needed = any(_needs_worker(found) for found in deployments.environments(tx))
            if needed or jobs.open_jobs(tx) or outbox.waiting(tx):
                return False
            jobs.forget_worker(tx)
        log.info("idle for %.0f s", now - self.busy_at)
        return True


def _needs_worker(environment: Environment) -> bool:
    """Whether something serves or is to serve there that a worker keeps up, or asks after."""
    target = environment.target
    served = environment.live is not None and (target is None or target.status is not None)
    return served or environment.candidate is not None


def _recover(workspace: Workspace, stop: threading.Event) -> None:
    """Look after the runs whose process died, beside the loop: it may take its time."""
    while not stop.wait(_RECOVER):
        try:
            recover(workspace)
        except MlopsError as error:
            log.error("%s", error)


def _handle_signals(stop: threading.Event, nudge: int) -> None:
    """SIGTERM and SIGINT end the worker; they and the end of a child wake it up."""

    def note(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, note)
    signal.set_wakeup_fd(nudge, warn_on_full_buffer=False)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)  # the shell that detached it had it ignored
