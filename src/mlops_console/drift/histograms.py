"""Both samples of a feature in the same bins, to be drawn over each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_console.core.drift import Histogram
from mlops_console.drift.statistics.distances import quantiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BINS = 20
LABELS = 10
OTHER = "(other)"
_TAIL = 0.005  # share of a sample that may lie beyond the outer bins; it is counted in them


def numeric_histogram(reference: "NDArray[np.float64]", current: "NDArray[np.float64]") -> Histogram:
    """Sorted samples in 20 bins of equal width from the lower to the upper 0.5 % quantile of both; a whole number has a
    bin of its own where there are not more than 20 of them."""
    import numpy as np

    tails = [quantiles(side, np.array([_TAIL, 1 - _TAIL])) for side in (reference, current)]
    low, high = min(float(tail[0]) for tail in tails), max(float(tail[1]) for tail in tails)
    edges = 2 * np.linspace(low / 2, high / 2, BINS + 1)  # half of it: the range may be beyond what a float can hold
    if high - low < BINS and _are_whole(reference) and _are_whole(current):
        edges = np.arange(np.floor(low) - 0.5, np.ceil(high) + 1)
    elif low == high or not np.all(np.diff(edges) > 0):
        half = max(abs(low) * 1e-3, 0.5)
        edges = np.array([low - half, high + half])
    shares = [_shares(side, edges) for side in (reference, current)]
    return Histogram(shares[0], shares[1], edges=tuple(edges.tolist()))


def categorical_histogram(
    labels: Sequence[str], reference: "NDArray[np.int64]", current: "NDArray[np.int64]"
) -> Histogram:
    """The 10 most frequent categories, by their larger share, and the rest as one."""
    import numpy as np

    p, q = reference / reference.sum(), current / current.sum()
    order = np.argsort(-np.maximum(p, q), kind="stable")
    kept, rest = order[:LABELS], order[LABELS:]
    names = [labels[i] for i in kept]
    sides = [[float(side[i]) for i in kept] for side in (p, q)]
    if len(rest):
        names.append(OTHER)
        for side, shares in zip((p, q), sides, strict=True):
            shares.append(float(side[rest].sum()))
    return Histogram(tuple(sides[0]), tuple(sides[1]), labels=tuple(names))


def _are_whole(values: "NDArray[np.float64]") -> bool:
    return bool((values == values.round()).all())


def _shares(values: "NDArray[np.float64]", edges: "NDArray[np.float64]") -> tuple[float, ...]:
    """Of sorted values; the outer bins hold what lies beyond them too."""
    import numpy as np

    upto = np.searchsorted(values, edges[1:-1], side="left")
    return tuple((np.diff(upto, prepend=0, append=len(values)) / len(values)).tolist())


def binned_histogram(
    reference: "NDArray[np.int64]", current: "NDArray[np.int64]", ends: "NDArray[np.float64]"
) -> Histogram:
    """Counts of shape (k,) in bins that are there already: of each 20th of the reference one bin, as its quantiles go.

    Args:
        ends: of the bins, shape (k + 1,), not decreasing.
    """
    import numpy as np

    upto = np.cumsum(reference)
    at = np.searchsorted(upto, np.arange(1, BINS) * (upto[-1] / BINS), side="left") + 1
    at = np.unique(np.concatenate([[0], at, [len(reference)]]))
    widths = np.diff(ends[at])
    at = at[np.concatenate([[True], widths > 0])]  # bins without a width have no rows, or the next one has them too
    at[-1] = len(reference)
    edges = ends[at]
    if len(at) == 1 or edges[0] == edges[-1]:
        half = max(abs(float(ends[0])) * 1e-3, 0.5)
        return Histogram((1.0,), (1.0,), edges=(float(ends[0]) - half, float(ends[-1]) + half))
    shares = [np.add.reduceat(side, at[:-1]) / side.sum() for side in (reference, current)]
    return Histogram(tuple(shares[0].tolist()), tuple(shares[1].tolist()), edges=tuple(edges.tolist()))
