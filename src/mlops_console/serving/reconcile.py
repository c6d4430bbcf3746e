"""The thread that follows the store: it loads what the environment should serve, tests it, and swaps it in.

It is the only writer of the slot. What it has served before stays in memory, so that a rollback is a pointer swap.
"""

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from mlops_console.core.deployments import Environment, Revision, ServerHealth
from mlops_console.core.errors import MlopsError, StoreError
from mlops_console.core.models import ModelRef
from mlops_console.serving.loading import load_tested
from mlops_console.serving.model import Loaded, Served
from mlops_console.serving.slot import Slot
from mlops_console.store import deployments, models
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace

WARM = 3  # versions kept in memory, the one that serves among them
_POLL = 0.01  # seconds between two looks at the store
_HEARTBEAT = 5.0  # seconds
_RETRY = 2.0  # seconds until a live version that could not be loaded is tried again

logger = logging.getLogger(__name__)


class Reconciler(threading.Thread):
    """Keeps `slot` at the environment's desired revision until `stop` is called.

    Args:
        address: host and port that this process listens on.
        on_end: called when the environment has got another address, or when this thread ends for any other reason:
            a server that no longer follows the store must not stay.

    `failed` is whether it has ended by an error that nobody expected.
    """

    def __init__(self, workspace: Workspace, slot: Slot, address: tuple[str, int], on_end: Callable[[], None]) -> None:
        super().__init__(name="reconcile", daemon=True)
        self._workspace = workspace
        self._slot = slot
        self._address = address
        self._on_end = on_end
        self._warm: OrderedDict[tuple[str, int], Loaded] = OrderedDict()
        self._stopping = threading.Event()
        self.failed = False
        self._seen = -1
        self._failed: int | None = None  # the revision that could not be loaded last
        self._retry_at = math.inf
        self._heartbeat = time.monotonic() + _HEARTBEAT

    def stop(self) -> None:
        self._stopping.set()
        self.join(timeout=10)

    def run(self) -> None:
        self.failed = True
        try:
            while not self._stopping.wait(_POLL):
                self._step_or_wait()
            self.failed = False
        finally:
            self._on_end()
            self._workspace.store.close()

    def _step_or_wait(self) -> None:
        try:
            self._step()
        except StoreError as error:
            logger.warning("%s", error)
            self._seen = -1
            self._stopping.wait(_RETRY)

    def _step(self) -> None:
        now = time.monotonic()
        news = self._workspace.store.data_version()
        if news != self._seen or now >= self._retry_at:
            self._seen = news
            self._reconcile()
        if now > self._heartbeat:
            self._heartbeat = now + _HEARTBEAT
            with self._workspace.store.write() as tx:
                deployments.heartbeat(tx, self._slot.environment)

    def _reconcile(self) -> None:
        with self._workspace.store.read() as db:
            environment = deployments.environment(db, self._slot.environment)
        if environment is None:
            return
        if (environment.host, environment.port) != self._address:
            self._stopping.set()
            return
        wanted, current = environment.desired, self._slot.current
        if wanted is None or (current and _is_settled(environment, wanted, current)):
            return
        if wanted.revision == self._failed and time.monotonic() < self._retry_at:
            return
        try:
            loaded = self._load(wanted)
        except MlopsError as error:
            self._fail(wanted, error)
            return
        self._failed, self._retry_at = None, math.inf
        with self._workspace.store.write() as tx:
            if not deployments.mark_live(tx, environment.name, wanted.revision):
                return  # it was given up while it was loaded
            self._slot.current = Served(wanted.revision, loaded)
        logger.info("%s serves %s as revision %d", environment.name, wanted.model_ref, wanted.revision)

    def _load(self, wanted: Revision) -> Loaded:
        """The version from memory, or from the store, tested; the longest unused one makes room for it."""
        key = (wanted.model, wanted.version)
        loaded = self._warm.get(key)
        if loaded is None:
            with self._workspace.store.read() as db:
                version = models.get(db, ModelRef(wanted.model, wanted.version))
            loaded = load_tested(self._workspace, version)
        self._warm[key] = loaded
        self._warm.move_to_end(key)
        while len(self._warm) > WARM:
            self._warm.popitem(last=False)
        return loaded

    def _fail(self, wanted: Revision, error: MlopsError) -> None:
        """Say why the revision can't serve. What serves now serves on; a live version is tried again after a while."""
        environment = self._slot.environment
        logger.error("%s can't serve %s: %s", environment, wanted.model_ref, error)
        self._slot.problem = error.message.rstrip(".")
        self._failed, self._retry_at = wanted.revision, time.monotonic() + _RETRY
        with self._workspace.store.write() as tx:
            deployments.mark_failed(tx, environment, wanted.revision, error.message)
            if self._slot.current is None:
                deployments.report_server(tx, environment, ServerHealth.FAILED, current_process(), error.message)


def _is_settled(environment: Environment, wanted: Revision, current: Served) -> bool:
    return current.revision == wanted.revision and environment.observed == wanted.revision
