"""What the statistics are where nothing has drifted: p-values at the sizes and bins at hand, and what they demand.

Analytic where that is right, by shuffling elsewhere. The large-sample formula of a statistic of counts errs in its far
tail even with many rows in each bin, and always to the side of an alarm; so a small p-value is taken of it only where
its order of magnitude is beyond doubt, and is shuffled for else. As a p-value above the level alarms about nothing,
whichever way it was got, this never alarms more often than shuffling alone.
"""

import math
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_console.drift.statistics import power

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

Measure = Callable[["Counts", "Counts"], "Floats"]

_EXACT_ROWS = 10_000  # of a side, up to which the Kolmogorov-Smirnov p-value is exact, as in scipy
_EXPECTED = 5  # rows of each cell, that the large-sample formula is taken of at all
_PLENTY = 10_000  # rows of each cell, from which it is right in the far tail too
_UNSUSPECTED = 0.05  # p-values above this and above the level need not be exact
_ENOUGH = 20  # shuffles that reach the statistic, after which no more are made
_BATCH = 1 << 20  # cells that are shuffled at once
_MOST_ROWS = 1_000_000_000  # that numpy shuffles
_MOST_SHUFFLES = 2_000_000  # a demand beyond what they can meet is not met


@dataclass(frozen=True, slots=True)
class Demand:
    """What the correction for several tests asks of p-values: the level, and among how many tests it is shared."""

    level: float
    tests: int

    @property
    def least(self) -> float:
        """The smallest p-value that has to be told from larger ones."""
        return self.level / max(self.tests, 1)


