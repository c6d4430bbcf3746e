"""How long stages usually take, how long a pipeline will still take, and which stages that hangs on."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlops_console.core.runs import RunStatus, StageRun

_ENOUGH = 3  # runs, before one may be called slow
_SLOW = 1.5  # times the usual time at least


@dataclass(frozen=True, slots=True)
class Usual:
    """What a stage has taken lately, in seconds: the median, and the middle half of its times."""

    median: float
    low: float
    high: float
    runs: int

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


def left(stages: Iterable[StageRun], times: Mapping[str, Usual], now: float) -> float | None:
    """Seconds until all stages have ended, if each takes its usual time and none waits for a slot.

    None where a stage that has not ended never ran before: nothing can be said.
    """
    ends: dict[str, float] = {}
    for stage in stages:
        if stage.status.is_final:
            ends[stage.stage] = 0.0
            continue
        if stage.stage not in times:
            return None
        passed = now - stage.started_at if stage.started_at is not None else 0.0
        own = max(times[stage.stage].median - passed, 0.0)
        ends[stage.stage] = max((ends.get(dep, 0.0) for dep in stage.deps), default=0.0) + own
    return max(ends.values(), default=None)


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
