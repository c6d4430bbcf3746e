"""How long stages usually take, how long a pipeline will still take, and which stages that hangs on."""

import heapq
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.core.text import duration

_ENOUGH = 3  # runs, before one may be called slow
_SLOW = 1.5  # times the usual time at least


@dataclass(frozen=True, slots=True)
class Usual:
    """What a stage has taken lately, in seconds: the median, and the middle half of its times."""

    median: float
    low: float
    high: float
    runs: int

    def __str__(self) -> str:
        low, median, high = map(duration, (self.low, self.median, self.high))
        spread = f" ({low}–{high})" if low != high else ""
        return f"{median}{spread} in {self.runs} run{'s' if self.runs > 1 else ''}"

    def is_slow(self, took: float) -> bool:
        """Whether it takes longer than it ever should: beyond Tukey's fence, and well beyond the median."""
        fence = self.high + 1.5 * (self.high - self.low)
        return self.runs >= _ENOUGH and took > max(fence, _SLOW * self.median)


def usual(seconds: Sequence[float]) -> Usual | None:
    """Out of the times of like runs; None without any."""
    if not seconds:
        return None
    if len(seconds) == 1:
        return Usual(seconds[0], seconds[0], seconds[0], 1)
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return Usual(median, low, high, len(seconds))


@dataclass(frozen=True, slots=True)
class Left:
    """Seconds until the end of a pipeline: by the median of each stage's times, and by the ends of their middle half.

    `late` are the running stages that take longer than nearly ever: of these the past does not tell.
    """

    median: float
    low: float
    high: float
    late: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{', '.join(self.late)} longer than usual" if self.late else f"{self.span} left"

    @property
    def span(self) -> str:
        """`12s`, or `12s (9.0s–20s)` where it varies."""
        low, median, high = map(duration, (self.low, self.median, self.high))
        return median if low == high else f"{median} ({low}–{high})"


def left(stages: Sequence[StageRun], times: Mapping[str, Usual], now: float, slots: int) -> Left | None:
    """What is left if each stage takes its usual time and at most `slots` run at once.

    Args:
        stages: in the order of the DAG.

    Returns:
        None where a stage that has not ended never ran before, or there is none: nothing can be said.
    """
    unfinished = [stage for stage in stages if not stage.status.is_final]
    if not stages or any(stage.stage not in times for stage in unfinished):
        return None
    passed = {stage.stage: took(stage, now) or 0.0 for stage in unfinished}
    found = sorted(
        _until_end(unfinished, {name: max(seconds(times[name]) - passed[name], 0.0) for name in passed}, slots)
        for seconds in (attrgetter("low"), attrgetter("median"), attrgetter("high"))
    )
    running = [stage.stage for stage in unfinished if stage.started_at is not None]
    late = tuple(name for name in running if times[name].is_slow(passed[name]))
    return Left(found[1], found[0], found[2], late)


def _until_end(stages: Sequence[StageRun], seconds: Mapping[str, float], slots: int) -> float:
    """Stages begin in their order, each as soon as there is a slot and what it waits for has ended."""
    waiting = [stage for stage in stages if stage.started_at is None]
    running = [(seconds[stage.stage], stage.stage) for stage in stages if stage.started_at is not None]
    heapq.heapify(running)
    now = 0.0
    unfinished = set(seconds)
    while running or waiting:
        ready = [stage for stage in waiting if not unfinished & set(stage.deps)]
        for stage in ready[: max(slots - len(running), 0)]:
            waiting.remove(stage)
            heapq.heappush(running, (now + seconds[stage.stage], stage.stage))
        if not running:  # what the others wait for is not among them
            return now + sum(seconds[stage.stage] for stage in waiting)
        now, ended = heapq.heappop(running)
        unfinished.discard(ended)
    return now


def critical_path(stages: Sequence[StageRun], seconds: Mapping[str, float]) -> tuple[str, ...]:
    """The chain of stages that the pipeline as a whole can't be quicker than, in their order.

    Args:
        stages: in the order of the DAG.
        seconds: what each takes; nothing where it is not known.
    """
    ends: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for stage in stages:
        waited = [dep for dep in stage.deps if dep in ends]
        last = max(waited, key=ends.__getitem__, default=None)
        before[stage.stage] = last
        ends[stage.stage] = seconds.get(stage.stage, 0.0) + (ends[last] if last else 0.0)
    at = max(ends, key=ends.__getitem__, default=None)
    path: list[str] = []
    while at is not None:
        path.append(at)
        at = before[at]
    return tuple(reversed(path))


def to_speed_up(path: Sequence[str], seconds: Mapping[str, float]) -> str | None:
    """The stage of the critical path that takes longest: every second it loses, the pipeline loses."""
    return max((name for name in path if seconds.get(name)), key=lambda name: seconds[name], default=None)


def took(stage: StageRun, now: float) -> float | None:
    """Seconds; so far, where it still runs."""
    if stage.started_at is None:
        return None
    end = stage.ended_at if stage.ended_at is not None else now
    return max(end - stage.started_at, 0.0)


def seconds_of(stages: Iterable[StageRun], times: Mapping[str, Usual], now: float) -> dict[str, float]:
    """What each stage takes: what it took in this run, else, or if that is not over, what is usual."""
    found: dict[str, float] = {}
    for stage in stages:
        so_far = took(stage, now) or 0.0
        expected = times[stage.stage].median if stage.stage in times else 0.0
        ended = stage.status is RunStatus.SUCCEEDED and stage.cached_from is None
        found[stage.stage] = so_far if ended else max(so_far, expected)
    return found
