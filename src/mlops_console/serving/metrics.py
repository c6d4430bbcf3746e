"""What Prometheus reads at /metrics. Each server process counts in a file of its own, and whoever is asked adds up.

The counts of a process that has ended stay until the whole server is started anew, so that no rate jumps; what waited
in it is forgotten.
"""

import asyncio
import os
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_console.serving.gauges import Facts
from mlops_console.store.identity import identify

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_LATENCY = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_FLUSH = 0.5  # seconds until another process knows what this one has counted
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The counters of this process; a process that is killed takes those of the last half second with it.

    Args:
        folder: where the processes of one environment keep their counts. It must be given before anything else in this
            process imports prometheus_client.
        alone: whether no other process counts there: what ended ones have left is removed.
    """

    def __init__(self, folder: Path, alone: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if alone:
            for left in folder.glob("*.db"):
                left.unlink(missing_ok=True)
        os.environ[_FOLDER] = str(folder)
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        registry = CollectorRegistry()
        self._requests = Counter(
            "mlops_requests", "Requests that were answered.", ("protocol", "code", "revision"), registry=registry
        )
        self._latency = Histogram(
            "mlops_request_seconds", "Time from a request's end to its answer.", ("protocol",), registry=registry,
            buckets=_LATENCY,
        )  # fmt: skip
        self._batch_rows = Histogram(
            "mlops_batch_rows", "Rows that were predicted by one call.", registry=registry, buckets=_BATCH
        )
        self._queue = Gauge(
            "mlops_queue_requests", "Requests that wait for a prediction.", registry=registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self.unseen = Counter(
            "mlops_unseen_categories", "Rows with a category that training did not know.", ("column",),
            registry=registry,
        )  # fmt: skip
        self._told = 0
        self._answers: dict[tuple[str, int, int], _Tally] = {}
        self._batches = _Tally(None, self._batch_rows, _BATCH)
        self._flushing: asyncio.TimerHandle | None = None

    def predicted(self, batches: deque[int]) -> None:
        """Take in the sizes of the newest batches."""
        while batches:
            self._batches.add(batches.popleft())

    def waiting(self, requests: int) -> None:
        """So many requests of this process wait from now on."""
        if requests != self._told:
            self._told = requests
            self._queue.set(requests)

    def count(self, protocol: str, code: int, revision: int, seconds: float) -> None:
        key = (protocol, code, revision)
        found = self._answers.get(key)
        if found is None:
            counter = self._requests.labels(protocol, str(code), str(revision))
            found = self._answers[key] = _Tally(counter, self._latency.labels(protocol), _LATENCY)
        found.add(seconds)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(_FLUSH, self.flush)

    def flush(self) -> None:
        """Make what was counted so far known to whoever is asked for it."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        self._batches.flush()
        for tally in self._answers.values():
            tally.flush()


class _Tally:
    """Counts on their way to prometheus_client, of which each step takes microseconds: too much for each request.

    Args:
        counter: is counted up with each observation; None for none.
        bounds: the upper ends of the histogram's buckets.
    """

    __slots__ = ("_bounds", "_counter", "_counts", "_histogram", "_sum")

    def __init__(self, counter: "Counter | None", histogram: "Histogram", bounds: Sequence[float]) -> None:
        self._counter = counter
        self._histogram = histogram
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, observed: float) -> None:
        self._counts[bisect_left(self._bounds, observed)] += 1
        self._sum += observed

    def flush(self) -> None:
        seen = sum(self._counts)
        if not seen:
            return
        if self._counter is not None:
            self._counter.inc(seen)
        for bucket, count in zip(self._histogram._buckets, self._counts, strict=True):  # there is no public way
            if count:
                bucket.inc(count)
        self._histogram._sum.inc(self._sum)
        self._counts, self._sum = [0] * len(self._counts), 0.0


def page(facts: Facts) -> bytes:
    """The text of /metrics, over all processes."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    _forget_ended(Path(os.environ[_FOLDER]))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(facts)
    return generate_latest(registry)


def _forget_ended(folder: Path) -> None:
    """What waited in a process that has ended waits no longer. Its counts stay."""
    for file in folder.glob("gauge_live*_*.db"):
        try:
            identify(int(file.stem.rsplit("_", 1)[1]))
        except ProcessLookupError:
            file.unlink(missing_ok=True)
