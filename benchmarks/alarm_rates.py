"""How often our verdict alarms in windows in which nothing has drifted."""

import time
import zlib
from dataclasses import dataclass, replace

from benchmarks.null_windows import as_counted, draw, suspects
from mlops_console.core.drift import DriftSettings
from mlops_console.drift.features import compare_counts

LEVEL = 0.01
SHIPPED = DriftSettings(level=LEVEL)
SIGNIFICANCE = replace(SHIPPED, least_effect=0.0)  # the harder one: every difference counts that is beyond chance
_WIDELY = 3.0  # times the level that the large-sample formulas are asked at, which windows could alarm at all
_MOST, _SECONDS = 250, 60.0  # suspects that the product judges, and how long at the most
_OTHERS = 40  # windows that are no suspects, judged as a check on them
_CELLS = 4_000_000  # drawn at once


@dataclass(frozen=True, slots=True)
class Alarms:
    """Of one cell.

    Attributes:
        judged: of the suspects, those that the product has judged; evenly chosen where there were too many.
        significant: of those, windows with any alarm where every difference counts.
        shipped: of those, with the least effect as it is shipped.
        features: of those, all features that alarmed where every difference counts.
        missed: of 40 others, those that alarmed: 0, or the suspects are too few.
    """

    windows: int
    features_each: int
    suspects: int
    judged: int
    significant: int
    shipped: int
    features: int
    missed: int

    @property
    def rate(self) -> float:
        """Windows with a false alarm, significance alone."""
        return self._of_all(self.significant)

    @property
    def rate_shipped(self) -> float:
        return self._of_all(self.shipped)

    @property
    def rate_of_features(self) -> float:
        return self._of_all(self.features) / self.features_each

    @property
    def error(self) -> float:
        """Standard error of `rate`, where the true one is the level."""
        judged = max(self.judged, 1) / max(self.suspects, 1)
        return float((LEVEL * (1 - LEVEL) / (self.windows * judged)) ** 0.5)

    @property
    def kept(self) -> bool:
        """Whether the level is kept, within three standard errors."""
        return self.rate <= LEVEL + 3 * self.error and not self.missed

    def _of_all(self, count: int) -> float:
        return count / max(self.judged, 1) * self.suspects / self.windows


def alarms(source: str, rows: int, features: int, windows: int) -> Alarms:
    """Draw the windows of a cell, and let the product judge those that could alarm."""
    import numpy as np

    rng = np.random.default_rng(zlib.crc32(f"{source} {rows} {features}".encode()))
    found, others = [], []
    portion = max(1, _CELLS // (features * 200))
    for start in range(0, windows, portion):
        reference, current = draw(source, rng, min(portion, windows - start), features, rows)
        suspicious = suspects(source, reference, current, _WIDELY * LEVEL)
        found += [(reference[at].copy(), current[at].copy()) for at in np.flatnonzero(suspicious)]
        others += [(reference[at].copy(), current[at].copy()) for at in np.flatnonzero(~suspicious)[:1]]
    deadline = time.monotonic() + _SECONDS
    judged = significant = shipped = alarmed = 0
    for at in rng.permutation(len(found))[:_MOST]:
        profile, window = as_counted(source, *found[at])
        drifted = sum(feature.drifted for feature in compare_counts(profile, window, SIGNIFICANCE))
        judged, alarmed, significant = judged + 1, alarmed + drifted, significant + bool(drifted)
        if drifted:
            shipped += any(feature.drifted for feature in compare_counts(profile, window, SHIPPED))
        if time.monotonic() > deadline:
            break
    checked = [as_counted(source, *pair) for pair in others[:_OTHERS]]
    missed = sum(any(f.drifted for f in compare_counts(*window, SIGNIFICANCE)) for window in checked)
    return Alarms(windows, features, len(found), judged, significant, shipped, alarmed, missed)
