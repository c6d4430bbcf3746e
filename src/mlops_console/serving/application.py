"""The HTTP side of a model server, as a bare ASGI application: with a model that answers in microseconds, a framework
between them would be most of the time."""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_console._version import __version__
from mlops_console.core.deployments import ServerSettings
from mlops_console.core.errors import MlopsError
from mlops_console.core.models import Signature
from mlops_console.core.text import size
from mlops_console.models.compiled import UncoveredRowsError
from mlops_console.serving import metrics as prometheus
from mlops_console.serving import open_inference, protocols, tf_serving
from mlops_console.serving.engine import Engine, Outputs
from mlops_console.serving.errors import (
    BusyError,
    HttpError,
    NoSuchModelError,
    TooLargeError,
    TooLateError,
    UnableError,
    WrongInputError,
)
from mlops_console.serving.inputs import Batch
from mlops_console.serving.messages import Answer, Headers, Request, error_answer, json_answer, unzipped, zip_if_asked
from mlops_console.serving.metrics import Metrics
from mlops_console.serving.paths import Path, Paths
from mlops_console.serving.prediction_log import Answered, PredictionWriter
from mlops_console.serving.protocols import Question
from mlops_console.serving.routing import Routing, Served, Slot
from mlops_console.serving.stats import NO_REVISION, Stats
from mlops_console.serving.tokens import Gatekeeper
from mlops_console.serving.unseen import unseen, unseen_header, unseen_rows
from mlops_console.serving.waiting import Waiting

Receive = Callable[[], Coroutine[Any, Any, dict[str, Any]]]
Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]
Parse = Callable[[Signature, Request], Question]

_ID = re.compile(rb"[A-Za-z0-9._:-]{1,100}")  # of a request, as its client may give it
_NOBODYS = (404, 405)  # asked of no model: whoever looks for open doors makes no error rate
_MIRRORED = 64  # requests that wait for the copy's answers: beyond it they are left out

logger = logging.getLogger(__name__)


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


@dataclass(slots=True)
class _Exchange:
    """One request on its way to an answer."""

    id: str
    began: float = field(default_factory=time.perf_counter)
    protocol: str = "other"
    served: Served | None = None
    logged: tuple[Batch, Outputs] | None = None
    copy: tuple[Served, float] | None = None  # who answers a copy, and the seconds that this answer's prediction took
    unseen: bytes | None = None  # categories that training did not know


Head = list[tuple[bytes, bytes]]
Handler = Callable[["Application", Request, _Exchange], Coroutine[Any, Any, Answer]]


