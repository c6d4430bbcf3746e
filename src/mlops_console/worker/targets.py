"""Asks the targets of environments now and then whether they serve, each in a thread of its own."""

import logging
import threading
import time

from mlops_console.core.errors import MlopsError
from mlops_console.delivery import targets
from mlops_console.store import deployments
from mlops_console.store.workspace import Workspace

log = logging.getLogger(__name__)

EVERY = 60.0  # seconds between two questions to a target
_PAUSE = 1.0  # seconds between two looks which are due
_END = 15.0  # seconds for the commands under way to end when the worker does


class Targets:
    """The targets of this workspace that have a `status` command and should serve something."""

    def __init__(self, workspace: Workspace, every: float = EVERY) -> None:
        self._workspace = workspace
        self._every = every
        self._looked_at = float("-inf")  # on the monotonic clock, as the other times
        self._asked_at: dict[str, float] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._ended = threading.Event()

    @property
    def is_idle(self) -> bool:
        """Whether there is none to ask."""
        return not self._asked_at

    def look(self) -> None:
        """Ask those that are due. One that has not answered yet is not asked again."""
        now = time.monotonic()
        if now - self._looked_at < min(_PAUSE, self._every):
            return
        self._looked_at = now
        with self._workspace.store.read() as db:
            environments = deployments.environments(db)
        watched = [found.name for found in environments if found.live and found.target and found.target.status]
        self._asked_at = {name: self._asked_at.get(name, float("-inf")) for name in watched}
        for name, asked_at in self._asked_at.items():
            thread = self._threads.get(name)
            if now - asked_at >= self._every and (thread is None or not thread.is_alive()):
                self._asked_at[name] = now
                self._threads[name] = threading.Thread(target=self._ask, args=(name,), name=f"ask-{name}", daemon=True)
                self._threads[name].start()

    def stop(self) -> None:
        """End the commands under way."""
        self._ended.set()
        for thread in self._threads.values():
            thread.join(_END)

    def _ask(self, name: str) -> None:
        try:
            targets.probe(self._workspace, name, self._ended.is_set)
        except (MlopsError, OSError) as error:
            log.error("the target of %s could not be asked: %s", name, error)
        finally:
            self._workspace.store.close()
