"""Drift reports: one comparison of a window of live data with a version's reference data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_console.core.datasets import ColumnKind


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


@dataclass(frozen=True, slots=True)
class Prediction:
    """One logged row that a model server has answered."""

    at: float
    revision: int
    inputs: Mapping[str, Any]
    output: Any
