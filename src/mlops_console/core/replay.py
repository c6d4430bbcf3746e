"""Replays: what a candidate says to the newest logged requests of an environment, beside the version that is live."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Latency:
    """Of one request, in seconds."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class ReplayedRow:
    """One row that the two versions answer differently; all values are short texts.

    `difference` is None where it is no number: another label, or rows that the candidate refuses.
    """

    inputs: Mapping[str, str]
    live: str
    candidate: str
    difference: float | None


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """How a candidate answered beside the live version.

    Attributes:
    live: the version that is live, as in fraud:7.
    requests: those that were replayed, and `rows` in them; `left_out`: requests that the live version itself does
        not take any more.
    refused: rows that the candidate does not take; they count as disagreeing.
    agreement: the share of the rows with the same answer: the same label, or numbers that differ by at most 1e-6,
        relative where the live answer is above 1.
    difference_of: what the differences are of: "probability of CLASS", "prediction"; "" where there are none.
    edges: of the histogram of the differences, candidate minus live; `counts` are the rows of its bins.
    worst: the rows that disagree most, the worst first.
    """

    live: str
    requests: int
    rows: int
    left_out: int
    refused: int
    agreement: float
    difference_of: str
    mean_difference: float | None  # of the magnitudes
    max_difference: float | None
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    worst: tuple[ReplayedRow, ...]
    live_latency: Latency | None  # None where the candidate takes no request
    candidate_latency: Latency | None

    @property
    def latency_ratio(self) -> float | None:
        """The candidate's median latency as a multiple of the live version's."""
        if self.live_latency is None or self.candidate_latency is None:
            return None
        return self.candidate_latency.p50 / self.live_latency.p50

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """What `as_json` has given."""
        return cls(
            **{
                **data,
                "edges": tuple(data["edges"]),
                "counts": tuple(data["counts"]),
                "worst": tuple(ReplayedRow(**row) for row in data["worst"]),
                "live_latency": _latency(data["live_latency"]),
                "candidate_latency": _latency(data["candidate_latency"]),
            }
        )


def _latency(data: Mapping[str, float] | None) -> Latency | None:
    return None if data is None else Latency(**data)
