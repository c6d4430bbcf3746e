"""Two-sample statistics of one feature: how far two samples are apart. What that proves is `nulls`' business.

Samples are sorted arrays of shape (rows,) without missing values, with at least one value. Counts are arrays of shape
(..., k), rows of each of k bins, the same bins on both sides; what is reckoned of them has the shape (...). Every
function here is pure.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

PSI_BINS = 10
_SHARE_FLOOR = 1e-4  # of an empty bin: the logarithm of PSI needs a share above 0
_EXPECTED = 5  # rows of a bin on either side
_STEP = 64  # values of a sample between two marks
_BLOCK = 1 << 16  # rows that are reckoned at once


def furthest_apart(reference: "Floats", current: "Floats") -> tuple[int, int]:
    """Where the two empirical distribution functions are furthest apart: how many rows of each sample lie there or
    below. The Kolmogorov-Smirnov distance of samples of n and m rows is |i / n - j / m|.

    They are looked up at every 64th value first. Between two of those the distance can only be greater by what lies
    between, so that few stretches have to be looked at as a whole.
    """
    import numpy as np

    n, m = len(reference), len(current)
    marks = current[::_STEP]
    upto_ref, upto_cur = (np.searchsorted(side, marks, side="right") for side in (reference, current))
    below_ref, below_cur = (np.searchsorted(side, marks, side="left") for side in (reference, current))
    ends_ref, ends_cur = np.append(below_ref[1:], n), np.append(below_cur[1:], m)
    i, j = np.concatenate([below_ref[:1], upto_ref, ends_ref]), np.concatenate([below_cur[:1], upto_cur, ends_cur])
    widest = np.abs(i / n - j / m).max()
    bound = np.maximum(ends_ref / n - upto_cur / m, ends_cur / m - upto_ref / n)
    open_ = bound > widest
    if open_.any():
        kept = [
            side[start[0] :][np.repeat(open_, end - start)]
            for side, start, end in ((reference, below_ref, ends_ref), (current, below_cur, ends_cur))
        ]
        values = np.concatenate(kept)
        i = np.concatenate([i, np.searchsorted(reference, values, side="right")])
        j = np.concatenate([j, np.searchsorted(current, values, side="right")])
    at = int(np.argmax(np.abs(i / n - j / m)))
    return int(i[at]), int(j[at])


def kolmogorov_smirnov(reference: "Floats", current: "Floats") -> float:
    """The largest distance between the two empirical distribution functions, from 0 to 1."""
    i, j = furthest_apart(reference, current)
    return abs(i / len(reference) - j / len(current))


def wasserstein(reference: "Floats", current: "Floats") -> float:
    """First Wasserstein distance, in the unit of the values: the mean way that a row has to go from one to the other.

    The integral of the distance of the quantile functions (Vallender 1974), block by block.
    """
    import numpy as np

    n, m = len(reference), len(current)
    total = 0.0
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        # ends of the stretches on which both quantile functions are constant, in units of 1/nm
        ends = np.concatenate(
            [np.arange(start + 1, stop + 1) * m, np.arange(start * m // n + 1, -(-stop * m // n) + 1) * n]
        )
        ends = np.sort(np.minimum(ends, stop * m))
        widths = np.diff(ends, prepend=start * m)
        halves = np.abs(reference[(ends - 1) // m] / 2 - current[(ends - 1) // n] / 2)  # whole ones may overflow
        total += float(widths / (n * m) @ halves)
    return min(2 * total, sys.float_info.max)


def ks_of_counts(reference: "Counts", current: "Counts") -> "Floats":
    """Kolmogorov-Smirnov distance at the ends of ordered bins: not more than that of the samples themselves."""
    import numpy as np

    p, q = _shares(reference, current)
    return np.asarray(np.abs(np.cumsum(p - q, axis=-1)).max(axis=-1))


def wasserstein_of_counts(reference: "Counts", current: "Counts", positions: "Floats") -> "Floats":
    """First Wasserstein distance of ordered bins whose rows all lie at `positions`, of shape (k,)."""
    import numpy as np

    p, q = _shares(reference, current)
    half = np.abs(np.cumsum(p - q, axis=-1))[..., :-1] @ np.diff(positions / 2)
    return np.asarray(2 * np.minimum(half, sys.float_info.max / 2))


def population_stability(reference: "Counts", current: "Counts") -> "Floats":
    """Population stability index: sum of (q - p) ln(q / p) over the shares. Empty bins count as a share of 1e-4.

    Siddiqi 2006, "Credit Risk Scorecards".
    """
    import numpy as np

    p, q = (np.maximum(shares, _SHARE_FLOOR) for shares in _shares(reference, current))
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))


def jensen_shannon(reference: "Counts", current: "Counts") -> "Floats":
    """Jensen-Shannon distance with the natural logarithm, from 0 to sqrt(ln 2) = 0.83 (Endres and Schindelin 2003)."""
    import numpy as np
    from scipy.special import rel_entr

    p, q = _shares(reference, current)
    middle = (p + q) / 2
    divergence = (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=-1) / 2
    return np.asarray(np.sqrt(np.maximum(divergence, 0)))


def hellinger(reference: "Counts", current: "Counts") -> "Floats":
    """Hellinger distance, from 0 to 1: sqrt(1 - sum of sqrt(pq))."""
    import numpy as np

    p, q = _shares(reference, current)
    return np.asarray(np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum(axis=-1) / 2))


def total_variation(reference: "Counts", current: "Counts") -> "Floats":
    """Total variation distance, from 0 to 1: the share of the rows that would have to change their bin."""
    import numpy as np

    p, q = _shares(reference, current)
    return np.asarray(np.abs(p - q).sum(axis=-1) / 2)


def chi_squared(reference: "Counts", current: "Counts") -> "Floats":
    """Pearson's chi-squared of a 2 x k table, without a correction for continuity. Empty bins count nothing.

    Both samples count as samples: taking the reference for exact makes false alarms.
    """
    import numpy as np

    n, m = reference.sum(axis=-1, keepdims=True), current.sum(axis=-1, keepdims=True)
    shares = np.maximum(reference + current, 1) / (n + m)
    difference = reference / n - current / m
    return np.asarray((difference**2 / shares).sum(axis=-1) * (n * m / (n + m))[..., 0])


def pool_rare(reference: "Counts", current: "Counts", *, rest: bool = False) -> tuple["Counts", "Counts"]:
    """Both counts, of shape (k,), with all those bins made one, the first, that expect less than 5 rows on either side
    (Cochran 1954, "Some methods for strengthening the common chi-squared tests"). Empty bins are dropped.

    Args:
        rest: whether the last bin holds what nobody has told apart, which then is rare whatever it has: a bin of its
            own would be of all those that the reference happens not to have, and so no chance.
    """
    import numpy as np

    table = np.vstack([reference, current])
    totals = table.sum(axis=0)
    is_rare = totals * table.sum(axis=1).min() < _EXPECTED * totals.sum()
    is_rare[-1] |= rest
    pooled = np.column_stack([table[:, is_rare].sum(axis=1), table[:, ~is_rare]])
    pooled = pooled[:, pooled.sum(axis=0) > 0]
    return pooled[0], pooled[1]


def quantiles(values: "Floats", shares: "Floats") -> "Floats":
    """Quantiles of a sorted sample, linear between its values, as `numpy.quantile` has them."""
    import numpy as np

    at = shares * (len(values) - 1)
    below = np.floor(at).astype(np.int64)
    above = np.minimum(below + 1, len(values) - 1)
    weight = at - below
    return np.asarray(values[below] * (1 - weight) + values[above] * weight)


def quantile_counts(reference: "Floats", current: "Floats", bins: int = PSI_BINS) -> tuple["Counts", "Counts"]:
    """Both samples counted in bins that hold equal shares of the reference; ties make fewer bins."""
    import numpy as np

    inner = np.unique(quantiles(reference, np.arange(1, bins) / bins))
    if reference[0] == reference[-1]:
        inner = np.array([np.nextafter(inner[0], -np.inf), inner[0]])  # below it, it, above it
    upto = [np.searchsorted(side, inner, side="right") for side in (reference, current)]
    found = [np.diff(ends, prepend=0, append=len(side)) for side, ends in zip((reference, current), upto, strict=True)]
    return found[0], found[1]


def _shares(reference: "Counts", current: "Counts") -> tuple["Floats", "Floats"]:
    return reference / reference.sum(axis=-1, keepdims=True), current / current.sum(axis=-1, keepdims=True)
