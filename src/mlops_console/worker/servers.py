"""Keeping one model server alive for each environment that has something to serve."""

import logging
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from mlops_console.core.alerts import Severity
from mlops_console.core.deployments import Environment, ServerHealth
from mlops_console.pipelines.runner import describe_exit, last_line
from mlops_console.store import alerts, deployments
from mlops_console.store.workspace import Workspace
from mlops_console.worker.processes import Process, start

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0  # seconds before a server that crashed is started again
_SETTLED = 30.0  # seconds after which a start counts as a good one


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

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._servers: dict[str, _Server] = {}

    @property
    def is_idle(self) -> bool:
        return not self._servers

    def look(self, grace: float) -> None:
        """Bring the processes in line with what the store wants: start, start again, stop."""
        with self.workspace.store.read() as db:
            environments = deployments.environments(db)
        for environment in environments:
            if environment.desired is not None:
                self._serve(environment)
            elif environment.name in self._servers:
                self._stop(environment.name, grace)

    def stop(self, grace: float) -> None:
        """End all servers and wait for it, at most `grace` seconds before they are killed."""
        while self._servers:
            for name in list(self._servers):
                self._stop(name, grace)
            time.sleep(0.01)

    def kill_all(self) -> None:
        for server in self._servers.values():
            if server.process is not None:
                server.process.signal_group(signal.SIGKILL)

    def _serve(self, environment: Environment) -> None:
        server = self._servers.get(environment.name)
        if server is None:
            server = self._servers[environment.name] = _adopt(environment)
        server.stop_sent = None
        now = time.monotonic()
        if server.process is not None and not server.process.is_alive():
            self._crashed(environment, server)
        if server.process is None and now >= server.not_before:
            self._start(environment, server)
        if server.alerted and environment.health is ServerHealth.READY and server.process is not None:
            server.alerted = False
            with self.workspace.store.write() as tx:
                alerts.resolve(tx, "server", environment.name)

    def _start(self, environment: Environment, server: _Server) -> None:
        arguments = [str(self.workspace.root), environment.name]
        server.process = start("mlops_console.serving", arguments, self._log(environment.name))
        server.started = time.monotonic()
        log.info("server of %s: process %d", environment.name, server.process.identity.pid)
        with self.workspace.store.write() as tx:
            deployments.report_server(tx, environment.name, ServerHealth.STARTING, server.process.identity)

    def _crashed(self, environment: Environment, server: _Server) -> None:
        """Tell of it, and plan the next start: later after each crash in a row."""
        assert server.process is not None
        now = time.monotonic()
        server.crashes = 1 if now - server.started > _SETTLED else server.crashes + 1
        server.not_before = now + min(_FIRST_PAUSE * 2 ** (server.crashes - 1), _LONGEST_PAUSE)
        code = server.process.exit_code
        server.process = None
        how = "ended" if code is None else f"ended with {describe_exit(code)}"
        reason = environment.error or last_line(self._log(environment.name))
        error = f"The server of {environment.name} {how}" + (f": {reason}" if reason else ".")
        log.warning("%s", error)
        server.alerted = True
        with self.workspace.store.write() as tx:
            deployments.report_server(tx, environment.name, ServerHealth.FAILED, None, error)
            alerts.open_alert(tx, "server", environment.name, Severity.CRITICAL, error)

    def _stop(self, name: str, grace: float) -> None:
        """Send SIGTERM, later SIGKILL; once it has ended, tell so and forget it."""
        server = self._servers[name]
        now = time.monotonic()
        if server.process is not None and server.process.is_alive():
            if server.stop_sent is None:
                server.stop_sent = now
                server.process.signal_group(signal.SIGTERM)
            elif now - server.stop_sent > grace:
                server.process.signal_group(signal.SIGKILL)
            return
        del self._servers[name]
        with self.workspace.store.write() as tx:
            known = deployments.environment(tx, name)
            deployments.report_server(tx, name, ServerHealth.STOPPED, None, known.error if known else None)

    def _log(self, name: str) -> Path:
        return self.workspace.logs_dir / f"server-{name}.log"


def _adopt(environment: Environment) -> _Server:
    """The server that a worker before this one has started, if it still runs."""
    if environment.process is None:
        return _Server()
    left = Process(environment.process)
    return _Server(left if left.is_alive() else None, started=time.monotonic())
