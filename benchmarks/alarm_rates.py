"""How often our verdict alarms in windows in which nothing has drifted."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from unittest.mock import patch

from benchmarks.null_windows import as_counted, draw, suspects
from mlops_console.core.drift import DriftSettings
from mlops_console.core.profiles import ReferenceProfile, WindowCounts
from mlops_console.drift.features import compare_counts
from mlops_console.drift.statistics import nulls

LEVEL = 0.01
SHIPPED = DriftSettings(level=LEVEL)
SIGNIFICANCE = replace(SHIPPED, least_effect=0.0)  # the harder one: every difference counts that is beyond chance
_WIDELY = 2.0  # times the level that the large-sample formulas are asked at, which windows could alarm at all
_OTHERS, _OTHERS_EACH = 40, 4  # windows that are no suspects, judged as a check on them: all, and of one draw
_CELLS = 4_000_000  # drawn at once


@dataclass(frozen=True, slots=True)
class Alarms:
    """Of one cell.

    Attributes:
        suspects: windows that could alarm at all, each of which the product has judged.
        significant: of those, windows with any alarm where every difference counts.
        shipped: of those, with the least effect as it is shipped.
        features: of those, all features that alarmed where every difference counts.
        checked: others, judged as a check. `missed`: of these, those that alarmed: 0, or the suspects are too few.
    """

    windows: int
    features_each: int
    suspects: int
    significant: int
    shipped: int
    features: int
    checked: int
    missed: int

    @property
    def rate(self) -> float:
        """Windows with a false alarm, significance alone."""
        return self.significant / self.windows

    @property
    def rate_shipped(self) -> float:
        return self.shipped / self.windows

    @property
    def error(self) -> float:
        """Standard error of `rate`, where the true one is the level."""
        return float((LEVEL * (1 - LEVEL) / self.windows) ** 0.5)

    @property
    def kept(self) -> bool:
        """Whether the level is kept, within three standard errors."""
        return self.rate <= LEVEL + 3 * self.error and not self.missed


def alarms(source: str, rows: int, features: int, windows: int) -> Alarms:
    """Draw the windows of a cell, and let the product judge those that could alarm."""
    import numpy as np

    rng = np.random.default_rng(zlib.crc32(f"{source} {rows} {features}".encode()))
    suspected = significant = shipped = alarmed = missed = checked = 0
    portion = max(1, _CELLS // (features * 200))
    with _each_distance_once():
        for start in range(0, windows, portion):
            reference, current = draw(source, rng, min(portion, windows - start), features, rows)
            suspicious = suspects(source, reference, current, _WIDELY * LEVEL)
            for at in np.flatnonzero(suspicious):
                window = as_counted(source, reference[at], current[at])
                drifted = _drifted(window, SIGNIFICANCE)
                suspected, alarmed, significant = suspected + 1, alarmed + drifted, significant + bool(drifted)
                shipped += bool(drifted and _drifted(window, SHIPPED))
            for at in np.flatnonzero(~suspicious)[: min(_OTHERS_EACH, _OTHERS - checked)]:
                checked += 1
                missed += bool(_drifted(as_counted(source, reference[at], current[at]), SIGNIFICANCE))
    return Alarms(windows, features, suspected, significant, shipped, alarmed, checked, missed)


def _drifted(window: tuple[ReferenceProfile, WindowCounts], settings: DriftSettings) -> int:
    """How many features of a window have."""
    return sum(feature.drifted for feature in compare_counts(*window, settings))


@contextmanager
def _each_distance_once() -> Iterator[None]:
    """The product's own p-values of Kolmogorov-Smirnov, each reckoned but once: windows of one size share most."""
    known: dict[tuple[int, int, int], float] = {}
    reckon = nulls.kolmogorov_smirnov

    def remembered(i: int, n: int, j: int, m: int) -> float:
        distance = (abs(i * m - j * n), n, m)
        if distance not in known:
            known[distance] = reckon(i, n, j, m)
        return known[distance]

    with patch.object(nulls, "kolmogorov_smirnov", remembered):
        yield
