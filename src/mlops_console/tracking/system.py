"""What a run costs its machine, looked at every 15 s by the clerk: the series `system/…`.

| series | unit |
| --- | --- |
| `system/cpu` | % of one core, of the process and its children: 400 is four cores at full load |
| `system/cpu_machine` | % of all cores |
| `system/memory` | bytes in RAM (RSS) of the process and its children; what they share counts once for each |
| `system/memory_machine` | % of the RAM |
| `system/disk_read`, `system/disk_write` | bytes per second of the process and its children; where it tells |
| `system/network_sent`, `system/network_received` | bytes per second of the machine, without its loopback |
| `system/gpu0/utilization`, `system/gpu0/memory`, and so on | % of its time, and bytes; of each GPU that NVML knows |

Their step is the whole seconds since the run's start. They are no part of the spool: a sample is worth less than the
certainty that what training logs comes first, and so the bound on metric names is not theirs either.
"""

import contextlib
import importlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from mlops_console.core.errors import MlopsError
from mlops_console.store import series

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

INTERVAL = 15.0  # seconds between two samples; the first comes as late, so that short runs stay bare
_WARM_UP = 1.0  # seconds before the first sample at which what is a rate begins to be counted
_TICK = 1.0  # seconds between two looks at the clock, where there is no clerk

_Points = list[tuple[str, int, float, float]]
_Figures = dict[str, float]
_Sensor = Callable[[_Figures, _Figures], None]  # adds to what is, and to what only ever grows


class Monitor:
    """Says what is due of one run. psutil is not imported before the first sample draws near."""

    def __init__(self, began: float) -> None:
        """`began` is the run's start, in seconds of `time.monotonic`."""
        self._began = began
        self._next = began + INTERVAL
        self._sampler: _Sampler | None = None

    def points(self, now: float) -> _Points:
        """The points `(metric, step, value, at)` that are due at `now`, of `time.monotonic`: mostly none."""
        if self._sampler is None and now >= self._next - min(_WARM_UP, INTERVAL / 2):
            self._sampler = _Sampler()
        if self._sampler is None or now < self._next:
            return []
        self._next += INTERVAL * (1 + (now - self._next) // INTERVAL)
        step, at = int(now - self._began), time.time()
        return [(name, step, value, at) for name, value in self._sampler.sample().items()]


@contextlib.contextmanager
def sampled(workspace: "Workspace", run_id: str) -> Iterator[None]:
    """Sample this process and its children while the block runs, in a thread: for the stages of a worker's run."""
    ended = threading.Event()

    def work() -> None:
        monitor = Monitor(time.monotonic())
        while not ended.wait(min(_TICK, INTERVAL / 4)):
            if points := monitor.points(time.monotonic()):
                with contextlib.suppress(MlopsError), workspace.store.write() as tx:
                    series.ingest(tx, run_id, points)
        workspace.store.close()

    thread = threading.Thread(target=work, name="mlops-console system metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class _Sampler:
    """Reads the sensors; of those that count, it tells how fast they have grown since it looked last."""

    def __init__(self) -> None:
        self._sensors: tuple[_Sensor, ...] = (_processes, _memory, _cores, _network, _Graphics())
        self._at, self._totals = time.monotonic(), self._look()[1]

    def sample(self) -> _Figures:
        levels, totals = self._look()
        now, before = time.monotonic(), self._totals
        seconds = now - self._at
        if seconds > 0.01:  # else there is no telling how fast anything is
            rates = {name: max(0.0, total - before[name]) / seconds for name, total in totals.items() if name in before}
            levels |= rates
        self._at, self._totals = now, totals
        return {f"system/{name}": value for name, value in levels.items()}

    def _look(self) -> tuple[_Figures, _Figures]:
        """What is, and what only ever grows."""
        levels: _Figures = {}
        totals: _Figures = {}
        for sensor in self._sensors:
            try:
                sensor(levels, totals)
            except Exception:  # noqa: BLE001 - a driver of somebody else's: its trouble is not the run's
                continue
        return levels, totals


def _processes(levels: _Figures, totals: _Figures) -> None:
    import psutil

    root = psutil.Process()
    memory = cpu = read = written = 0.0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()  # with those of the children that have ended
            memory += process.memory_info().rss
            cpu += sum(times[:4])
            disk = process.io_counters() if hasattr(process, "io_counters") else None
            if disk is not None:
                read, written = read + disk.read_bytes, written + disk.write_bytes
    levels["memory"] = memory
    totals["cpu"] = 100 * cpu
    if hasattr(root, "io_counters"):
        totals |= {"disk_read": read, "disk_write": written}


def _memory(levels: _Figures, totals: _Figures) -> None:
    import psutil

    levels["memory_machine"] = psutil.virtual_memory().percent


def _cores(levels: _Figures, totals: _Figures) -> None:
    import psutil

    times = psutil.cpu_times()._asdict()
    idle = ("idle", "iowait", "guest", "guest_nice")  # guests count as "user" already
    busy = sum(seconds for name, seconds in times.items() if name not in idle)
    totals["cpu_machine"] = 100 * busy / (psutil.cpu_count() or 1)


def _network(levels: _Figures, totals: _Figures) -> None:
    import psutil

    cards = psutil.net_io_counters(pernic=True, nowrap=False)
    real = [card for name, card in cards.items() if not name.startswith("lo")]
    totals["network_sent"] = sum(card.bytes_sent for card in real)
    totals["network_received"] = sum(card.bytes_recv for card in real)


class _Graphics:
    """Every GPU that NVML knows, where pynvml is installed."""

    def __init__(self) -> None:
        self._handles: list[Any] | None = None

    def __call__(self, levels: _Figures, totals: _Figures) -> None:
        if self._handles == []:
            return
        if self._handles is None:
            self._handles = []  # for good, unless all of the following works
            self._nvml = importlib.import_module("pynvml")
            self._nvml.nvmlInit()
            self._handles = [self._nvml.nvmlDeviceGetHandleByIndex(n) for n in range(self._nvml.nvmlDeviceGetCount())]
        for number, handle in enumerate(self._handles):
            levels[f"gpu{number}/utilization"] = float(self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
            levels[f"gpu{number}/memory"] = float(self._nvml.nvmlDeviceGetMemoryInfo(handle).used)
