"""Traffic as counts: requests, errors and a histogram of latencies that can be added up over processes."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

# Upper ends of the buckets in seconds, from 20 µs up to some 40 s.
BOUNDS: tuple[float, ...] = tuple(0.000_02 * 1.2**i for i in range(80))


@dataclass(frozen=True, slots=True)
class Traffic:
    """Answered requests. `latency` has one count for each of `BOUNDS`, and one for what took longer."""

    requests: int = 0
    errors: int = 0
    latency: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)

    def __add__(self, other: "Traffic") -> "Traffic":
        latency = tuple(a + b for a, b in zip(self.latency, other.latency, strict=True))
        return Traffic(self.requests + other.requests, self.errors + other.errors, latency)

    def __sub__(self, other: "Traffic") -> "Traffic":
        latency = tuple(a - b for a, b in zip(self.latency, other.latency, strict=True))
        return Traffic(self.requests - other.requests, self.errors - other.errors, latency)

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    def quantile(self, share: float) -> float | None:
        """The latency that this share of the requests kept to, in seconds, right within 10 %; None without any."""
        total = sum(self.latency)
        if not total:
            return None
        bucket = next(i for i, count in enumerate(accumulate(self.latency)) if count >= share * total)
        upper = BOUNDS[min(bucket, len(BOUNDS) - 1)]
        return upper / 1.2**0.5 if bucket < len(BOUNDS) else upper

    def to_json(self) -> dict[str, Any]:
        latency = {str(i): count for i, count in enumerate(self.latency) if count}
        return {"requests": self.requests, "errors": self.errors, "latency": latency}

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> "Traffic":
        latency = [0] * (len(BOUNDS) + 1)
        for bucket, count in data.get("latency", {}).items():
            latency[int(bucket)] = count
        return cls(data.get("requests", 0), data.get("errors", 0), tuple(latency))
