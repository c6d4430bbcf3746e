"""What a server process knows of its own traffic: for its heartbeats, the console's cards and the judge of a canary.

Latencies are counted in buckets, each 1.2 times as wide as the one before: a quantile is right within 10 %, and the
counts of several processes can be added.
"""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from mlops_console.core.traffic import BOUNDS, Traffic

NO_REVISION = 0  # of requests that were refused before one was chosen: without a token, too large, …
_SPAN = 60.0  # seconds that `recent` looks back


@dataclass(slots=True)
class _Arm:
    """One revision's answers so far."""

    requests: int = 0
    errors: int = 0
    latency: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))

    def traffic(self) -> Traffic:
        return Traffic(self.requests, self.errors, tuple(self.latency))


class Stats:
    """Counts by revision, or `NO_REVISION`. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._arms: dict[int, _Arm] = {}
        self._since: dict[int, Traffic] = {}  # of each revision when `step` began
        self._step = ""
        self._looks: deque[tuple[float, Traffic]] = deque()
        self._mirrored = [0, 0]  # compared, agreed

    def count(self, revision: int, seconds: float, failed: bool) -> None:
        arm = self._arms.get(revision)
        if arm is None:
            arm = self._arms[revision] = _Arm()
        arm.requests += 1
        arm.latency[bisect_left(BOUNDS, seconds)] += 1
        if failed:
            arm.errors += 1

    def count_mirrored(self, rows: int, agreed: int) -> None:
        self._mirrored[0] += rows
        self._mirrored[1] += agreed

    def begin(self, step: str) -> None:
        """From now on `told` counts anew, unless it does already: another step of a rollout has begun."""
        if step == self._step:
            return
        self._step = step
        self._since = {revision: arm.traffic() for revision, arm in self._arms.items()}
        self._mirrored = [0, 0]

    def told(self, now: float) -> dict[str, Any]:
        """For a heartbeat: the traffic since the step began by revision, and that of the last minute in all.

        Args:
            now: on a monotonic clock.
        """
        total = Traffic()
        for arm in self._arms.values():
            total += arm.traffic()
        self._looks.append((now, total))
        while len(self._looks) > 1 and now - self._looks[1][0] >= _SPAN:
            self._looks.popleft()
        began, before = self._looks[0]
        arms = {
            str(revision): (arm.traffic() - self._since.get(revision, Traffic())).to_json()
            for revision, arm in self._arms.items()
        }
        return {
            "step": self._step,
            "arms": {revision: told for revision, told in arms.items() if told["requests"]},
            "recent": {"seconds": round(min(now - began, _SPAN), 1), **(total - before).to_json()},
            "mirrored": list(self._mirrored),
        }
