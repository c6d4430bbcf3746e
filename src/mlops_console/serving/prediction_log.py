"""Served rows on their way to `predictions.db`: queued in memory, written by a thread, never waited for."""

import logging
import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.core.drift import Prediction
from mlops_console.core.errors import StoreError
from mlops_console.serving.inputs import Batch
from mlops_console.serving.model import outputs_by_row
from mlops_console.store.predictions import PredictionLog

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_ROWS = 100_000  # that may wait; beyond it rows are left out of the log, not requests refused
_BATCH = 5_000  # rows a transaction
_PAUSE = 0.1  # seconds between two transactions
_TELL_EVERY = 60.0  # seconds between two warnings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Answered:
    at: float
    revision: int
    batch: Batch
    outputs: dict[str, "NDArray[Any]"]


class PredictionWriter:
    """Takes answered rows from any thread; call `start` once, and `close` to write what still waits."""

    def __init__(self, log: PredictionLog, environment: str) -> None:
        self._log = log
        self._environment = environment
        self._queue: queue.SimpleQueue[_Answered | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        self._left_out = 0
        self._told_at = 0.0
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, revision: int, batch: Batch, outputs: dict[str, "NDArray[Any]"]) -> None:
        """Queue rows. Where too many wait already they are left out."""
        with self._lock:
            if self._waiting + batch.rows > MOST_ROWS:
                self._left_out += batch.rows
                return
            self._waiting += batch.rows
        self._queue.put(_Answered(time.time(), revision, batch, outputs))

    def close(self) -> None:
        """Write what waits and end."""
        self._queue.put(None)
        self._thread.join(timeout=10)

    def _run(self) -> None:
        ending = False
        while not ending:
            answered, ending = self._gather()
            if answered:
                self._write(answered)
            if not ending:
                time.sleep(_PAUSE)

    def _gather(self) -> tuple[list[_Answered], bool]:
        """Wait for the first, then take what is there, up to one transaction's worth; whether it is the end."""
        found: list[_Answered] = []
        rows = 0
        item = self._queue.get()
        while item is not None:
            found.append(item)
            rows += item.batch.rows
            if rows >= _BATCH or self._queue.empty():
                return found, False
            item = self._queue.get()
        return found, True

    def _write(self, answered: list[_Answered]) -> None:
        rows = [row for item in answered for row in _to_rows(item)]
        problem = ""
        try:
            self._log.append(self._environment, rows)
        except StoreError as error:
            problem = str(error)
        with self._lock:
            self._waiting -= len(rows)
            self._left_out += len(rows) if problem else 0
            left_out = self._left_out
        if left_out and time.monotonic() - self._told_at > _TELL_EVERY:
            self._told_at = time.monotonic()
            logger.warning("%d served rows are not in the prediction log. %s", left_out, problem or "Too many waited.")


def _to_rows(item: _Answered) -> list[Prediction]:
    names = list(item.batch.columns)
    rows = zip(*item.batch.columns.values(), strict=True)
    outputs = outputs_by_row(item.outputs, item.batch.rows)
    return [
        Prediction(item.at, item.revision, dict(zip(names, values, strict=True)), output)
        for values, output in zip(rows, outputs, strict=True)
    ]
