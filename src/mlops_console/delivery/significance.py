"""The tests that a canary is judged by, in plain Python: the worker that asks them has no need of scipy."""

import math
from collections.abc import Sequence
from itertools import accumulate

_NEGLIGIBLE = 1e-17  # of the largest term of a sum


def fisher_greater(errors: int, requests: int, other_errors: int, other_requests: int) -> float:
    """The one-sided p-value of Fisher's exact test: how likely at least so many errors are among `requests`, if both
    have the same rate. As scipy.stats.fisher_exact(alternative="greater").

    R. A. Fisher, Statistical Methods for Research Workers (1934), section 21.02.
    """
    total, bad = requests + other_requests, errors + other_errors
    if not errors or not requests or not other_requests:
        return 1.0

    def log_chance(k: int) -> float:
        return _log_choose(bad, k) + _log_choose(total - bad, requests - k) - _log_choose(total, requests)

    p, largest = 0.0, 0.0
    for k in range(errors, min(bad, requests) + 1):
        chance = math.exp(log_chance(k))
        p += chance
        largest = max(largest, chance)
        if chance < largest * _NEGLIGIBLE:
            break
    return min(p, 1.0)


def mann_whitney(counts: Sequence[int], others: Sequence[int]) -> tuple[float, float]:
    """The Mann–Whitney U test of two samples that are counted by the same ordered values, ties corrected.

    Returns:
        The rank-biserial correlation (from -1 to 1: how much more often a value of the first sample is the larger one
        of two than the smaller one), and z, which is standard normal where both come from one distribution. As
        scipy.stats.mannwhitneyu(method="asymptotic", use_continuity=False).

    H. B. Mann, D. R. Whitney, Annals of Mathematical Statistics 18 (1947); for ties E. L. Lehmann, Nonparametrics
    (1975), appendix 4.
    """
    n, m = sum(counts), sum(others)
    if not n or not m:
        return 0.0, 0.0
    below = (0, *accumulate(others))
    u = sum(count * (before + other / 2) for count, other, before in zip(counts, others, below, strict=False))
    total = n + m
    ties = sum((a + b) ** 3 - (a + b) for a, b in zip(counts, others, strict=True))
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    effect = 2 * u / (n * m) - 1
    return effect, (u - n * m / 2) / math.sqrt(variance) if variance > 0 else 0.0


def mann_whitney_values(values: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """`mann_whitney` of the values themselves."""
    places = {value: place for place, value in enumerate(sorted({*values, *others}))}
    counts, other_counts = [0] * len(places), [0] * len(places)
    for value in values:
        counts[places[value]] += 1
    for value in others:
        other_counts[places[value]] += 1
    return mann_whitney(counts, other_counts)


def p_greater(z: float) -> float:
    """How likely a standard normal number is at least z."""
    return math.erfc(z / math.sqrt(2)) / 2


def p_two_sided(z: float) -> float:
    """How likely a standard normal number is at least as far from 0 as z."""
    return math.erfc(abs(z) / math.sqrt(2))


def _log_choose(n: int, k: int) -> float:
    if not 0 <= k <= n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
