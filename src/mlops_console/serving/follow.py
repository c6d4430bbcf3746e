"""Following the store: a server process loads what its environment wants, tests it, and puts it into the routing.

It looks every few milliseconds whether the environment has changed, in the event loop itself, so that a rollback waits
for no thread. What takes long is done in threads: loading, and writing. Only once no answer of what was before is under
way does it write that it has followed.
"""

import asyncio
import gc
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from mlops_console.core.deployments import (
    Environment,
    Revision,
    RevisionState,
    ServerHealth,
    ServerProcess,
    ServerSettings,
)
from mlops_console.core.errors import MlopsError, StoreError
from mlops_console.core.models import ModelRef
from mlops_console.core.runs import ProcessIdentity
from mlops_console.serving.engine import Engine
from mlops_console.serving.listening import PortTakenError, probe
from mlops_console.serving.loading import load, test
from mlops_console.serving.routing import Routing, Served, Slot
from mlops_console.serving.stats import Stats
from mlops_console.serving.tokens import Gatekeeper
from mlops_console.store import compiled, deploying, deployments, models, server_processes, tokens
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace

WARM = 3  # versions kept in memory, those that answer among them
_POLL = 0.005  # seconds between two looks at the store
_DRAIN = 0.002  # seconds between two looks at what is under way
_HEARTBEAT = 5.0  # seconds
_HEARTBEAT_CANARY = 1.0
_RETRY = 2.0  # seconds until a live version that could not be loaded is tried again
_ACTOR = "server"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Stay:
    """Why this process stays at its own address, though the store wants it at `address`; until `until` (monotonic) that
    is not tried again."""

    address: tuple[str, int, bool]
    why: str
    until: float


