"""Answered requests on their way to `predictions.db`: queued in memory as they are written, by a thread, and never
waited for."""

import json
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from mlops_console.core.deployments import ServerSettings
from mlops_console.core.errors import StoreError
from mlops_console.serving.inputs import Batch
from mlops_console.serving.live_windows import LiveWindows
from mlops_console.store.predictions import EncodedRequest, PredictionLog

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_ROWS = 100_000  # that may wait; beyond it requests are left out of the log, not refused
_AT_ONCE = 1_000  # requests of a statement
_ROWS_AT_ONCE = 5_000
# Seconds between two looks at what waits. A thread that writes all the time takes from the answering one: each time
# that they take turns at the interpreter, both stand still for some microseconds.
_PAUSE = 0.1
_TIDY_EVERY = 300.0  # seconds, and
_TIDY_SHARE = 10  # at the latest when one of so many parts of the most that is kept has been written
_TELL_EVERY = 60.0  # seconds between two warnings

logger = logging.getLogger(__name__)


class Answered(NamedTuple):
    """A request that was answered. `at`: seconds since the epoch; `model_ref`: as in fraud:7; `latency`: seconds."""

    at: float
    request_id: str
    revision: int
    model_ref: str
    latency: float
    batch: Batch
    outputs: dict[str, "NDArray[Any]"]


class PredictionWriter:
    """Takes answered requests from any thread; call `start` once, and `close` to write what still waits.

    Args:
        settings: what is kept, how long, and which columns never; they may be replaced at any time.
        live: counts all requests in this writer's thread, whatever is kept of them.
    """

    def __init__(
        self, log: PredictionLog, environment: str, settings: ServerSettings, live: LiveWindows | None = None
    ) -> None:
        self.settings = settings
        self._log = log
        self._live = live
        self._environment = environment
        self._queue: deque[EncodedRequest] = deque()
        self._lock = threading.Lock()
        self._waiting = 0  # rows
        self._left_out = 0  # rows
        self._told_at = -_TELL_EVERY
        self._tidied_at = -_TIDY_EVERY
        self._written = 0  # characters since then
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, answered: Answered) -> None:
        """Queue a request, if it is one of the sample. Where too much waits already it is left out."""
        if self._live is not None:
            self._live.put(answered)
        settings = self.settings
        if settings.sample < 1 and random.random() >= settings.sample:
            return
        rows = answered.batch.rows
        if self._waiting + rows > MOST_ROWS:
            with self._lock:
                self._left_out += rows
            return
        encoded = _encode(_without(answered, settings.private) if settings.private else answered)
        with self._lock:
            self._waiting += rows
        self._queue.append(encoded)

    def close(self) -> None:
        """Write what waits and end."""
        self._closing.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        ending = False
        while not ending:
            ending = self._closing.wait(_PAUSE)
            self._write_waiting()
            if self._live is not None:
                self._live.count(self.settings.private)
            if not ending and self._is_untidy():
                self._tidy()
        self._log.close()
        if self._live is not None:
            self._live.close()

    def _write_waiting(self) -> None:
        """What waits now, and not what comes meanwhile: that is written together after the next pause."""
        waiting = len(self._queue)
        while waiting and (part := self._take(waiting)):
            waiting -= len(part)
            problem = ""
            try:
                self._log.append(self._environment, part)
                self._written += sum(len(request.inputs) + len(request.outputs) for request in part)
            except StoreError as error:
                problem = str(error)
            rows = sum(request.rows for request in part)
            with self._lock:
                self._waiting -= rows
                self._left_out += rows if problem else 0
            self._tell(problem)

    def _take(self, most: int) -> list[EncodedRequest]:
        """The next requests, as many as one statement writes."""
        found: list[EncodedRequest] = []
        rows = 0
        while self._queue and len(found) < min(most, _AT_ONCE) and rows < _ROWS_AT_ONCE:
            found.append(self._queue.popleft())
            rows += found[-1].rows
        return found

    def _tell(self, problem: str) -> None:
        if self._left_out and time.monotonic() - self._told_at > _TELL_EVERY:
            self._told_at = time.monotonic()
            reason = problem or "Too many waited."
            logger.warning("%d served rows are not in the prediction log. %s", self._left_out, reason)

    def _is_untidy(self) -> bool:
        return (
            time.monotonic() - self._tidied_at >= _TIDY_EVERY or self._written * _TIDY_SHARE > self.settings.keep_size
        )

    def _tidy(self) -> None:
        """Delete what is too old or too much, a little at a time, and write in between what has come meanwhile."""
        self._tidied_at, self._written = time.monotonic(), 0
        try:
            while self._log.prune(self._environment, time.time() - self.settings.keep, self.settings.keep_size):
                if self._closing.is_set():
                    return
                self._write_waiting()
        except StoreError as error:
            logger.warning("The prediction log is not tidied. %s", error)


def _without(answered: Answered, private: tuple[str, ...]) -> Answered:
    columns = {name: values for name, values in answered.batch.columns.items() if name not in private}
    return answered._replace(batch=Batch(answered.batch.rows, columns))


def _encode(answered: Answered) -> EncodedRequest:
    at, request_id, revision, model_ref, latency, batch, outputs = answered
    inputs = _json(batch.columns)
    return EncodedRequest(request_id, at, revision, model_ref, latency, batch.rows, inputs, _json(outputs))


def _json(content: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(content, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    except orjson.JSONEncodeError:  # a whole number of more than 64 bits, or half a surrogate pair
        return json.dumps(content, default=_plain)


def _plain(value: Any) -> Any:
    """What is called for a value that JSON does not have: an array of texts, of objects, or in pieces."""
    import numpy as np

    return value.tolist() if isinstance(value, np.ndarray) else str(value)