class Application:
    """Answers from what `slot` holds at the moment of the request.

    Args:
        facts: what /metrics needs from the store, as `metrics.page` takes it; called in a thread.
        feedback: takes the body of /feedback; called in a thread.
    """

    def __init__(
        self,
        slot: Slot,
        log: PredictionWriter,
        stats: Stats,
        metrics: Metrics,
        gatekeeper: Gatekeeper,
        settings: ServerSettings,
        facts: Callable[[], bytes],
        feedback: Callable[[Signature, bytes], dict[str, Any]],
    ) -> None:
        self.slot = slot
        self.settings = settings
        self.facts = facts
        self.feedback = feedback
        self._log = log
        self._stats = stats
        self.metrics = metrics
        self._gatekeeper = gatekeeper
        self._prefix = secrets.token_hex(8)
        self._requests = 0
        self._mirrors: set[asyncio.Task[None]] = set()
        self._waiting = Waiting(metrics.waiting)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        exchange = _Exchange(self._id(scope["headers"]))
        try:
            try:
                answer = await self._answer(scope, receive, exchange)
            except HttpError as error:
                answer = error_answer(error)
            except MlopsError as error:  # a file that the answer needs is damaged or gone
                logger.error("%s", error)
                answer = error_answer(UnableError("The server can't answer this; its log says why."))
            finally:  # not after `_send`: who does not read its answers would hold up a rollback
                if exchange.served is not None:
                    exchange.served.in_flight -= 1
            await self._send(scope, exchange, answer, send)
        except ClientGoneError:
            return
        self._count(exchange, answer.status)

    def at_once(self, path: str, headers: Headers, body: bytes) -> tuple[Head, bytes] | None:
        """Answer a POST that nothing has to be waited for, in this very call: head and body of a good answer. None
        where it is another request, or none that is answered well: it goes the long way then, where it is told why.

        While two versions share the traffic all go the long way: what one of them refuses must not be asked twice.
        """
        routing = self.slot.routing
        if routing is None or (routing.candidate is not None and not routing.mirror):
            return None
        try:
            found, params = PATHS.find("POST", path)
            if not isinstance(found.handler, _Predicting):
                return None
            self._gatekeeper.check(headers)
            request = Request("POST", path, headers, body, params)
            if len(body) > self.settings.body or request.header(b"content-encoding") is not None:
                return None
            exchange = _Exchange(self._id(headers), protocol=found.handler.protocol)
            served = exchange.served = self._chosen(routing, request)
            if not served.engine.is_quick:
                return None
            question = found.handler.parse(served.engine.version.signature, request)
            if not served.engine.answers_at_once(question.batch.rows):
                return None
            began = time.perf_counter()
            outputs = served.engine.answer(question.batch)
            answer = self._answered(exchange, routing, question, outputs, began)
        except MlopsError:
            return None
        if len(answer.body) >= 1_000:
            answer = zip_if_asked(answer, request.header(b"accept-encoding"))
        head = self._head(exchange, answer)
        self._count(exchange, answer.status)
        return head, answer.body

    async def _answer(self, scope: dict[str, Any], receive: Receive, exchange: _Exchange) -> Answer:
        path, params = PATHS.find(scope["method"], scope["path"])
        headers: Headers = scope["headers"]
        if not path.is_open:
            self._gatekeeper.check(headers)
        request = Request(scope["method"], scope["path"], headers, b"", params)
        if path.method == "POST":
            request.body = await self._read(request, receive)
        exchange.began = time.perf_counter()
        answer = await path.handler(self, request, exchange)
        if len(answer.body) >= 1_000:
            answer = zip_if_asked(answer, request.header(b"accept-encoding"))
        return answer

    async def _read(self, request: Request, receive: Receive) -> bytes:
        """The body, read no further than the limit and waited for no longer than the deadline."""
        most = self.settings.body
        length = request.header(b"content-length")
        if length is not None and length.isdigit() and int(length[:20]) > most:
            raise _too_large(most)
        try:
            async with asyncio.timeout(self.settings.deadline):
                body = await _whole(receive, most)
        except TimeoutError:
            raise TooLateError("The body did not come in time.") from None
        encoding = request.header(b"content-encoding")
        if encoding is None or encoding == b"identity":
            return body
        if encoding.lower() != b"gzip":
            raise HttpError("The body's Content-Encoding is not known; gzip is.")
        return await asyncio.to_thread(unzipped, body, most)

    async def _send(self, scope: dict[str, Any], exchange: _Exchange, answer: Answer, send: Send) -> None:
        headers = self._head(exchange, answer)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})

    def _head(self, exchange: _Exchange, answer: Answer) -> Head:
        routing = self.slot.routing
        served = exchange.served or (routing.live if routing is not None else None)
        return [
            (b"content-type", answer.content_type),
            (b"content-length", str(len(answer.body)).encode()),
            (b"x-request-id", exchange.id.encode()),
            *answer.headers,
            *(served.headers if served is not None else ()),
            *(((b"x-unseen", exchange.unseen),) if exchange.unseen is not None else ()),
        ]

    def _count(self, exchange: _Exchange, status: int) -> None:
        took = time.perf_counter() - exchange.began
        served = exchange.served
        if served is None:
            self.metrics.count(exchange.protocol, status, 0, took)
            if status >= 400 and status not in _NOBODYS:
                self._stats.count(NO_REVISION, took, failed=True)
            return
        self._stats.count(served.revision, took, status >= 400)
        self.metrics.count(exchange.protocol, status, served.revision, took)
        if exchange.logged is not None:
            self.metrics.predicted(served.engine.batches)
            batch, outputs = exchange.logged
            ref = served.engine.version.ref
            self._log.put(Answered(time.time(), exchange.id, served.revision, ref, took, batch, outputs))
            if exchange.copy is not None:
                candidate, predicted = exchange.copy
                self._mirror(candidate, batch, outputs, took - predicted)

    def _id(self, headers: Headers) -> str:
        """The client's own, if it gave one that can be written down, else one that nobody else gives."""
        for name, value in headers:
            if name == b"x-request-id" and _ID.fullmatch(value):
                return value.decode()
        self._requests += 1
        return f"{self._prefix}-{self._requests:x}"

    async def predict(self, request: Request, exchange: _Exchange, protocol: str, parse: Parse) -> Answer:
        """Answer rows by the version that the routing or the path chooses."""
        exchange.protocol = protocol
        routing = self.slot.now()
        served = self._chosen(routing, request)
        exchange.served = served
        served.in_flight += 1
        question = parse(served.engine.version.signature, request)
        began = time.perf_counter()
        outputs = await self._outputs(served.engine, question.batch)
        return self._answered(exchange, routing, question, outputs, began)

    def _answered(
        self, exchange: _Exchange, routing: Routing, question: Question, outputs: Outputs, began: float
    ) -> Answer:
        """What is answered, and noted of it. `began`: when the prediction did, on the performance counter."""
        assert exchange.served is not None
        version = exchange.served.engine.version
        if routing.mirror and routing.candidate is not None:
            exchange.copy = routing.candidate, time.perf_counter() - began
        exchange.logged = question.batch, outputs
        exchange.unseen = self._unseen(version.signature, question.batch)
        return question.answer(version, outputs)

    def _unseen(self, signature: Signature, batch: Batch) -> bytes | None:
        found = unseen(signature, batch)
        if not found:
            return None
        for column, rows in unseen_rows(signature, batch).items():
            self.metrics.unseen.labels(column).inc(rows)
        return unseen_header(found)

    async def _outputs(self, engine: Engine, batch: Batch) -> Outputs:
        if not engine.answers_at_once(batch.rows):
            self._waiting.watch(engine)
            return await self._patiently(_predicted(engine, batch))
        try:
            return engine.answer(batch)
        except UncoveredRowsError:
            return await self._patiently(engine.predict_uncovered(batch))

    async def _patiently(self, outputs: Coroutine[Any, Any, Outputs]) -> Outputs:
        try:
            async with asyncio.timeout(self.settings.deadline):
                return await outputs
        except TimeoutError:
            raise TooLateError(
                f"There was no answer within {self.settings.deadline:g} s; send fewer rows a request, or try later."
            ) from None

    def _chosen(self, routing: Routing, request: Request) -> Served:
        """By name and number where the path has them, else by the routing."""
        model = request.params.get("model")
        if model is None:
            return routing.choose(request.headers)
        number = request.params.get("version")
        if label := request.params.get("label"):
            found = self.slot.aliases.get(label)
            if found is None:
                raise NoSuchModelError(f"The model {model[:60]} has no label {label[:60]!r}.")
            number = str(found)
        if model == routing.live.engine.version.model:
            if number is None:
                return routing.choose(request.headers)
            for served in routing.all:
                if number == str(served.engine.version.version):
                    return served
        refs = " and ".join(served.engine.version.ref for served in routing.all)
        raise NoSuchModelError(f"This server serves {refs}, and no other model or version.")

    def served(self, request: Request) -> Served:
        """What a question about a model is about."""
        return self._chosen(self.slot.now(), request)

    def knows(self, request: Request) -> bool:
        """Whether who asks has a token that holds, or needs none."""
        return self._gatekeeper.knows(request.headers)

    def _mirror(self, candidate: Served, batch: Batch, outputs: Outputs, besides: float) -> None:
        if len(self._mirrors) >= _MIRRORED:
            return
        task = asyncio.get_running_loop().create_task(self._compare(candidate, batch, outputs, besides))
        self._mirrors.add(task)
        task.add_done_callback(self._mirrors.discard)

    async def _compare(self, candidate: Served, batch: Batch, outputs: Outputs, besides: float) -> None:
        """Let the candidate answer a copy, and count how often it says the same. `besides`: seconds that the live
        version's request took apart from its prediction; the candidate's would take them too."""
        began = time.perf_counter()
        failed, agreed = False, 0
        try:
            theirs = await self._outputs(candidate.engine, batch)
            agreed = int((theirs["predict"] == outputs["predict"]).sum())
        except (WrongInputError, BusyError, TooLateError):
            failed = True
        except MlopsError as error:
            logger.error("%s", error)
            failed = True
        self._stats.count(candidate.revision, time.perf_counter() - began + besides, failed)
        self._stats.count_mirrored(batch.rows, agreed)


