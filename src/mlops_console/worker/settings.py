"""mlops.toml as the worker sees it, read again when it changes; the last good one while it is wrong."""

import logging

from mlops_console.core.config import Config, WorkerConfig
from mlops_console.core.errors import ConfigError
from mlops_console.core.moments import seconds
from mlops_console.store.workspace import Workspace

log = logging.getLogger(__name__)


class Settings:
    """`config` is None before there is a good mlops.toml. `idle` and `grace` are in seconds."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._stamp: tuple[int, int] | None = None
        self.config: Config | None = None
        self.refresh()

    @property
    def _worker(self) -> WorkerConfig:
        return self.config.worker if self.config else WorkerConfig()

    @property
    def idle(self) -> float:
        return seconds(self._worker.idle)

    @property
    def grace(self) -> float:
        return seconds(self._worker.grace)

    @property
    def slots(self) -> int:
        return self._worker.slots

    def refresh(self) -> None:
        """Read mlops.toml if it has changed since the last time."""
        try:
            found = self._workspace.config_path.stat()
        except OSError:
            return
        stamp = (found.st_mtime_ns, found.st_size)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.config = self._workspace.config()
        except ConfigError as error:
            log.warning("the last good settings stay: %s", error)
