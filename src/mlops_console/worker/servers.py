"""Keeping one model server alive for each environment that has something to serve."""

import logging
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from mlops_console.core.alerts import Severity
from mlops_console.core.deployments import Environment, RevisionState, ServerHealth
from mlops_console.pipelines.ending import describe_exit, last_line
from mlops_console.store import alerts, deployments
from mlops_console.store.workspace import Workspace
from mlops_console.worker.processes import Process, start

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0  # seconds before a server that crashed is started again
_HOPELESS = 3  # crashes in a row after which the revision that is being loaded is given up
_SETTLED = 30.0  # seconds after which a start counts as a good one
_DRAIN = 20.0  # seconds for a server to answer the requests under way when it is stopped


@dataclass(slots=True)
class _Server:
    process: Process | None = None
    started: float = 0.0  # on the monotonic clock, as the others
    not_before: float = 0.0
    crashes: int = 0  # in a row
    stop_sent: float | None = None
    alerted: bool = True  # an alert may be open from before


class Servers:
    """The server processes of this worker, by environment."""

    def __init__(self, workspace: Workspace, module: str = "mlops_console.serving") -> None:
        self.workspace = workspace
        self.module = module
        self._servers: dict[str, _Server] = {}

    @property
    def is_idle(self) -> bool:
        return not self._servers

    def adopt(self) -> None:
        """Take over the living servers of a worker that is gone."""
        with self.workspace.store.read() as db:
            environments = deployments.environments(db)
        for environment in environments:
            process = Process(environment.process) if environment.process is not None else None
            if process is not None and process.is_alive():
                self._servers[environment.name] = _Server(process, started=time.monotonic())

    def look(self) -> None:
        """Bring the processes in line with what the store wants: start, start again, stop."""
        with self.workspace.store.read() as db:
            environments = deployments.environments(db)
        for environment in environments:
            if environment.desired is not None:
                self._serve(environment)
            elif environment.name in self._servers:
                self._stop(environment.name)

    def stop(self) -> None:
        """End all servers and wait for it."""
        while self._servers:
            for name in list(self._servers):
                self._stop(name)
            time.sleep(0.01)

    def kill_all(self) -> None:
        for server in self._servers.values():
            if server.process is not None:
                server.process.signal_group(signal.SIGKILL)

    def _serve(self, environment: Environment) -> None:
        server = self._servers.setdefault(environment.name, _Server())
        server.stop_sent = None
        now = time.monotonic()
        if server.process is not None and not server.process.is_alive():
            self._ended(environment.name, server, server.process)
        if server.process is None and now >= server.not_before:
            self._start(environment, server)
        if server.alerted and environment.health is ServerHealth.READY and server.process is not None:
            server.alerted = False
            with self.workspace.store.write() as tx:
                alerts.resolve(tx, "server", environment.name)

    def _start(self, environment: Environment, server: _Server) -> None:
        arguments = [str(self.workspace.root), environment.name]
        server.process = start(self.module, arguments, self._log(environment.name))
        server.started = time.monotonic()
        log.info("server of %s: process %d", environment.name, server.process.identity.pid)
        with self.workspace.store.write() as tx:
            deployments.report_server(tx, environment.name, ServerHealth.STARTING, server.process.identity)

    def _ended(self, name: str, server: _Server, process: Process) -> None:
        """Plan the next start: at once after an end in good order, after a crash later each time. Tell of a crash."""
        now = time.monotonic()
        server.process = None
        if process.exit_code == 0:
            return
        server.crashes = 1 if now - server.started > _SETTLED else server.crashes + 1
        server.not_before = now + min(_FIRST_PAUSE * 2 ** (server.crashes - 1), _LONGEST_PAUSE)
        server.alerted = True
        how = "ended" if process.exit_code is None else f"ended with {describe_exit(process.exit_code)}"
        with self.workspace.store.write() as tx:
            known = deployments.environment(tx, name)
            reason = (known.error if known else None) or last_line(self._log(name))
            error = f"The server of {name} {how}" + (f": {reason}" if reason else ".")
            deployments.report_server(tx, name, ServerHealth.FAILED, None, error)
            loading = known.desired if known else None
            if loading and loading.state is RevisionState.LOADING and server.crashes >= _HOPELESS:
                deployments.mark_failed(tx, name, loading.revision, error)
            alerts.open_alert(tx, "server", name, Severity.CRITICAL, error)
        log.warning("%s", error)

    def _stop(self, name: str) -> None:
        """Send SIGTERM, later SIGKILL; once it has ended, tell so and forget it."""
        server = self._servers[name]
        now = time.monotonic()
        if server.process is not None and server.process.is_alive():
            if server.stop_sent is None:
                server.stop_sent = now
                server.process.signal_group(signal.SIGTERM)
            elif now - server.stop_sent > _DRAIN:
                server.process.signal_group(signal.SIGKILL)
            return
        del self._servers[name]
        with self.workspace.store.write() as tx:
            known = deployments.environment(tx, name)
            deployments.report_server(tx, name, ServerHealth.STOPPED, None, known.error if known else None)

    def _log(self, name: str) -> Path:
        return self.workspace.logs_dir / f"server-{name}.log"
