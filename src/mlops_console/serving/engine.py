"""A version in memory that answers rows: at once where that is quick, else gathered into batches.

While one batch is predicted, the requests that come meanwhile gather for the next one. So an idle server adds no wait,
and a busy one shares the cost of a call, which scikit-learn has for one row as for a hundred. A batch of a quick model
is predicted in the event loop's own thread: two threads that take turns at the interpreter cost more than they save.
"""

import asyncio
import time
from collections import deque
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.core.models import ModelVersion
from mlops_console.models.compiled import UncoveredRowsError
from mlops_console.serving.errors import BusyError, WrongInputError
from mlops_console.serving.inputs import Batch
from mlops_console.serving.model import Loaded

if TYPE_CHECKING:
    from numpy.typing import NDArray

Outputs = dict[str, "NDArray[Any]"]
Refused = WrongInputError | UncoveredRowsError

MOST_ROWS = 4096  # of one batch, unless a single request has more
AT_ONCE = 0.000_1  # seconds of a call that is not worth a moment's gathering
IN_LOOP = 0.02  # seconds of a call that the event loop may stand still for
_IN_LOOP_ROWS = 64
_GATHER = 0.25  # of what the last batch took
_LONGEST_GATHER = 0.002  # seconds
_TRIALS = 5


@dataclass(slots=True)
class _Waiting:
    batch: Batch
    future: "asyncio.Future[Outputs]"


class Engine:
    """Predictions of one version. All methods but `warm_up` belong to the event loop's thread.

    Args:
        pool: what slow predictions run in; they must hold up no other request.
        queue: how many requests may wait.
    """

    def __init__(self, loaded: Loaded, pool: Executor, queue: int) -> None:
        self.loaded = loaded
        self.version: ModelVersion = loaded.version
        self.queue = queue
        self.batches: deque[int] = deque(maxlen=1024)  # rows of the newest ones
        self._pool = pool
        self._quickest = float("inf")  # seconds of a call with one row
        self._waiting: deque[_Waiting] = deque()
        self._busy = False
        self._last = 0  # requests of the last batch
        self._gather_until = 0.0

    @property
    def waiting(self) -> int:
        """Requests that wait, without those that nobody waits for any more."""
        return sum(not item.future.done() for item in self._waiting)

    def warm_up(self, example: Batch | None) -> None:
        """Predict one row a few times: the first call is the slow one, and the quickest tells how to call it.

        Raises:
            WrongInputError: the version does not take its own example.
        """
        if example is None:
            return
        row = Batch(1, {name: values[:1] for name, values in example.columns.items()})
        for _ in range(_TRIALS):
            start = time.perf_counter()
            self.loaded.predict(row)
            self._quickest = min(self._quickest, time.perf_counter() - start)

    @property
    def is_quick(self) -> bool:
        return self._quickest <= AT_ONCE

    def answers_at_once(self, rows: int) -> bool:
        return self.is_quick and rows <= _IN_LOOP_ROWS and not self._waiting

    def answer(self, batch: Batch) -> Outputs:
        """The outputs, in this very thread.

        Raises:
            WrongInputError: the version does not take these rows.
            UncoveredRowsError: its compiled form does not; `predict_uncovered` does.
        """
        outputs = self.loaded.predict(batch)
        self.batches.append(batch.rows)
        return outputs

    async def predict(self, batch: Batch) -> Outputs:
        """The outputs, once it is the turn of these rows.

        Raises:
            WrongInputError: the version does not take these rows.
            UncoveredRowsError: its compiled form does not; `predict_uncovered` does.
            BusyError: too many requests wait already.
        """
        if len(self._waiting) >= self.queue:
            raise BusyError(f"{len(self._waiting)} requests wait for {self.version.ref} already: try again.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outputs] = loop.create_future()
        self._waiting.append(_Waiting(batch, future))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._predict_next)  # after the other requests that came at the same moment
        return await future

    async def predict_uncovered(self, batch: Batch) -> Outputs:
        """The outputs of the estimator itself, in a thread: the compiled form is not known to answer these rows alike.

        Raises:
            WrongInputError: the version does not take these rows.
            ModelError: the estimator can't be loaded.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self.loaded.predict_uncovered, batch)

    def _predict_next(self) -> None:
        """Predict what has gathered; those that nobody waits for any more are passed over.

        Who was answered together a moment ago will most likely ask again together: for a part of what the last batch
        took, the event loop goes round for their requests.
        """
        loop = asyncio.get_running_loop()
        if len(self._waiting) < self._last and time.perf_counter() < self._gather_until:
            loop.call_soon(self._predict_next)
            return
        found: list[_Waiting] = []
        rows = 0
        while self._waiting and (not found or rows + self._waiting[0].batch.rows <= MOST_ROWS):
            item = self._waiting.popleft()
            if not item.future.done():
                found.append(item)
                rows += item.batch.rows
        if not found:
            self._busy = False
            return
        self.batches.append(rows)
        self._last = len(found)
        begun = time.perf_counter()
        batches = [item.batch for item in found]
        if self._quickest <= IN_LOOP and rows <= _IN_LOOP_ROWS:
            try:
                self._predict_here(found, batches)
            finally:
                self._go_on(loop, begun)
            return

        def done(work: "asyncio.Future[list[Outputs | Refused]]") -> None:
            error = work.exception()
            _deliver(found, [error] * len(found) if error is not None else work.result())
            self._go_on(loop, begun)

        loop.run_in_executor(self._pool, self._predict_all, batches).add_done_callback(done)

    def _predict_here(self, found: list[_Waiting], batches: list[Batch]) -> None:
        """In the event loop's thread. Whatever happens, nobody is left waiting; the loop logs what is raised."""
        results: list[Any] = [RuntimeError(f"{self.version.ref} failed")] * len(found)
        try:
            results = self._predict_all(batches)
        finally:
            _deliver(found, results)

    def _go_on(self, loop: asyncio.AbstractEventLoop, begun: float) -> None:
        now = time.perf_counter()
        self._gather_until = now + min((now - begun) * _GATHER, _LONGEST_GATHER)
        self._busy = bool(self._waiting)
        if self._busy:
            loop.call_soon(self._predict_next)

    def _predict_all(self, batches: list[Batch]) -> list[Outputs | Refused]:
        """Where the version does not take the rows of one request, the others get their answers."""
        if len(batches) == 1:
            return [self._predict_one(batches[0])]
        joined = Batch(
            sum(batch.rows for batch in batches),
            {name: [value for batch in batches for value in batch.columns[name]] for name in batches[0].columns},
        )
        try:
            outputs = self.loaded.predict(joined)
        except (WrongInputError, UncoveredRowsError):
            return [self._predict_one(batch) for batch in batches]
        found: list[Outputs | Refused] = []
        start = 0
        for batch in batches:
            end = start + batch.rows
            found.append({name: array[start:end] for name, array in outputs.items()})
            start = end
        return found

    def _predict_one(self, batch: Batch) -> Outputs | Refused:
        try:
            return self.loaded.predict(batch)
        except (WrongInputError, UncoveredRowsError) as error:
            return error


def _deliver(found: list[_Waiting], results: "list[Any]") -> None:
    for item, result in zip(found, results, strict=True):
        if item.future.done():
            continue
        if isinstance(result, BaseException):
            item.future.set_exception(result)
        else:
            item.future.set_result(result)
