"""One model server: its socket, its threads and its end."""

import logging
import signal
import socket
from types import FrameType

import uvicorn

from mlops_console.core.deployments import Environment, RevisionState, ServerHealth
from mlops_console.core.errors import MlopsError, NotFoundError
from mlops_console.serving.app import make_app
from mlops_console.serving.prediction_log import PredictionWriter
from mlops_console.serving.reconcile import Reconciler
from mlops_console.serving.slot import Slot
from mlops_console.store import deployments
from mlops_console.store.identity import current_process
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace

_BACKLOG = 2048
_KEEP_ALIVE = 75  # seconds that an idle connection stays open
_DRAIN = 15  # seconds for the requests under way when the server is stopped

logger = logging.getLogger(__name__)


class PortTakenError(MlopsError):
    """The environment's port can't be listened on."""


class LostTrackError(MlopsError):
    """The thread that follows the store has failed."""


def serve(workspace: Workspace, name: str) -> None:
    """Serve an environment until SIGTERM or SIGINT, or until it gets another port; requests under way are answered.

    Raises:
        NotFoundError: nothing was ever deployed there.
        PortTakenError: another program has the port; the store says so too.
        LostTrackError: an error that nobody expected has ended it.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    with workspace.store.read() as db:
        environment = deployments.environment(db, name)
    if environment is None:
        raise NotFoundError(f"Nothing was ever deployed to {name!r}.", f"'mlops-console deploy MODEL {name}' does it.")
    listener = _listen(workspace, environment)
    with workspace.store.write() as tx:
        deployments.report_server(tx, name, ServerHealth.STARTING, current_process())
    try:
        _run(workspace, environment, listener)
    finally:
        with workspace.store.write() as tx:
            known = deployments.environment(tx, name)
            deployments.report_server(tx, name, ServerHealth.STOPPED, None, known.error if known else None)


def _run(workspace: Workspace, environment: Environment, listener: socket.socket) -> None:
    slot = Slot(environment.name)
    log = PredictionWriter(PredictionLog(workspace.predictions_path), environment.name)
    config = uvicorn.Config(
        make_app(slot, log),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_DRAIN,
    )
    server = uvicorn.Server(config)

    def leave() -> None:
        server.should_exit = True

    reconciler = Reconciler(workspace, slot, (environment.host, environment.port), leave)
    log.start()
    reconciler.start()
    try:
        server.run(sockets=[listener])
    finally:
        reconciler.stop()
        log.close()
    if reconciler.failed:
        raise LostTrackError(f"The server of {environment.name} could no longer follow the store.", "Its log says why.")


def _listen(workspace: Workspace, environment: Environment) -> socket.socket:
    """The listening socket. From now on connections wait instead of being refused, while the model is loaded."""
    try:
        family, _, _, _, address = socket.getaddrinfo(environment.host, environment.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise _report_taken(workspace, environment, error) from None
    listener.setblocking(False)
    return listener


def _report_taken(workspace: Workspace, environment: Environment, error: OSError) -> PortTakenError:
    sentence = f"Port {environment.port} of {environment.host} can't be listened on: {error.strerror}."
    with workspace.store.write() as tx:
        wanted = environment.desired
        if wanted and wanted.state is RevisionState.LOADING:
            deployments.mark_failed(tx, environment.name, wanted.revision, sentence)
        deployments.report_server(tx, environment.name, ServerHealth.FAILED, None, sentence)
    return PortTakenError(
        sentence, f"End the program that has it, or give environments.{environment.name} another port in mlops.toml."
    )


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
