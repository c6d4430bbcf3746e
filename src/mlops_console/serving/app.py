"""The HTTP side of a model server: routes, bounded bodies, errors as JSON, and the headers of every answer."""

import asyncio
import json
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlops_console._version import __version__
from mlops_console.serving.errors import HttpError, NoSuchModelError, TooLargeError
from mlops_console.serving.invocations import parse_invocation
from mlops_console.serving.model import Served
from mlops_console.serving.open_inference import inference_answer, model_metadata, parse_inference
from mlops_console.serving.prediction_log import PredictionWriter
from mlops_console.serving.slot import Slot

MOST_BYTES = 10_000_000  # of a request's body
_THREADS = 4  # a slow prediction must hold up neither the health answers nor the other predictions
_NO_NUMBER = re.compile(rb"NaN|Infinity|[eE]\+?\d{3}")  # what Python's own json writes or reads as no finite number

logger = logging.getLogger(__name__)

Answering = Callable[[Served, Any], Any]  # (what answers, the parsed body) -> the answer's content


def make_app(slot: Slot, log: PredictionWriter) -> ASGIApp:
    """The ASGI application that answers from `slot` and logs to `log`."""
    api = _Api(slot, log, ThreadPoolExecutor(_THREADS, thread_name_prefix="predict"))
    model = "/v2/models/{model}"
    version = model + "/versions/{version}"
    routes = [
        Route("/v2", api.server_metadata),
        Route("/v2/health/live", api.live),
        Route("/v2/health/ready", api.ready),
        *(Route(path, api.metadata) for path in (model, version)),
        *(Route(f"{path}/ready", api.model_ready) for path in (model, version)),
        *(Route(f"{path}/infer", api.infer, methods=["POST"]) for path in (model, version)),
        Route("/invocations", api.invocations, methods=["POST"]),
        Route("/ping", api.ping),
        Route("/health", api.ping),
        Route("/version", api.version),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            HttpError: _explain,
            HTTPException: _explain_http,
            ClientDisconnect: _let_go,
            Exception: _explain_failure,
        },
    )
    return _Named(app, slot)


@dataclass(frozen=True, slots=True)
class _Api:
    slot: Slot
    log: PredictionWriter
    pool: ThreadPoolExecutor

    async def server_metadata(self, request: Request) -> Response:
        return _json({"name": "mlops-console", "version": __version__, "extensions": []})

    async def live(self, request: Request) -> Response:
        return _json({"live": True})

    async def ready(self, request: Request) -> Response:
        self.slot.served()
        return _json({"ready": True})

    async def metadata(self, request: Request) -> Response:
        return _json(model_metadata(_named(request, self.slot.served()).loaded.version))

    async def model_ready(self, request: Request) -> Response:
        served = _named(request, self.slot.served())
        return _json({"name": served.loaded.version.model, "ready": True})

    async def ping(self, request: Request) -> Response:
        self.slot.served()
        return PlainTextResponse("\n")

    async def version(self, request: Request) -> Response:
        return PlainTextResponse(__version__)

    async def infer(self, request: Request) -> Response:
        def answer(served: Served, body: Any) -> Any:
            version = _named(request, served).loaded.version
            inference = parse_inference(version.signature, body)
            outputs = served.loaded.predict(inference.batch)
            self.log.put(served.revision, inference.batch, outputs)
            return inference_answer(version, outputs, inference)

        return await self._predict(request, answer)

    async def invocations(self, request: Request) -> Response:
        def answer(served: Served, body: Any) -> Any:
            batch = parse_invocation(served.loaded.version.signature, body)
            outputs = served.loaded.predict(batch)
            self.log.put(served.revision, batch, outputs)
            return {"predictions": outputs["predict"].tolist()}

        return await self._predict(request, answer)

    async def _predict(self, request: Request, answer: Answering) -> Response:
        """Read the body, then answer it in a thread by what the slot holds at that moment."""
        body = await _read(request)

        def work() -> bytes:
            served = self.slot.served()
            request.scope["mlops.served"] = served
            return orjson.dumps(answer(served, _parse(body)), option=orjson.OPT_SERIALIZE_NUMPY)

        content = await asyncio.get_running_loop().run_in_executor(self.pool, work)
        return Response(content, media_type="application/json")


@dataclass(frozen=True, slots=True)
class _Named:
    """Names the model and the revision that gave an answer, in the headers of all of them."""

    app: ASGIApp
    slot: Slot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                served: Served | None = scope.get("mlops.served", self.slot.current)
                if served is not None:
                    message["headers"] = [
                        *message["headers"],
                        (b"x-model", served.loaded.version.ref.encode()),
                        (b"x-revision", str(served.revision).encode()),
                    ]
            await send(message)

        await self.app(scope, receive, send_named)


def _named(request: Request, served: Served) -> Served:
    """What is served, if it is what the path names."""
    version = served.loaded.version
    model, number = request.path_params["model"], request.path_params.get("version", str(version.version))
    if (model, number) != (version.model, str(version.version)):
        raise NoSuchModelError(f"This server serves {version.ref}, and no other model or version.")
    return served


async def _read(request: Request) -> bytes:
    """The body, read no further than the limit."""
    error = TooLargeError(f"The body is larger than {MOST_BYTES // 1_000_000} MB; send fewer rows a request.")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > MOST_BYTES:
        raise error
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise error
    return bytes(body)


def _parse(body: bytes) -> Any:
    """The body as JSON values. NaN and infinities are read, so that the column that has them can be named."""
    if not body:
        raise HttpError("The body is empty, but JSON is expected.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if _NO_NUMBER.search(body):
            try:
                return json.loads(body)
            except (ValueError, RecursionError):
                pass
        raise HttpError(f"The body is not JSON: {error}.") from None


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


async def _explain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HttpError)
    return _json({"error": error.message}, error.status)


async def _explain_http(request: Request, error: Exception) -> Response:
    """What Starlette itself raises: no such path, or a method that the path does not have."""
    assert isinstance(error, HTTPException)
    sentence = f"{error.detail}." if error.status_code != 404 else "There is nothing at this path; /v2 is the server."
    response = _json({"error": sentence}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _let_go(request: Request, error: Exception) -> Response:
    """The client has gone in the middle of its body: nobody reads this."""
    return Response(status_code=400)


async def _explain_failure(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _json({"error": "The server failed on this request; its log says how."}, 500)