class Follower:
    """Keeps `slot` at what the store wants of this process, until it is told to stop or its address is another.

    Where it can't have the other address it stays at its own, and follows everything else.

    Args:
        number: of the process, among those of its environment.
        pool: what slow predictions run in.
        settle: takes over the settings of the server, changed or not.
    """

    def __init__(
        self,
        workspace: Workspace,
        number: int,
        slot: Slot,
        stats: Stats,
        gatekeeper: Gatekeeper,
        pool: Executor,
        environment: Environment,
        settle: Callable[[ServerSettings], None],
    ) -> None:
        self._workspace = workspace
        self._slot = slot
        self._stats = stats
        self._gatekeeper = gatekeeper
        self._pool = pool
        self._own = environment
        self._settle = settle
        self._settings = environment.settings
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._told = ServerProcess(number, current_process(), ServerHealth.STARTING, 0.0)
        self._warm: OrderedDict[str, Engine] = OrderedDict()
        self._served: dict[int, Served] = {}
        self._leaving: list[Served] = []  # what answered before, and may have answers under way
        self._loading: asyncio.Task[None] | None = None
        self._acting: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._compiled_late: set[str] = set()  # versions that were loaded anew for their compiled form
        self._is_failing = False  # a live version could not be loaded
        self._retry_at = 0.0  # on the monotonic clock: when that is tried again
        self._stay: _Stay | None = None
        self._here: set[ProcessIdentity] = set()  # processes that were there before the address became another
        self._broken: BaseException | None = None
        self._seen = -1
        self._epoch = -2
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True

    async def run(self) -> None:
        """Follow until `stop` is called, or until this process is not to serve any more.

        What nobody has foreseen is raised: the process ends, its log says why, and the worker starts it anew.
        """
        heartbeat = time.monotonic()
        try:
            while not self._stopping:
                try:
                    self._look()
                    if time.monotonic() >= heartbeat and self._beating is None:
                        heartbeat = time.monotonic() + self._pause
                        # It is not waited for, as a rollback must not wait for a write.
                        self._beating = self._begin(self._beat())
                except StoreError as error:
                    logger.warning("%s", error)
                    self._seen = -1
                    await asyncio.sleep(_RETRY)
                await asyncio.sleep(_POLL)
        finally:
            for task in (self._loading, self._acting, self._beating):
                if task is not None:
                    task.cancel()
            self._workspace.store.close()
        if self._broken is not None:
            raise self._broken

    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()
            self.stop()

    def _look(self) -> None:
        news = self._workspace.store.data_version()
        now = time.monotonic()
        retry = self._is_failing and now >= self._retry_at
        retry = retry or (self._stay is not None and now >= self._stay.until and self._acting is None)
        if news == self._seen and not retry:
            return
        self._seen = news
        with self._workspace.store.read() as db:
            epoch = deployments.epoch(db, self._slot.environment)
        if epoch != self._epoch or retry:
            self._follow()

    def _follow(self) -> None:
        """Bring the routing in line with the store as far as what is in memory goes, and fetch what is not."""
        with self._workspace.store.read() as db:
            environment = deployments.environment(db, self._slot.environment)
            held = tokens.tokens(db, self._slot.environment)
            aliases = models.aliases(db, environment.model) if environment else {}
        if environment is None:
            return
        if _address(environment) == _address(self._own):
            self._stay = None
            self._here = {process.process for process in environment.processes if process.epoch >= 0}
        elif not self._stays(environment):
            if self._acting is None:
                self._acting = self._begin(self._move(environment))
            return
        self._take_over(environment)
        self._epoch = environment.epoch
        self._stats.begin(environment.candidate.watched if environment.candidate else "")
        self._gatekeeper.replace(held)
        self._slot.aliases = aliases
        wanted = self._wanted(environment)
        self._route(environment, wanted)
        missing = [r for r in wanted if r.model_ref not in self._warm and not self._is_hopeless(r)]
        if missing and self._loading is None:
            self._loading = self._begin(self._load(missing[0]))
        self._tell(environment)

    def _take_over(self, environment: Environment) -> None:
        """Its settings; at the old address those of TLS stay as they are."""
        own, settings = self._own.settings, environment.settings
        if self._stay is not None:
            settings = replace(settings, certificate=own.certificate, key=own.key)
        self._settings = settings
        self._settle(settings)
        for engine in self._warm.values():
            engine.queue = settings.queue

    def _wanted(self, environment: Environment) -> list[Revision]:
        """What must be in memory. Where nothing answers, a rollback goes before the version that it is to replace:
        that may be the very reason why nothing does."""
        live, candidate = environment.live, environment.candidate
        if self._slot.routing is None and live and candidate and candidate.kind == "rollback":
            return [candidate]
        return [revision for revision in (live, candidate) if revision is not None]

    def _is_hopeless(self, revision: Revision) -> bool:
        return revision.state is RevisionState.LIVE and time.monotonic() < self._retry_at

    def _route(self, environment: Environment, wanted: list[Revision]) -> None:
        live, candidate = environment.live, environment.candidate
        if live is None or live not in wanted or live.model_ref not in self._warm:
            return
        beside = None
        if candidate and candidate.state is RevisionState.CANARY and candidate.model_ref in self._warm:
            beside = candidate
        before = self._slot.routing
        routing = Routing(
            self._serve(live),
            self._serve(beside) if beside else None,
            beside.share if beside else 0.0,
            beside is not None and beside.rollout.strategy == "shadow",
            beside.rollout.sticky.lower().encode() if beside and beside.rollout.sticky else None,
        )
        self._slot.routing = routing
        gone = [served for served in before.all if served not in routing.all] if before is not None else []
        self._leaving = [served for served in (*self._leaving, *gone) if served.in_flight]
        self._served = {served.revision: served for served in routing.all}
        if before is None or before.live is not routing.live:
            logger.info("%s serves %s as revision %d", environment.name, live.model_ref, live.revision)

    def _serve(self, revision: Revision) -> Served:
        self._warm.move_to_end(revision.model_ref)
        engine = self._warm[revision.model_ref]
        served = self._served.get(revision.revision)
        return served if served is not None and served.engine is engine else Served(revision.revision, engine)

    def _tell(self, environment: Environment) -> None:
        """Write what this process follows by now, unless it is written or being written. Nothing while it answers with
        what was live before: the store would not take it, and be asked again and again."""
        routing, candidate = self._slot.routing, environment.candidate
        prepared = candidate.revision if candidate and candidate.model_ref in self._warm else None
        live = environment.live
        if routing is not None and live is not None and routing.live.revision != live.revision:
            return
        health = ServerHealth.FAILED if self._is_failing and live is not None else ServerHealth.STARTING
        if routing is not None:
            health = ServerHealth.READY
        told = replace(
            self._told,
            health=health,
            epoch=environment.epoch,
            serving=routing.live.revision if routing else None,
            prepared=prepared,
            warm=tuple(self._warm),
        )
        if told != self._told and self._acting is None:
            self._acting = self._begin(self._write(told))

    async def _write(self, told: ServerProcess) -> None:
        try:
            while any(served.in_flight for served in self._leaving):
                await asyncio.sleep(_DRAIN)
            self._leaving = []
            problem = self._stay.why if self._stay is not None else None
            if await asyncio.get_running_loop().run_in_executor(self._writer, self._record, told, problem):
                self._told = told
        except StoreError as error:
            logger.warning("%s", error)
        finally:
            self._acting = None
            self._again()

    def _stays(self, environment: Environment) -> bool:
        stay = self._stay
        return stay is not None and stay.address == _address(environment) and time.monotonic() < stay.until

    async def _move(self, environment: Environment) -> None:
        """Leave for another address, if it can be listened on. If not, what serves now serves on where it is."""
        try:
            shared = self._may_share(environment)
            await asyncio.get_running_loop().run_in_executor(self._writer, probe, environment, shared)
        except PortTakenError as error:
            if self._stay is None or self._stay.why != error.message:
                logger.error("%s stays at %s: %s", environment.name, self._own.url, error)
                self._told = replace(self._told, epoch=-1)  # the reason is to be written, whatever is written already
            self._stay = _Stay(_address(environment), error.message, time.monotonic() + _RETRY)
            self._acting = None
            self._again()
        else:
            await self._leave(environment)

    def _may_share(self, environment: Environment) -> bool:
        """Whether our own processes may have the other port: this one, or one that was started anew there."""
        others = {process.process for process in environment.processes if process.slot != self._told.slot}
        return environment.port == self._own.port or not others <= self._here

    async def _leave(self, environment: Environment) -> None:
        """End, but say first that nothing answers at the new address yet: the next process must not think so."""
        told = replace(self._told, health=ServerHealth.STARTING, epoch=environment.epoch)
        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._record, told)
        except StoreError as error:
            logger.warning("%s", error)
        self.stop()

    def _record(self, told: ServerProcess, problem: str | None = None) -> bool:
        """Write what this process says; `problem`: what the environment's error is all the same."""
        with self._workspace.store.write() as tx:
            follows = server_processes.follows(tx, self._slot.environment, told)
            if follows and problem is not None:
                deploying.set_error(tx, self._slot.environment, problem)
            return follows

    def _again(self) -> None:
        """Look anew, also where the store has no news."""
        self._seen, self._epoch = -1, -2

    async def _load(self, revision: Revision) -> None:
        """Bring a version into memory and test it; say so, or why it can't be."""
        loop = asyncio.get_running_loop()
        try:
            engine = await loop.run_in_executor(self._loader, self._load_tested, revision)
        except MlopsError as error:
            await self._tell_failure(revision, error)
        else:
            self._keep(revision.model_ref, engine)
            self._is_failing = False
        finally:
            self._loading = None
            self._again()

    def _load_tested(self, revision: Revision) -> Engine:
        try:
            with self._workspace.store.read() as db:
                version = models.get(db, ModelRef(revision.model, revision.version))
            loaded = load(self._workspace, version)
            with self._workspace.store.write() as tx:
                deploying.advance(tx, revision.environment, revision.revision, RevisionState.TESTING, _ACTOR)
            engine = Engine(loaded, self._pool, self._settings.queue)
            engine.warm_up(test(self._workspace, loaded))
            if not self._warm:
                gc.collect()
                gc.freeze()  # what is there by now stays: a collection between requests need not go through it
            return engine
        finally:
            self._workspace.store.close()

    def _keep(self, ref: str, engine: Engine) -> None:
        """The longest unused version makes room, but never one that answers."""
        self._warm[ref] = engine
        self._warm.move_to_end(ref)
        answering = {served.engine.version.ref for served in self._served.values()}
        for other in list(self._warm):
            if len(self._warm) > WARM and other != ref and other not in answering:
                del self._warm[other]
                gc.unfreeze()  # what was frozen with the first one may be garbage now

    async def _tell_failure(self, revision: Revision, error: MlopsError) -> None:
        """A store that can't be written is no reason to end what serves: it is tried again."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._fail, revision, error)
        except StoreError as trouble:
            logger.warning("%s", trouble)
            await asyncio.sleep(_RETRY)

    def _fail(self, revision: Revision, error: MlopsError) -> None:
        """Say why the revision can't serve. What serves now serves on; a live version is tried again after a while."""
        environment = self._slot.environment
        logger.error("%s can't serve %s: %s", environment, revision.model_ref, error)
        if self._slot.routing is None:
            self._slot.problem = error.message.rstrip(".")
        with self._workspace.store.write() as tx:
            failed = deploying.advance(tx, environment, revision.revision, RevisionState.FAILED, _ACTOR, error.message)
            if not failed:
                self._is_failing = True
                deploying.set_error(tx, environment, error.message)
        self._retry_at = time.monotonic() + _RETRY

    @property
    def _pause(self) -> float:
        """Seconds between two heartbeats: a canary is judged by what they tell."""
        routing = self._slot.routing
        return _HEARTBEAT_CANARY if routing is not None and routing.candidate is not None else _HEARTBEAT

    async def _beat(self) -> None:
        """Write that this process is alive, and its traffic."""
        stats = self._stats.told(time.monotonic())

        def write() -> None:
            with self._workspace.store.write() as tx:
                server_processes.heartbeat(tx, self._slot.environment, self._told.slot, stats)

        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, write)
            self._settle(self._settings)  # a certificate may have been renewed
            routing = self._slot.routing
            if routing is not None:
                with self._workspace.store.read() as db:
                    self._slot.aliases = models.aliases(db, routing.live.engine.version.model)
                self._compile_late(routing)
        except StoreError as error:
            logger.warning("%s", error)
        finally:
            self._beating = None

    def _compile_late(self, routing: Routing) -> None:
        """A version that was loaded before its compiled form was there is loaded anew with it, but once only: that form
        may be damaged."""
        for served in routing.all:
            version = served.engine.version
            if self._loading is not None or served.engine.loaded.is_compiled or version.ref in self._compiled_late:
                continue
            with self._workspace.store.read() as db:
                found = compiled.get(db, version.model, version.version)
                revision = deployments.revision(db, self._slot.environment, served.revision)
            if found is not None and found.state == "agrees":
                self._compiled_late.add(version.ref)
                self._loading = self._begin(self._load(revision))


def _address(environment: Environment) -> tuple[str, int, bool]:
    """What a process can't change without its clients noticing: for another one it is started anew."""
    return environment.host, environment.port, environment.settings.certificate is not None
