"""How large a shift is seen: the true effect that a test finds in 80 % of windows.

What is observed has chance in it, which mostly adds to it: the largest of many distances is that of the largest noise
as well. So a test finds a shift of the size of its threshold in well over half of the windows.
"""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

POWER = 0.8
DEVIATIONS = 0.8416212335729143  # that this share of a normal distribution is above less than its mean
_EXCESS = 1.3  # see `distance`
_HALVINGS = 13  # to 0.01 % of the rows


def distance(critical: float, n: int, m: int) -> float:
    """The Kolmogorov-Smirnov distance of two normal distributions of which n and m rows are `critical` apart or more.

    The noise of the distance where it is largest has the standard error sqrt(1/n + 1/m) / 2; but it is looked for
    wherever it is nearly as large, and found higher by a share of that error which falls with the cube root of their
    ratio, as the highest point of a Brownian motion on a parabola does. The factor was fitted to simulated ones, to
    0.05 errors.
    """
    error = math.sqrt(1 / n + 1 / m) / 2
    excess = _EXCESS * float((error / max(critical, error)) ** (1 / 3))
    return min(1.0, critical + max(DEVIATIONS - excess, 0.0) * error)


def length(p: float, bins: int, n: int, m: int) -> float:
    """How far shares have to be apart that a chi-squared statistic of `bins` bins has the p-value `p` at the most: the
    root of the sum of squares, each divided by its share (by the noncentral distribution)."""
    from scipy.special import chdtri, chndtrinc

    freedom = max(bins - 1, 1)
    return math.sqrt(float(chndtrinc(chdtri(freedom, p), freedom, 1 - POWER)) * (1 / n + 1 / m))


def tenths(p: float, bins: int, n: int, m: int) -> float:
    """The Kolmogorov-Smirnov distance of two normal distributions, in `bins` bins of equal shares, to such a test."""
    import numpy as np
    from scipy.special import ndtr, ndtri

    heights = np.exp(-(ndtri(np.arange(1, bins) / bins) ** 2) / 2) / math.sqrt(2 * math.pi)
    information = bins * float(
        (np.diff(heights, prepend=0.0, append=0.0) ** 2).sum()
    )  # a little less than that of rows
    shift = length(p, bins, n, m) / math.sqrt(max(information, 1e-9))
    return float(2 * ndtr(shift / 2) - 1)


def categories(p: float, bins: int, n: int, m: int) -> float:
    """The total variation distance, to such a test, if all shares grow or shrink by the same factor. One that has come
    of few categories is seen more often (Cauchy's inequality)."""
    return min(1.0, length(p, bins, n, m) / 2)


def variation(critical: float, shares: "Floats", n: int, m: int) -> float:
    """The total variation distance, likewise, of which n and m rows are `critical` apart or more. By halving."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        mean, deviation = variation_moments(shares, n, m, middle)
        low, high = (middle, high) if mean - DEVIATIONS * deviation < critical else (low, middle)
    return high


def variation_moments(shares: "Floats", n: int, m: int, true: float = 0.0) -> tuple[float, float]:
    """Mean and standard deviation of the total variation distance of n and m rows, of which the true one is `true`: the
    difference of each share is a normal one without its sign. Shares are not independent of each other; of two they
    are the same, and that is allowed for."""
    import numpy as np
    from scipy.special import ndtr

    errors = np.sqrt(np.maximum(shares * (1 - shares), 1e-300) * (1 / n + 1 / m))
    apart = 2 * true * shares
    ratio = apart / errors
    means = errors * math.sqrt(2 / math.pi) * np.exp(-(ratio**2) / 2) + apart * (1 - 2 * ndtr(-ratio))
    variance = float((errors**2 + apart**2 - means**2).sum()) / max(1 - float((shares**2).sum()), 1e-9)
    return float(means.sum()) / 2, math.sqrt(max(variance, 0.0)) / 2
