"""The worker's settings from mlops.toml, read again when it changes; the last good ones while it is wrong."""

import logging

from mlops_console.core.config import WorkerConfig, seconds
from mlops_console.core.errors import ConfigError
from mlops_console.store.workspace import Workspace

log = logging.getLogger(__name__)


class Settings:
    """`idle` and `grace` in seconds, and `slots`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._stamp: tuple[int, int] | None = None
        self._good = WorkerConfig()
        self.refresh()

    @property
    def idle(self) -> float:
        return seconds(self._good.idle)

    @property
    def grace(self) -> float:
        return seconds(self._good.grace)

    @property
    def slots(self) -> int:
        return self._good.slots

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
            self._good = self._workspace.config().worker
        except ConfigError as error:
            log.warning("the last good settings stay: %s", error)
