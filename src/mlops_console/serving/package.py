"""`python -m mlops_console.serving.package FOLDER`: serve a packaged model version, without a workspace."""

import argparse
import functools
import hashlib
import json
import logging
import os
import signal
import socket
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

from mlops_console.core.deployments import ServerSettings
from mlops_console.core.errors import MlopsError
from mlops_console.core.models import Signature
from mlops_console.models.compiled import Compiled
from mlops_console.models.package import COMPILED, EXAMPLE, MODEL, Package, read_package
from mlops_console.serving import metrics
from mlops_console.serving.application import Application
from mlops_console.serving.engine import Engine
from mlops_console.serving.errors import HttpError
from mlops_console.serving.gauges import Facts
from mlops_console.serving.http_server import HttpServer, event_loop
from mlops_console.serving.loading import test_with_records
from mlops_console.serving.metrics import Metrics
from mlops_console.serving.model import Loaded
from mlops_console.serving.prediction_log import PredictionWriter
from mlops_console.serving.routing import Routing, Served, Slot
from mlops_console.serving.stats import Stats
from mlops_console.serving.tokens import Gatekeeper
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.tokens import Token

_THREADS = 4

logger = logging.getLogger(__name__)


class PortError(MlopsError):
    """The port can't be listened on."""


class NoFeedbackError(HttpError):
    status = 501


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="serve.py", description="Serve a packaged model version.")
    parser.add_argument("folder", type=Path, help="the package")
    parser.add_argument("--host", default=os.environ.get("MLOPS_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=os.environ.get("MLOPS_PORT", "8080"))
    given = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    token, revision = os.environ.get("MLOPS_TOKEN", ""), os.environ.get("MLOPS_REVISION", "")
    try:
        serve(given.folder, given.host, given.port, token, int(revision) if revision.isdecimal() else 0)
    except MlopsError as error:
        logger.error("%s", error)
        return error.exit_code
    return 0


def serve(folder: Path, host: str, port: int, token: str = "", revision: int = 0) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are answered.

    Args:
        token: what requests must carry; "" lets all in.
        revision: the number that answers carry.

    Raises:
        ModelError: the package is damaged, or what it needs is not installed.
        PortError: another program has the port.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    package = read_package(folder)
    version = package.version
    loaded = load(package)
    records = package.contents.get(EXAMPLE)
    example = test_with_records(loaded, json.loads(records)) if records is not None else None
    listener = _listen(host, port)
    with tempfile.TemporaryDirectory(prefix="mlops-console-") as scratch:
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="predict")
        settings = ServerSettings(sample=0.0)
        engine = Engine(loaded, pool, settings.queue)
        engine.warm_up(example)
        application = Application(
            Slot(version.model, Routing(Served(revision, engine))),
            PredictionWriter(PredictionLog(Path(scratch) / "none.db"), version.model, settings),
            Stats(),
            Metrics(Path(scratch) / "metrics", alone=True),
            _gatekeeper(token),
            settings,
            lambda: metrics.page(Facts(version.model, [(revision, 1.0, version)])),
            _refuse_feedback,
        )
        logger.info("%s serves on %s port %d", version.ref, host, port)
        with event_loop() as runner:
            runner.run(HttpServer(application, listener, settings.drain).answer())
        pool.shutdown(wait=False, cancel_futures=True)


def load(package: Package) -> Loaded:
    """Its compiled form where it has one, else the estimator itself.

    Raises:
        ModelError: it can't be loaded here.
    """
    form = package.contents.get(COMPILED)
    if form is not None:
        estimator = functools.cache(lambda: _load_estimator(package))
        return Loaded(package.version, compiled=Compiled(form), load_estimator=estimator)
    return _load_estimator(package)


def _load_estimator(package: Package) -> Loaded:
    from mlops_console.models.storage import load_content

    return Loaded(package.version, load_content(package.contents[MODEL], package.version, package.trusted_types))


def _gatekeeper(token: str) -> Gatekeeper:
    if not token:
        return Gatekeeper()
    held = Token("", "MLOPS_TOKEN", hashlib.sha256(token.encode()).hexdigest(), "", 0.0, None)
    return Gatekeeper([held])


def _refuse_feedback(signature: Signature, body: bytes) -> dict[str, Any]:
    raise NoFeedbackError("A packaged model keeps no feedback: send it to the workspace that the model comes from.")


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise PortError(f"There is no port {port}.", "Give another --port.")
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PortError(f"Port {port} of {host} can't be listened on: {reason}.", "Give another --port.") from None


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    raise SystemExit(main())
