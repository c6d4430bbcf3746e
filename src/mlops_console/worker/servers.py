"""Keeping the model servers of each environment alive: as many processes as it has workers."""

import logging
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from mlops_console.core.alerts import Severity
from mlops_console.core.deployments import Environment, RevisionState, ServerHealth
from mlops_console.pipelines.ending import describe_exit, last_line
from mlops_console.store import alerts, deploying, deployments, server_processes
from mlops_console.store.workspace import Workspace
from mlops_console.worker.processes import Process, start

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0  # seconds before a server that crashed is started again
_HOPELESS = 3  # crashes in a row after which the revision that is being loaded is given up
_GIVEN_UP = 8  # crashes in a row after which it is not started again before something changes
_SETTLED = 30.0  # seconds after which a start counts as a good one
_OVERTIME = 5.0  # seconds beyond those for the requests under way, until a server that does not end is killed

_WAY_OUT = "'mlops-console rollback {}' goes back to the version that was live before."

Place = tuple[str, int]  # environment, and number of the process in it


@dataclass(slots=True)
class _Server:
    process: Process | None = None
    started: float = 0.0  # on the monotonic clock, as the others
    not_before: float = 0.0
    crashes: int = 0  # in a row
    given_up: int | None = None  # the environment's epoch when it was
    stop_sent: float | None = None
    drain: float = 0.0  # seconds for the requests under way


class Servers:
    """The server processes of this worker."""

    def __init__(self, workspace: Workspace, module: str = "mlops_console.serving") -> None:
        self.workspace = workspace
        self.module = module
        self._servers: dict[Place, _Server] = {}
        self._alerted: dict[str, bool] = {}  # an alert may be open from before
        self._said: dict[str, str] = {}  # the error that was written last, by environment

    @property
    def is_idle(self) -> bool:
        return not self._servers

    def adopt(self) -> None:
        """Take over the living servers of a worker that is gone."""
        with self.workspace.store.read() as db:
            environments = deployments.environments(db)
        for environment in environments:
            for server in environment.processes:
                self._servers[environment.name, server.slot] = _Server(
                    Process(server.process), started=time.monotonic(), drain=environment.settings.drain
                )

    def look(self) -> None:
        """Bring the processes in line with what the store wants: start, start again, stop."""
        with self.workspace.store.read() as db:
            environments = {found.name: found for found in deployments.environments(db)}
        wanted = {
            (name, number): environment
            for name, environment in environments.items()
            if environment.target is None and (environment.live is not None or environment.candidate is not None)
            for number in range(environment.settings.workers)
        }
        for place, environment in wanted.items():
            self._serve(place, environment)
        for place in self._servers.keys() - wanted.keys():
            self._stop(place)
        for name, environment in environments.items():
            if self._alerted.get(name, True) and environment.health is ServerHealth.READY and not environment.error:
                self._alerted[name] = False
                with self.workspace.store.write() as tx:
                    alerts.resolve(tx, "server", name)

    def stop(self) -> None:
        """End all servers and wait for it."""
        while self._servers:
            for place in list(self._servers):
                self._stop(place)
            time.sleep(0.01)

    def kill_all(self) -> None:
        for server in self._servers.values():
            if server.process is not None:
                server.process.signal_group(signal.SIGKILL)

    def _serve(self, place: Place, environment: Environment) -> None:
        server = self._servers.setdefault(place, _Server())
        server.stop_sent, server.drain = None, environment.settings.drain
        now = time.monotonic()
        if server.process is not None and not server.process.is_alive():
            self._ended(place, server, server.process)
        if server.given_up is not None and server.given_up != environment.epoch:
            server.given_up, server.crashes, server.not_before = None, 0, now
        if server.process is None and server.given_up is None and now >= server.not_before:
            self._start(place, server)

    def _start(self, place: Place, server: _Server) -> None:
        name, number = place
        server.process = start(self.module, [str(self.workspace.root), name, str(number)], self._log(name))
        server.started = time.monotonic()
        log.info("server %d of %s: process %d", number, name, server.process.identity.pid)
        with self.workspace.store.write() as tx:
            server_processes.started(tx, name, number, server.process.identity)

    def _ended(self, place: Place, server: _Server, process: Process) -> None:
        """Plan the next start: at once after an end in good order, after a crash later each time. Tell of a crash."""
        name, number = place
        now = time.monotonic()
        server.process = None
        with self.workspace.store.write() as tx:
            server_processes.ended(tx, name, number, process.identity.pid)
        if process.exit_code == 0:
            return
        server.crashes = 1 if now - server.started > _SETTLED else server.crashes + 1
        server.not_before = now + min(_FIRST_PAUSE * 2 ** (server.crashes - 1), _LONGEST_PAUSE)
        self._alerted[name] = True
        how = "ended" if process.exit_code is None else f"ended with {describe_exit(process.exit_code)}"
        with self.workspace.store.write() as tx:
            known = deployments.environment(tx, name)
            if known is None:
                return
            reason = known.error if known.error != self._said.get(name) else None  # as the process itself knows it
            reason = reason or last_line(self._log(name))
            error = f"The server of {name} {how}" + (f": {reason}" if reason else ".")
            candidate = known.candidate
            hopeless = server.crashes >= _HOPELESS
            if hopeless and candidate is not None:
                deploying.advance(tx, name, candidate.revision, RevisionState.FAILED, "worker", error)
            elif server.crashes >= _GIVEN_UP:
                server.given_up = deployments.epoch(tx, name)
                error = (
                    f"{error.rstrip('.')}. It has crashed {server.crashes} times in a row and is not started again. "
                    f"{_WAY_OUT.format(name)}"
                )
            if not known.ready:
                self._said[name] = error
                deploying.set_error(tx, name, error)
            alerts.open_alert(tx, "server", name, Severity.CRITICAL, error)
        log.warning("%s", error)

    def _stop(self, place: Place) -> None:
        """Send SIGTERM, later SIGKILL; once it has ended, tell so and forget it."""
        server = self._servers[place]
        now = time.monotonic()
        if server.process is not None and server.process.is_alive():
            if server.stop_sent is None:
                server.stop_sent = now
                server.process.signal_group(signal.SIGTERM)
            elif now - server.stop_sent > server.drain + _OVERTIME:
                server.process.signal_group(signal.SIGKILL)
            return
        del self._servers[place]
        if server.process is not None:
            with self.workspace.store.write() as tx:
                server_processes.ended(tx, *place, server.process.identity.pid)

    def _log(self, name: str) -> Path:
        return self.workspace.logs_dir / f"server-{name}.log"
