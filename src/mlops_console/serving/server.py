"""One process of a model server: its socket, its event loop and its end."""

import asyncio
import logging
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

from mlops_console.core.deployments import LOOPBACK, Environment, RevisionState, ServerHealth, ServerSettings
from mlops_console.core.errors import NotFoundError, RefusedError
from mlops_console.core.models import Signature
from mlops_console.drift.live.slots import rows_so_far
from mlops_console.serving import metrics
from mlops_console.serving.application import Application
from mlops_console.serving.feedback import parse_feedback
from mlops_console.serving.follow import Follower
from mlops_console.serving.gauges import Facts
from mlops_console.serving.http_server import HttpServer, event_loop
from mlops_console.serving.json_body import read_json
from mlops_console.serving.listening import PortTakenError, bound, probe, taken
from mlops_console.serving.live_windows import LiveWindows
from mlops_console.serving.metrics import Metrics
from mlops_console.serving.prediction_log import PredictionWriter
from mlops_console.serving.quick import BACKLOG
from mlops_console.serving.routing import Slot
from mlops_console.serving.stats import Stats
from mlops_console.serving.tokens import Gatekeeper
from mlops_console.store import alerts, deploying, deployments, drift, server_processes, tokens
from mlops_console.store.identity import current_process
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace

_POLL = 0.005  # seconds
_THREADS = 4  # a slow prediction of one version must not hold up those of another

logger = logging.getLogger(__name__)


def serve(workspace: Workspace, name: str, number: int = 0) -> None:
    """Serve an environment until SIGTERM or SIGINT, or until it gets another address; requests under way are answered.

    Args:
        number: of this process, among those that share the port.

    Raises:
        NotFoundError: nothing was ever deployed there.
        RefusedError: other machines could ask it, and nobody would need a token.
        PortTakenError: another program has the port; the store says so too.
    """
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, _leave)
    with workspace.store.read() as db:
        environment = deployments.environment(db, name)
        held = tokens.tokens(db, name)
    if environment is None:
        raise NotFoundError(f"Nothing was ever deployed to {name!r}.", f"'mlops-console deploy MODEL {name}' does it.")
    if environment.host not in LOOPBACK and not held:
        raise RefusedError(
            f"{name} would listen on {environment.host}, where other machines can ask it without a token.",
            f"'mlops-console token create {name} NAME' makes one.",
        )
    listener = _listen(workspace, environment, number)
    own = current_process()
    with workspace.store.write() as tx:
        server_processes.started(tx, name, number, own)
    try:
        with event_loop() as runner:
            runner.run(_run(workspace, environment, number, listener))
    finally:
        with workspace.store.write() as tx:
            server_processes.ended(tx, name, number, own.pid)


async def _run(workspace: Workspace, environment: Environment, number: int, listener: socket.socket) -> None:
    slot, stats = Slot(environment.name), Stats()
    settings = environment.settings
    with workspace.store.read() as db:
        gatekeeper = Gatekeeper(tokens.tokens(db, environment.name))
    predictions = PredictionLog(workspace.predictions_path)
    live = LiveWindows(workspace, environment.name)
    log = PredictionWriter(predictions, environment.name, settings, live)
    alone = all(process.slot == number for process in environment.processes)
    counters = Metrics(workspace.home / "metrics" / environment.name, alone)
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="predict")

    def facts() -> bytes:
        served = slot.served
        with workspace.store.read() as db:
            found = Facts(
                environment.name,
                served,
                drift.standing(db, environment.name),
                alerts.open_alerts(db),
                rows_so_far(db, environment.name, [revision for revision, *_ in served], live.window, time.time()),
            )
        return metrics.page(found)

    def feedback(signature: Signature, body: bytes) -> dict[str, Any]:
        labels = parse_feedback(signature, read_json(body))
        return {"labels": len(labels), "known": predictions.add_labels(labels)}

    application = Application(slot, log, stats, counters, gatekeeper, settings, facts, feedback)
    server = HttpServer(application, listener, settings.drain, *_tls_files(workspace, settings))

    def settle(settings: ServerSettings) -> None:
        application.settings = log.settings = settings
        server.drain_for(settings.drain)
        certificate, key = _tls_files(workspace, settings)
        if certificate and key:
            server.renew(certificate, key)

    follower = Follower(workspace, number, slot, stats, gatekeeper, pool, environment, settle)
    log.start()
    try:
        await _serve_together(server, follower, slot, _may_wait(environment, number))
    finally:
        log.close()
        counters.flush()
        pool.shutdown(wait=False, cancel_futures=True)


async def _serve_together(server: HttpServer, follower: Follower, slot: Slot, may_wait: bool) -> None:
    """Answer and follow; when either ends, so does the other. With `may_wait`, answer nothing before a model can."""

    def leave(_: "asyncio.Task[None]") -> None:
        server.should_exit = True

    following = asyncio.create_task(follower.run())
    following.add_done_callback(leave)
    while may_wait and slot.routing is None and not following.done():
        await asyncio.sleep(_POLL)
    try:
        await server.answer()
    finally:
        follower.stop()
        await following


def _may_wait(environment: Environment, number: int) -> bool:
    """Others answer on the same port meanwhile. Where none does, clients are better told that a model is loaded."""
    return any(process.health is ServerHealth.READY for process in environment.processes if process.slot != number)


def _tls_files(workspace: Workspace, settings: ServerSettings) -> tuple[Path | None, Path | None]:
    if settings.certificate is None or settings.key is None:
        return None, None
    return workspace.root / settings.certificate, workspace.root / settings.key


def _listen(workspace: Workspace, environment: Environment, number: int) -> socket.socket:
    """The socket to listen on. If no other process answers there, connections wait from now on, and are not refused."""
    siblings = [process for process in environment.processes if process.slot != number]
    try:
        if not siblings:
            probe(environment, shared=False)
        listener = bound(environment, shared=True)
        if not _may_wait(environment, number):
            _listen_on(listener, environment)
    except PortTakenError as error:
        _report(workspace, environment, error)
        raise
    listener.setblocking(False)
    return listener


def _listen_on(listener: socket.socket, environment: Environment) -> None:
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise taken(environment, error.strerror) from None


def _report(workspace: Workspace, environment: Environment, error: PortTakenError) -> None:
    with workspace.store.write() as tx:
        wanted = environment.candidate
        if wanted is not None and environment.live is None:
            deploying.advance(tx, environment.name, wanted.revision, RevisionState.FAILED, "server", error.message)
        deploying.set_error(tx, environment.name, error.message)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
