"""Windows in which nothing has drifted, as a server would have counted them.

A verdict on a live window needs no more than the counts in the bins of the reference profile, so these are drawn and
not the rows. That is exact:

- continuous (normal, heavy-tailed and skewed data alike): the edges are order statistics of the reference, whatever its
  distribution, and the shares of the bins a Dirichlet variable (the spacings of an ordered sample are uniform); the
  window is multinomial given these.
- discrete and categorical: reference and window are multinomial of the same shares.
"""

from typing import TYPE_CHECKING

from mlops_console.core.profiles import FeatureCounts, FeatureProfile, ReferenceProfile, WindowCounts
from mlops_console.drift.live.counts import NEW_LABELS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

REFERENCE = 10_000  # rows of the training data
SOURCES = ("continuous", "discrete", "rare categories")
_BINS = 100
_VALUES = 15  # of the discrete source: 0, 1, 2, … of a Poisson distribution with the mean 3
_CATEGORIES = 200  # of which the k-th has a share that goes with 1 / k^1.5: from 39 % down to 0.014 %


def shares(source: str) -> "NDArray[np.float64]":
    """Of the values of a source that is not continuous."""
    import numpy as np
    from scipy.stats import poisson

    found = poisson(3).pmf(np.arange(_VALUES)) if source == "discrete" else np.arange(1, _CATEGORIES + 1) ** (-1.5)
    return np.asarray(found / found.sum())


def draw(source: str, rng: "np.random.Generator", windows: int, features: int, rows: int) -> tuple["Counts", "Counts"]:
    """Counts of the reference and of the window, each of shape (windows, features, bins); every reference is new."""
    import numpy as np

    shape = (windows, features)
    if source == "continuous":
        spacings = np.full(_BINS, REFERENCE / _BINS)
        reference = np.broadcast_to(spacings.astype(np.int64), (*shape, _BINS))
        spacings[-1] += 1
        gaps = rng.standard_gamma(spacings, (*shape, _BINS))
        return reference, rng.multinomial(rows, gaps / gaps.sum(axis=-1, keepdims=True))
    of = shares(source)
    return rng.multinomial(REFERENCE, of, shape), rng.multinomial(rows, of, shape)


def suspects(source: str, reference: "Counts", current: "Counts", level: float) -> "NDArray[np.bool_]":
    """The windows that could alarm at all: those that Benjamini-Hochberg rejects at `level`, given the p-values of the
    large-sample formulas. To be asked with a level well above that of the product, which then judges these."""
    import numpy as np

    p_values = np.sort(_rough(source, reference, current), axis=-1)
    count = p_values.shape[-1]
    return np.asarray((p_values <= level * np.arange(1, count + 1) / count).any(axis=-1))


def as_counted(source: str, reference: "Counts", current: "Counts") -> tuple[ReferenceProfile, WindowCounts]:
    """One window, of shape (features, bins), as the product has it."""
    profile = {"continuous": _numbers, "discrete": _whole_numbers, "rare categories": _labels}[source]
    made = [profile(f"x{number}", *pair) for number, pair in enumerate(zip(reference, current, strict=True))]
    counts = {feature.name: counted for feature, counted in made}
    return (
        ReferenceProfile(int(reference[0].sum()), tuple(feature for feature, _ in made)),
        WindowCounts(int(current[0].sum()), counts),
    )


def _numbers(name: str, reference: "Counts", current: "Counts") -> tuple[FeatureProfile, FeatureCounts]:
    edges = tuple(map(float, range(len(reference) - 1)))
    rows = int(reference.sum())
    return _numeric(name, reference, edges, rows), FeatureCounts(tuple(current.tolist()))


def _whole_numbers(name: str, reference: "Counts", current: "Counts") -> tuple[FeatureProfile, FeatureCounts]:
    import numpy as np

    is_edge = _is_edge(reference)
    edges = tuple(np.flatnonzero(is_edge).astype(np.float64).tolist())
    profile = _numeric(name, _merged(reference, is_edge), edges, int((reference > 0).sum()))
    return profile, FeatureCounts(tuple(_merged(current, is_edge).tolist()))


def _numeric(name: str, counts: "Counts", edges: tuple[float, ...], distinct: int) -> FeatureProfile:
    rows = int(counts.sum())
    return FeatureProfile(name, "numeric", "input", rows, 0, tuple(counts.tolist()), edges, (), distinct, 3.0, 1.7)


def _labels(name: str, reference: "Counts", current: "Counts") -> tuple[FeatureProfile, FeatureCounts]:
    """Labels that the reference does not have are of no bin but the last; 50 of them are named, whichever."""
    import numpy as np

    seen, unseen = np.flatnonzero(reference), np.flatnonzero((reference == 0) & (current > 0))
    labels = tuple(f"c{number}" for number in seen)
    named = np.random.default_rng(len(unseen)).permutation(unseen)[:NEW_LABELS]
    others = int(current[unseen].sum())
    profile = FeatureProfile(
        name, "categorical", "input", int(reference.sum()), 0, (*reference[seen].tolist(), 0), labels=labels,
        distinct=len(labels),
    )  # fmt: skip
    new = {f"c{number}": int(current[number]) for number in named}
    return profile, FeatureCounts((*current[seen].tolist(), others), new=new)


def _is_edge(counts: "Counts") -> "NDArray[np.bool_]":
    """Of each value of a discrete source, whether it is one of the 99 quantiles that `drift.profiles` has as edges."""
    import numpy as np

    tenths = np.cumsum(counts, axis=-1) * _BINS // counts.sum(axis=-1, keepdims=True)
    return np.asarray(np.diff(np.minimum(tenths, _BINS - 1), axis=-1, prepend=0) > 0)


def _merged(counts: "Counts", is_edge: "NDArray[np.bool_]") -> "Counts":
    import numpy as np

    upto = np.append(np.cumsum(counts)[is_edge], counts.sum())
    return np.diff(upto, prepend=0)


def _rough(source: str, reference: "Counts", current: "Counts") -> "NDArray[np.float64]":
    import numpy as np
    from scipy.special import chdtrc, kolmogorov

    n, m = int(reference[0, 0].sum()), int(current[0, 0].sum())
    if source == "rare categories":
        return np.asarray(chdtrc(*_pooled_chi_squared(reference, current, n, m)))
    apart = np.abs(np.cumsum(reference, axis=-1) / n - np.cumsum(current, axis=-1) / m)
    if source == "discrete":
        apart = np.where(_is_edge(reference), apart, 0)
    return np.asarray(kolmogorov(apart.max(axis=-1) * np.sqrt(n * m / (n + m))))


def _pooled_chi_squared(
    reference: "Counts", current: "Counts", n: int, m: int
) -> tuple["NDArray[np.int64]", "NDArray[np.float64]"]:
    """Degrees of freedom and Pearson's statistic, with all categories as one that expect less than 5 rows."""
    import numpy as np

    rare = (reference + current) * min(n, m) < 5 * (n + m)
    cells = [
        np.append(np.where(rare, 0, side), np.where(rare, side, 0).sum(-1, keepdims=True), -1).astype(np.float64)
        for side in (reference, current)
    ]
    expected = (cells[0] + cells[1]) / (n + m)
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = np.where(expected > 0, (cells[0] / n - cells[1] / m) ** 2 / expected, 0)
    return np.maximum((expected > 0).sum(axis=-1) - 1, 1), parts.sum(axis=-1) * n * m / (n + m)
