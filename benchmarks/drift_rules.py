"""The default rules of other tools, as their sources have them, so that they can be asked a million times.

Evidently 0.7.23 (`legacy/calculations/stattests/registry.py`), NannyML 0.13.1 (`drift/univariate`, `thresholds.py`),
alibi-detect 0.13.0 (`cd/tabular.py`, `cd/base.py`); `benchmarks/drift_agreement.py` holds them to the packages.
"""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

_SMALL = 1000  # rows of the reference, up to which Evidently takes tests and beyond which it takes distances
CHUNKS = 10  # that NannyML cuts its reference into


def evidently(reference: "Values", current: "Values", *, categorical: bool) -> bool:
    """Whether a column has drifted by its default choice of test and threshold. Categories are numbers here."""
    from scipy.stats import ks_2samp, wasserstein_distance

    counts = _counts(reference, current) if categorical else None
    if len(reference) > _SMALL:
        if counts is not None:
            return _jensen_shannon(*counts) >= 0.1
        return wasserstein_distance(reference, current) / max(float(reference.std()), 0.001) >= 0.1
    if counts is None:
        return float(ks_2samp(reference, current).pvalue) <= 0.05
    return _one_sample_chi_squared(*counts) < 0.05


@dataclass(frozen=True, slots=True)
class Nannyml:
    """A column fitted: chunks drift whose Jensen-Shannon distance is beyond the mean + 3 standard deviations of the
    chunks of the reference."""

    bins: "Values"
    shares: "Values"
    threshold: float
    categorical: bool

    @classmethod
    def fit(cls, reference: "Values", *, categorical: bool) -> "Nannyml":
        import numpy as np

        if categorical:
            bins, counts = np.unique(reference, return_counts=True)
        else:
            bins = np.histogram_bin_edges(reference, bins="doane")
            counts = np.histogram(reference, bins)[0]
        unfitted = cls(bins, counts / len(reference), 0.0, categorical)
        apart = [unfitted.distance(chunk) for chunk in np.array_split(reference, CHUNKS)]
        return cls(bins, unfitted.shares, float(np.mean(apart) + 3 * np.std(apart)), categorical)

    def distance(self, chunk: "Values") -> float:
        import numpy as np

        if self.categorical:
            at = np.minimum(np.searchsorted(self.bins, chunk), len(self.bins) - 1)
            found = np.bincount(at[self.bins[at] == chunk], minlength=len(self.bins)) / len(chunk)
        else:
            found = np.histogram(chunk, self.bins)[0] / len(chunk)
        rest = 1 - found.sum()  # beyond the bins of the reference
        return _jensen_shannon(np.append(self.shares, 0.0), np.append(found, max(rest, 0.0)), base=2)

    def drifted(self, chunk: "Values") -> bool:
        return self.distance(chunk) > self.threshold


def alibi_detect(reference: "Values", current: "Values", *, categorical: bool) -> float:
    """The p-value of a column; the detector alarms where one of d columns is below 0.05 / d."""
    from scipy.stats import chi2_contingency, ks_2samp

    if not categorical:
        return float(ks_2samp(reference, current, method="asymp").pvalue)
    counts = _counts(reference, current)
    return float(chi2_contingency([*counts])[1]) if len(counts[0]) > 1 else 1.0


def _counts(reference: "Values", current: "Values") -> tuple["Values", "Values"]:
    import numpy as np

    known, at = np.unique(np.concatenate([reference, current]), return_inverse=True)
    before, after = (np.bincount(part, minlength=len(known)) for part in np.split(at, [len(reference)]))
    return before.astype(np.float64), after.astype(np.float64)


def _jensen_shannon(reference: "Values", current: "Values", base: float | None = None) -> float:
    from scipy.spatial.distance import jensenshannon

    return float(jensenshannon(reference, current, base))


def _one_sample_chi_squared(reference: "Values", current: "Values") -> float:
    """With the counts of the reference taken for exact; two categories by a z test, as Evidently does."""
    import numpy as np
    from scipy.stats import chisquare, norm

    n, m = reference.sum(), current.sum()
    if len(reference) == 2:
        pooled = (reference[1] + current[1]) / (n + m)
        apart = reference[1] / n - current[1] / m
        return float(2 * norm.sf(abs(apart) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))))
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")
        return float(chisquare(current, reference * (m / n)).pvalue)
