"""Queues the drift checks that `[monitor] every` asks for."""

import time

from mlops_console.core.config import Config
from mlops_console.core.jobs import MONITOR
from mlops_console.drift.live import schedule
from mlops_console.store import jobs
from mlops_console.store.workspace import Workspace

PAUSE = 2.0  # seconds between two looks


class Monitor:
    """Looks now and then which environments are due."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._looked_at = 0.0  # on the monotonic clock

    def look(self, config: Config | None) -> None:
        """Queue a check for each environment that is due; nothing without a config that asks for it."""
        if config is None or config.monitor.every is None or time.monotonic() - self._looked_at < PAUSE:
            return
        self._looked_at = time.monotonic()
        for environment in schedule.due(self._workspace, config, time.time()):
            with self._workspace.store.write() as tx:
                jobs.enqueue(tx, "check_drift", environment, {"environment": environment}, MONITOR)
