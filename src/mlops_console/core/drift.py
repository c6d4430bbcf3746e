"""Drift reports: one comparison of a window of live data with a version's reference data, or of any two samples."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from mlops_console.core.datasets import ColumnKind
from mlops_console.core.performance import Performance
from mlops_console.core.text import number, safe_line, shorten

LEAST_ROWS = 30  # values that a feature needs on both sides to be tested
_PRINTED = 50  # features that str() has

Role = Literal["input", "prediction", "error", "together"]
Against = Literal["reference", "previous", "last-week"]
Unit = Literal["σ", "share"]
Profile = Literal["calibrated", "evidently"]


class DriftVerdict(StrEnum):
    """What a report says of an environment, or of one of its features."""

    DRIFTED = "drifted"
    STABLE = "stable"
    UNTESTED = "untested"  # there was too little to test: it proves nothing, in neither direction


@dataclass(frozen=True, slots=True)
class DriftSettings:
    """How a verdict is made; what `[monitor]` of mlops.toml says of it.

    Attributes:
        level: false discovery rate over all tests of one report, between 0 and 1 (Benjamini and Hochberg 1995).
        least_effect: the least difference that counts, as a share of the rows from 0 to 1 (Kolmogorov-Smirnov distance,
            total variation, difference of the missing shares).
        numeric: the test of numeric columns.
        categorical: the test of categorical columns.
        profile: "evidently" takes Evidently 0.7's own choice of tests and thresholds, without any correction.
    """

    level: float = 0.01
    least_effect: float = 0.1
    numeric: Literal["ks", "wasserstein", "psi", "jensen_shannon", "hellinger"] = "ks"
    categorical: Literal["chi2", "psi", "jensen_shannon", "hellinger", "total_variation"] = "chi2"
    profile: Profile = "calibrated"


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
    """The verdict on one feature, prediction or error. `n` reference rows and `m` current rows had a value.

    Attributes:
        test: the test that decided: "ks", "chi2", "missing", …; "" where nothing could be tested.
        statistic: of that test, as its source defines it.
        p_value: of that test, before the correction for several tests. None where nothing was tested.
        psi: population stability index over the reference's bins, for comparison with other tools.
        drifted: both significant after the correction, and not less than the least effect.
        verdict: one sentence: "amount has moved by 0.31 σ; 1,240 rows; a shift of 0.09 σ would have been seen".
        histogram: both samples in the same bins.
        role: what it is; "together" is the test of all columns at once.
        effect: how far it has moved, in `unit`: "σ", the shift of a normal distribution with the same
            Kolmogorov-Smirnov distance; "share", the share of the rows (0 to 1) that would have to change.
        threshold: the effect from which this window would have drifted, in `unit`.
        smallest_shift: the true effect that a window of this size shows in 80 % of cases, in `unit`; None where that is
            not known.
        importance: to the live model, 0 to 1, all features together 1; None where it is not known.
        findings: what else was found, a sentence each: new, vanished and rare categories, values out of range, a change
            of type, a constant column, missing values.
        new_rows: of the `m`, those with a category that the reference does not have; None where that is not known.
    """

    name: str
    kind: ColumnKind
    test: str
    n: int
    m: int
    statistic: float | None
    p_value: float | None
    psi: float | None
    drifted: bool
    verdict: str
    histogram: Histogram | None = None
    role: Role = "input"
    effect: float | None = None
    threshold: float | None = None
    smallest_shift: float | None = None
    unit: Unit = "share"
    importance: float | None = None
    findings: tuple[str, ...] = ()
    new_rows: int | None = None

    @property
    def tested(self) -> bool:
        return self.p_value is not None

    @property
    def outcome(self) -> DriftVerdict:
        if self.drifted:
            return DriftVerdict.DRIFTED
        return DriftVerdict.STABLE if self.tested else DriftVerdict.UNTESTED


@dataclass(frozen=True, slots=True)
class SliceDrift:
    """The drift of one slice of the rows, as `country = DE` or `0 ≤ amount < 100`."""

    slice: str
    rows: int
    drifted: bool
    drifted_features: tuple[str, ...]
    verdict: str  # one sentence


@dataclass(frozen=True, slots=True)
class DriftReport:
    """One comparison. Of two files or frames, all that names an environment, a model or a time is empty.

    Attributes:
        rows: of the window. `reference_rows`: of what it is compared with.
        level: false discovery rate over the features.
        features: the ones to look at first: those that drifted, by drift x importance.
        against: what the window was compared with.
        performance: what the model was worth in the window; None where that is not known.
        slices: the worst first.
        notes: what a reader has to know of the window, a sentence each.
    """

    id: int = 0
    environment: str = ""
    model: str = ""
    version: int = 0
    revision: int = 0
    window_start: float = 0.0
    window_end: float = 0.0
    rows: int = 0
    reference_rows: int = 0
    level: float = 0.01
    drifted: bool = False
    created_at: float = 0.0
    features: tuple[FeatureDrift, ...] = ()
    against: Against = "reference"
    least_effect: float = 0.1
    performance: Performance | None = None
    slices: tuple[SliceDrift, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The verdict, which rows were compared, and a line for each of the first features."""
        lines = [f"{self.verdict}: {self._saying}", f"{self.rows:,} rows against {self.reference_rows:,}"]
        table = [("feature", "verdict", "moved by", "limit", "seen from"), *map(_line, self.features[:_PRINTED])]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines += ["  ".join(map(str.ljust, line, widths)).rstrip() for line in table]
        if len(self.features) > _PRINTED:
            lines.append(f"… and {len(self.features) - _PRINTED:,} more")
        return "\n".join([*lines, *(safe_line(note) for note in self.notes)])

    def __repr__(self) -> str:
        compared = f"{self.rows:,} rows against {self.reference_rows:,}"
        return (
            f"<DriftReport: {self.verdict}, {len(self.drifted_features)} of {len(self.features)} features, {compared}>"
        )

    @property
    def drifted_features(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.features if f.drifted)

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

    @property
    def _saying(self) -> str:
        worst = next((feature.verdict for feature in self.features if feature.drifted), "")
        return safe_line(worst) or self.untested_because or "no feature differs beyond chance"


def _line(feature: FeatureDrift) -> tuple[str, ...]:
    effects = (feature.effect, feature.threshold, feature.smallest_shift)
    return (safe_line(shorten(feature.name, 40)), feature.outcome, *(effect_text(e, feature.unit) for e in effects))


def effect_text(effect: float | None, unit: Unit) -> str:
    """How far a feature has moved, as all say it: `0.31 σ`, or of the rows `12 %`; "–" for none."""
    if effect is None or not math.isfinite(effect):
        return number(effect)
    if unit == "share":
        return percent(effect)
    return f"{effect:.2f} σ" if abs(effect) < 100 else f"{number(effect)} σ"


def percent(share: float) -> str:
    """A share of rows: `4.1 %`, whole from 10 % to 90 %, where a tenth says nothing."""
    digits = 0 if share == 0 or 0.0995 <= share <= 0.9 or share == 1 else 1
    return f"{100 * share:.{digits}f} %"
