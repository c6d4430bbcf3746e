"""Drift reports: one comparison of a window of live data with a version's reference data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlops_console.core.datasets import ColumnKind

LEAST_ROWS = 30  # values that a feature needs on both sides to be tested


class DriftVerdict(StrEnum):
    """What a report says of an environment, or of one of its features."""

    DRIFTED = "drifted"
    STABLE = "stable"
    UNTESTED = "untested"  # there was too little to test: it proves nothing, in neither direction


@dataclass(frozen=True, slots=True)
class Histogram:
    """Shares of both samples in the same bins; each sums to 1.

    Numeric: `edges` are the len(reference) + 1 bin edges. Categorical: `labels` names the bins.
    """

    reference: tuple[float, ...]
    current: tuple[float, ...]
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """The verdict on one feature. `n` reference rows and `m` current rows had a value."""

    feature: str
    kind: ColumnKind
    test: str  # "ks" or "chi2"
    n: int
    m: int
    statistic: float | None
    p_value: float | None
    psi: float | None
    drifted: bool
    verdict: str  # one sentence
    histogram: Histogram | None = None

    @property
    def tested(self) -> bool:
        return self.p_value is not None

    @property
    def outcome(self) -> DriftVerdict:
        if self.drifted:
            return DriftVerdict.DRIFTED
        return DriftVerdict.STABLE if self.tested else DriftVerdict.UNTESTED


@dataclass(frozen=True, slots=True)
class DriftReport:
    id: int
    environment: str
    model: str
    version: int
    revision: int
    window_start: float
    window_end: float
    rows: int
    reference_rows: int
    level: float  # of the tests, after the correction for several features
    drifted: bool
    created_at: float
    features: tuple[FeatureDrift, ...] = ()

    @property
    def drifted_features(self) -> tuple[str, ...]:
        return tuple(f.feature for f in self.features if f.drifted)

    @property
    def verdict(self) -> DriftVerdict:
        """Drifted if a feature has, stable if at least one was tested and none has."""
        if self.drifted:
            return DriftVerdict.DRIFTED
        return DriftVerdict.STABLE if any(f.tested for f in self.features) else DriftVerdict.UNTESTED

    @property
    def untested_because(self) -> str:
        """Why nothing could be tested: `too few rows (2 of at least 30)`; "" where something was."""
        if self.verdict is not DriftVerdict.UNTESTED:
            return ""
        if self.rows < LEAST_ROWS:
            return f"too few rows ({self.rows:,} of at least {LEAST_ROWS})"
        if self.reference_rows < LEAST_ROWS:
            return f"too few reference rows ({self.reference_rows:,} of at least {LEAST_ROWS})"
        return "no feature could be tested"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One logged row that a model server has answered."""

    at: float
    revision: int
    inputs: Mapping[str, Any]
    output: Any