async def _whole(receive: Receive, most: int) -> bytes:
    """A body, read no further than the limit."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        body += message["body"]
        if len(body) > most:
            raise _too_large(most)
        more = message.get("more_body", False)
    return bytes(body)


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(f"The body is larger than {size(most)}; send fewer rows a request.")


async def _predicted(engine: Engine, batch: Batch) -> Outputs:
    try:
        return await engine.predict(batch)
    except UncoveredRowsError:
        return await engine.predict_uncovered(batch)


async def _server(app: Application, request: Request, exchange: _Exchange) -> Answer:
    return json_answer(open_inference.server_metadata(__version__))


async def _live(app: Application, request: Request, exchange: _Exchange) -> Answer:
    return json_answer({"live": True})


async def _ready(app: Application, request: Request, exchange: _Exchange) -> Answer:
    app.slot.now()
    return json_answer({"ready": True})


async def _ping(app: Application, request: Request, exchange: _Exchange) -> Answer:
    app.slot.now()
    return Answer(b"\n", content_type=b"text/plain; charset=utf-8")


async def _version(app: Application, request: Request, exchange: _Exchange) -> Answer:
    return Answer(__version__.encode(), content_type=b"text/plain; charset=utf-8")


async def _metrics(app: Application, request: Request, exchange: _Exchange) -> Answer:
    app.metrics.flush()
    return Answer(await asyncio.to_thread(app.facts), content_type=prometheus.CONTENT_TYPE.encode())


async def _feedback(app: Application, request: Request, exchange: _Exchange) -> Answer:
    signature = app.slot.now().live.engine.version.signature
    return json_answer(await asyncio.to_thread(app.feedback, signature, request.body))


async def _metadata(app: Application, request: Request, exchange: _Exchange) -> Answer:
    return json_answer(open_inference.model_metadata(app.served(request).engine.version))


async def _model_ready(app: Application, request: Request, exchange: _Exchange) -> Answer:
    try:
        served = app.served(request)
    except NoSuchModelError:
        if app.knows(request):
            raise
        raise NoSuchModelError("This server serves no such model or version.") from None
    return json_answer({"name": served.engine.version.model, "ready": True})


async def _index(app: Application, request: Request, exchange: _Exchange) -> Answer:
    return json_answer(open_inference.repository_index([served.engine.version for served in app.slot.now().all]))


async def _tf_status(app: Application, request: Request, exchange: _Exchange) -> Answer:
    return json_answer(tf_serving.status([app.served(request).engine.version]))


async def _tf_metadata(app: Application, request: Request, exchange: _Exchange) -> Answer:
    return json_answer(tf_serving.metadata(app.served(request).engine.version))


@dataclass(frozen=True, slots=True)
class _Predicting:
    """The handler of a path where predictions are asked for."""

    protocol: str
    parse: Parse

    def __call__(self, app: Application, request: Request, exchange: _Exchange) -> Coroutine[Any, Any, Answer]:
        return app.predict(request, exchange, self.protocol, self.parse)


def _predicting_as_tensorflow(parse: Parse) -> Handler:
    async def handler(app: Application, request: Request, exchange: _Exchange) -> Answer:
        try:
            return await app.predict(request, exchange, "tf", parse)
        except WrongInputError as error:
            raise HttpError(error.message) from None  # TensorFlow has one status for all that is wrong with a request

    return handler


_V2 = ("/v2/models/{model}", "/v2/models/{model}/versions/{version}")
_V1 = ("/v1/models/{model}", "/v1/models/{model}/versions/{version}", "/v1/models/{model}/labels/{label}")


def _at(
    templates: Sequence[str], suffix: str, method: str, handler: Handler, is_open: bool = False
) -> list[Path[Handler]]:
    return [Path(template + suffix, method, handler, is_open) for template in templates]


PATHS: Paths[Handler] = Paths(
    [
        Path("/invocations", "POST", _Predicting("mlflow", protocols.invocation)),
        *_at(_V2, "/infer", "POST", _Predicting("v2", protocols.inference)),
        *_at(_V1, ":predict", "POST", _predicting_as_tensorflow(protocols.tf_predict)),
        *_at(_V1, ":classify", "POST", _predicting_as_tensorflow(protocols.tf_classify)),
        *_at(_V1, ":regress", "POST", _predicting_as_tensorflow(protocols.tf_regress)),
        Path("/feedback", "POST", _feedback),
        Path("/ping", "GET", _ping, is_open=True),
        Path("/health", "GET", _ping, is_open=True),
        Path("/version", "GET", _version, is_open=True),
        Path("/metrics", "GET", _metrics),
        Path("/v2", "GET", _server, is_open=True),
        Path("/v2/health/live", "GET", _live, is_open=True),
        Path("/v2/health/ready", "GET", _ready, is_open=True),
        *_at(_V2, "", "GET", _metadata),
        *_at(_V2, "/ready", "GET", _model_ready, is_open=True),
        Path("/v2/repository/index", "POST", _index),
        *_at(_V1, "", "GET", _tf_status),
        *_at(_V1, "/metadata", "GET", _tf_metadata),
    ]
)