def kolmogorov_smirnov(i: int, n: int, j: int, m: int) -> float:
    """The p-value of a distance |i / n - j / m| of n and m rows, two-sided, as `scipy.stats.ks_2samp` has it.

    Exact up to 10,000 rows a side (Hodges 1958, "The significance probability of the Smirnov two-sample test"), beyond
    by the one-sample distribution at nm / (n + m) rows. It is of continuous data: with ties, or at the ends of bins,
    the true one is smaller.
    """
    import numpy as np
    from scipy.stats import ks_2samp, kstwo

    if max(n, m) > _EXACT_ROWS:
        return float(np.clip(kstwo.sf(abs(i / n - j / m), round(n * m / (n + m))), 0, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an exact value out of reach: scipy takes the asymptotic one
        # two values are enough to have this distance, and it is all that the p-value is reckoned from
        return float(ks_2samp((np.arange(n) >= i).astype(float), (np.arange(m) >= j).astype(float)).pvalue)


def difference_of_shares(a: int, n: int, b: int, m: int) -> float:
    """The p-value of a of n rows against b of m: Fisher's exact test, two-sided by the difference of the shares."""
    from scipy.special import chdtrc
    from scipy.stats import hypergeom

    total, rows = a + b, n + m
    difference = abs(a / n - b / m)
    if min(total, rows - total) * min(n, m) / rows >= _PLENTY:
        share = total / rows
        return float(chdtrc(1, difference**2 / (share * (1 - share) * (1 / n + 1 / m))))
    middle = total * m  # what is expected of b, times the rows; in whole numbers, as a rounded end lacks a case
    reach = abs(b * rows - middle)
    null = hypergeom(rows, total, m)
    return min(1.0, float(null.cdf((middle - reach) // rows) + null.sf(-(-(middle + reach) // rows) - 1)))


def of_counts(
    test: str,
    statistic: float,
    reference: "Counts",
    current: "Counts",
    demand: Demand,
    shuffled: Callable[[], float],
) -> float:
    """The p-value of a statistic of counts that is a chi-squared one in large samples.

    Args:
        test: chi2, psi, jensen_shannon or hellinger.
        reference: rows of each bin, shape (k,).
        shuffled: shuffles for the p-value; asked where it can't be had more cheaply.
    """
    import numpy as np
    from scipy.special import chdtrc

    n, m = int(reference.sum()), int(current.sum())
    totals = (reference + current)[reference + current > 0]
    if len(totals) < 2:
        return 1.0
    rough = float(chdtrc(len(totals) - 1, _as_chi_squared(test, statistic, n, m)))
    expected = float(np.min(totals)) * min(n, m) / (n + m)
    beyond_doubt = rough > max(_UNSUSPECTED, demand.level) or math.sqrt(rough) <= demand.least
    if expected >= _PLENTY or n + m >= _MOST_ROWS or (expected >= _EXPECTED and beyond_doubt):
        return rough
    return shuffled()


def total_variation(measure: Measure, reference: "Counts", current: "Counts", demand: Demand) -> float:
    """The p-value of a total variation distance: by shuffling, or bounded where it is too small for that.

    The bound is McDiarmid's (1989): one row more or less in a bin changes the distance by 1/n or 1/m.
    """
    n, m = int(reference.sum()), int(current.sum())
    excess = float(measure(reference, current)) - _mean_variation(len(reference), n, m)
    bound = math.exp(-2 * max(excess, 0.0) ** 2 / (1 / n + 1 / m))
    if bound <= demand.least or n + m >= _MOST_ROWS:
        return bound
    return shuffle(measure, reference, current, demand)


def shuffle(measure: Measure, reference: "Counts", current: "Counts", demand: Demand, *, fixed: bool = False) -> float:
    """The permutation p-value of a statistic of counts, (1 + b) / (1 + B) of B shuffles (Phipson and Smyth 2010).

    The rows of both samples are dealt out anew (multivariate hypergeometric). It stops early where 20 shuffles reach
    the statistic, with p = 20 / B (Besag and Clifford 1991), and else when the demand could have been met twice over.
    The same counts are shuffled alike every time, and others otherwise: one seed for all windows of a size would err to
    the same side in each of them.

    Args:
        fixed: the bins are quantiles of the reference, whose counts are no chance then: those of the other sample are
            drawn as such bins fill (Dirichlet-multinomial: the spacings of an ordered sample are uniform).
    """
    import numpy as np

    n, m, k = int(reference.sum()), int(current.sum()), len(reference)
    observed = float(measure(reference, current)) * (1 - 1e-9)
    rng = np.random.default_rng((n, m, zlib.crc32(reference.tobytes()), zlib.crc32(current.tobytes())))
    most = min(math.ceil(2 / demand.least), _MOST_SHUFFLES)
    made = reached = 0
    size = max(1, min(_ENOUGH * 10, _BATCH // k))
    while made < most:
        size = min(size, most - made)
        dealt_ref, dealt = _deal(rng, reference, current, size, fixed)
        hits = np.flatnonzero(measure(dealt_ref, dealt) >= observed)
        if reached + len(hits) >= _ENOUGH:
            return _ENOUGH / (made + int(hits[_ENOUGH - reached - 1]) + 1)
        reached, made = reached + len(hits), made + size
        size = max(1, min(size * 4, _BATCH // k))
    return (1 + reached) / (1 + made)


def _deal(
    rng: "np.random.Generator", reference: "Counts", current: "Counts", size: int, fixed: bool
) -> tuple["Counts", "Counts"]:
    import numpy as np

    m = int(current.sum())
    if not fixed:
        totals = reference + current
        dealt = rng.multivariate_hypergeometric(totals, m, size=size, method="marginals")
        return totals - dealt, dealt
    spacings = reference.astype(np.float64)
    spacings[-1] += 1
    filled = spacings > 0
    dealt = np.zeros((size, len(reference)), dtype=np.int64)
    dealt[:, filled] = rng.multinomial(m, rng.dirichlet(spacings[filled], size))
    return np.broadcast_to(reference, dealt.shape), dealt


def ks_demand(p: float, n: int, m: int) -> float:
    """The Kolmogorov-Smirnov distance whose p-value is `p`."""
    from scipy.special import kolmogi

    return min(1.0, float(kolmogi(p)) * math.sqrt(1 / n + 1 / m))


def shift_demand(p: float, bins: int, n: int, m: int) -> float:
    """The Kolmogorov-Smirnov distance of two normal distributions, so far apart that a statistic of `bins` bins that is
    a chi-squared one in large samples has the p-value `p`."""
    from scipy.special import chdtri, ndtr

    shift = math.sqrt(float(chdtri(max(bins - 1, 1), p)) * (1 / n + 1 / m))
    return float(2 * ndtr(shift / 2) - 1)


def category_demand(p: float, bins: int, n: int, m: int) -> float:
    """The total variation distance from which a chi-squared statistic of `bins` bins has a p-value of `p` at the most,
    whichever bins the rows have gone to (by Cauchy's inequality)."""
    from scipy.special import chdtri

    return min(1.0, math.sqrt(float(chdtri(max(bins - 1, 1), p)) * (1 / n + 1 / m)) / 2)


def variation_demand(p: float, shares: "Floats", n: int, m: int) -> float:
    """The total variation distance whose p-value is `p`. Without drift it is nearly a multiple of a chi variable, whose
    degrees of freedom are had of its mean and its deviation; of two shares it is one, with one degree."""
    from scipy.special import chdtri

    mean, deviation = power.variation_moments(shares, n, m)
    square = mean**2 + deviation**2
    freedom = square / (2 * deviation**2) - 0.25 if deviation else 1.0
    return min(1.0, math.sqrt(square / freedom * float(chdtri(freedom, p))))


def share_demand(p: float, share: float, n: int, m: int) -> float:
    """The difference of two shares, of which the pooled one is `share`, whose p-value is `p`."""
    from scipy.special import chdtri

    return min(1.0, math.sqrt(float(chdtri(1, p)) * share * (1 - share) * (1 / n + 1 / m)))


def _as_chi_squared(test: str, statistic: float, n: int, m: int) -> float:
    """For small differences, the divergences are Pearson's statistic but for a factor."""
    if test == "chi2":
        return statistic
    size = n * m / (n + m)
    return size * statistic if test == "psi" else 8 * size * statistic**2


def _mean_variation(bins: int, n: int, m: int) -> float:
    """What the total variation distance is at the most in the mean, where nothing has drifted."""
    return math.sqrt((bins - 1) * (1 / n + 1 / m)) / 2
