"""The rules of `drift_rules` on columns of few different values, many windows at once: they need but the rows of each
value. `tests/benchmarks` holds them to the rules on raw rows.

`values` are the different values, rising, of shape (k,), numbers of more than five values or the codes of categories.
Counts are rows of each value, shape (windows, k); the reference has more than 1,000.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Counts = NDArray[np.int64]
    Alarms = NDArray[np.bool_]


def evidently(values: "Values", reference: "Counts", current: "Counts", *, categorical: bool) -> "Alarms":
    import numpy as np
    from scipy.spatial.distance import jensenshannon

    p, q = _shares(reference), _shares(current)
    if categorical:
        return np.asarray(jensenshannon(p, q, axis=-1) >= 0.1)
    apart = np.abs(np.cumsum(p - q, axis=-1))[:, :-1] @ np.diff(values)
    mean = p @ values
    std = np.sqrt(p @ values**2 - mean**2)
    return np.asarray(apart / np.maximum(std, 0.001) >= 0.1)


def alibi_detect(reference: "Counts", current: "Counts", *, categorical: bool) -> "Values":
    """The p-value of a column."""
    import numpy as np
    from scipy.special import chdtrc
    from scipy.stats import kstwo

    n, m = int(reference[0].sum()), int(current[0].sum())
    if not categorical:
        apart = np.abs(np.cumsum(reference, axis=-1) / n - np.cumsum(current, axis=-1) / m).max(axis=-1)
        return np.clip(kstwo.sf(apart, np.round(n * m / (n + m))), 0, 1)
    totals = reference + current
    parts = (reference / n - current / m) ** 2 / np.maximum(totals, 1)
    freedom = np.maximum((totals > 0).sum(axis=-1) - 1, 1)
    return np.asarray(chdtrc(freedom, parts.sum(axis=-1) * n * m))


def nannyml(values: "Values", chunks: "Counts", current: "Counts", *, categorical: bool) -> "Alarms":
    """`chunks` are those of one reference, shape (chunks, k)."""
    import numpy as np
    from scipy.spatial.distance import jensenshannon

    whole = chunks.sum(axis=0)
    if categorical:
        place = np.where(whole > 0, np.arange(len(values)), -1)
        bins = len(values)
    else:
        edges = np.histogram_bin_edges(np.repeat(values, whole), bins="doane")
        bins = len(edges) - 1
        place = np.searchsorted(edges, values, side="right") - 1
        place[values == edges[-1]] = bins - 1
        place[values > edges[-1]] = -1
    belongs = (place[:, None] == np.append(np.arange(bins), -1)).astype(np.float64)  # the last one is what is beyond
    shares = _shares(whole) @ belongs

    def distance(counts: "Counts") -> "Values":
        return np.asarray(
            jensenshannon(np.broadcast_to(shares, (len(counts), bins + 1)), _shares(counts) @ belongs, 2, axis=-1)
        )

    fitted = distance(chunks)
    return np.asarray(distance(current) > fitted.mean() + 3 * fitted.std())


def _shares(counts: "Counts") -> "Values":
    return counts / counts.sum(axis=-1, keepdims=True)
