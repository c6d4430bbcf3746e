"""The tests of one feature, by name: which statistic, which null, and what effect it tells of."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from mlops_console.drift.statistics import distances, nulls, power
from mlops_console.drift.statistics.nulls import Demand, Measure
from mlops_console.drift.verdicts import Tested

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

_TIED_ROWS = 2_000  # of both samples, up to which tied numbers are shuffled
_CELLS = 256  # that numbers are put into to be shuffled
_UNSURE, _SPARSE = ("psi", "hellinger"), 10  # tests of which nothing is told of bins that expect fewer rows
_MEASURES: dict[str, Measure] = {
    "chi2": distances.chi_squared,
    "psi": distances.population_stability,
    "jensen_shannon": distances.jensen_shannon,
    "hellinger": distances.hellinger,
    "total_variation": distances.total_variation,
}


def measure_numbers(test: str, reference: "Floats", current: "Floats", demand: Demand) -> Tested:
    """A numeric column of raw rows; both samples sorted.

    Whatever the test, its effect is the Kolmogorov-Smirnov distance. PSI, Jensen-Shannon and Hellinger are of ten bins
    at quantiles of the reference. All but Kolmogorov-Smirnov are shuffled in at most 256 bins at quantiles of both
    samples together, with the statistic in these bins.
    """
    n, m = len(reference), len(current)
    i, j = distances.furthest_apart(reference, current)
    distance = abs(i / n - j / m)
    if test == "ks":
        p = nulls.kolmogorov_smirnov(i, n, j, m)
        if n + m <= _TIED_ROWS and p > demand.least and _are_tied(reference, current):
            p = nulls.shuffle(distances.ks_of_counts, *_cells(reference, current)[:2], demand)
        return _by_distance("ks", distance, p, distance, n, m)
    if test == "wasserstein":
        before, after, positions = _cells(reference, current)
        statistic = distances.wasserstein(reference, current)
        p = nulls.shuffle(partial(distances.wasserstein_of_counts, positions=positions), before, after, demand)
        return _by_distance(test, statistic, p, distance, n, m)
    counts = distances.quantile_counts(reference, current)
    return _in_tenths(test, distance, counts, lambda: _cells(reference, current)[:2], demand, fixed=False)


def measure_bins(
    test: str, reference: "Counts", current: "Counts", positions: "Floats", demand: Demand, *, fixed: bool
) -> Tested:
    """A numeric column in the bins of a profile.

    Kolmogorov-Smirnov at the ends of the bins, by the null of continuous data: the distance is not more than that of
    the rows themselves, so that this never alarms too often. Wasserstein with all rows of a bin at its `position`.

    Args:
        fixed: whether the bins are quantiles of the very rows in `reference`.
    """
    import numpy as np

    n, m = int(reference.sum()), int(current.sum())
    upto_ref, upto_cur = np.cumsum(reference), np.cumsum(current)
    at = int(np.argmax(np.abs(upto_ref / n - upto_cur / m)))
    i, j = int(upto_ref[at]), int(upto_cur[at])
    distance = abs(i / n - j / m)
    if test == "ks":
        p = nulls.kolmogorov_smirnov(i, n, j, m)
        return _by_distance("ks", distance, p, distance, n, m)
    if test == "wasserstein":
        measure = partial(distances.wasserstein_of_counts, positions=positions)
        p = nulls.shuffle(measure, reference, current, demand, fixed=fixed)
        statistic = float(measure(reference, current))
        return _by_distance(test, statistic, p, distance, n, m)
    return _in_tenths(test, distance, tenths(reference, current), lambda: (reference, current), demand, fixed=fixed)


def measure_categories(
    test: str, reference: "Counts", current: "Counts", demand: Demand, *, rest: bool = False
) -> Tested | None:
    """A categorical column. Those that expect less than 5 rows on either side are one category; all of it, the
    statistic and the effect, is of these. None where all are so rare. `rest`: see `distances.pool_rare`."""
    before, after = distances.pool_rare(reference, current, rest=rest)
    n, m, bins = int(before.sum()), int(after.sum()), len(before)
    if bins == 1 and (reference + current > 0).sum() > 1:
        return None
    measure = _MEASURES[test]
    statistic, effect = float(measure(before, after)), float(distances.total_variation(before, after))
    shares = (before + after) / (n + m)
    if test == "total_variation":
        p = nulls.total_variation(measure, before, after, demand)
        demanded = partial(nulls.variation_demand, shares=shares, n=n, m=m)

        def visible(p: float, least: float) -> float | None:
            return power.variation(max(demanded(p), least), shares, n, m)
    else:
        shuffled = partial(nulls.shuffle, measure, before, after, demand)
        p = nulls.of_counts(test, statistic, before, after, demand, shuffled)
        demanded = partial(nulls.category_demand, bins=bins, n=n, m=m)

        def visible(p: float, least: float) -> float | None:
            known = max(power.categories(p, bins, n, m), power.variation(least, shares, n, m))
            return None if _is_sparse(test, before, after) else known

    return Tested(test, "categories", statistic, p, effect, demanded, n, m, visible=visible)


def measure_missing(missing_before: int, rows_before: int, missing_after: int, rows_after: int) -> Tested:
    """How many of the rows have no value."""
    n, m = rows_before, rows_after
    p = nulls.difference_of_shares(missing_before, n, missing_after, m)
    before, after = missing_before / n, missing_after / m
    share = (missing_before + missing_after) / (n + m)
    demanded = partial(nulls.share_demand, share=share, n=n, m=m)
    difference = abs(after - before)
    return Tested("missing", "missing", after - before, p, difference, demanded, n, m, before, after)


def tenths(reference: "Counts", current: "Counts") -> tuple["Counts", "Counts"]:
    """Ordered bins of shape (..., k) made ten, each with about a tenth of the reference: by the rank of its middle."""
    import numpy as np

    count = distances.PSI_BINS
    k = reference.shape[-1]
    ref, cur = (np.broadcast_to(side, reference.shape).reshape(-1, k) for side in (reference, current))
    n = ref.sum(axis=-1, keepdims=True)
    twice_the_rank = 2 * np.cumsum(ref, axis=-1) - ref
    group = np.minimum(count * twice_the_rank // (2 * n), count - 1)
    at = (group + count * np.arange(len(ref))[:, None]).ravel()
    merged = [np.bincount(at, weights=side.ravel(), minlength=count * len(ref)).astype(np.int64) for side in (ref, cur)]
    shape = (*reference.shape[:-1], count)
    return merged[0].reshape(shape), merged[1].reshape(shape)


def _in_tenths(
    test: str,
    distance: float,
    counts: "tuple[Counts, Counts]",
    cells: "Callable[[], tuple[Counts, Counts]]",
    demand: Demand,
    *,
    fixed: bool,
) -> Tested:
    measure = _MEASURES[test]
    n, m = int(counts[0].sum()), int(counts[1].sum())

    def regrouped(reference: "Counts", current: "Counts") -> "Floats":
        return measure(*tenths(reference, current))

    statistic = float(measure(*counts))
    p = nulls.of_counts(
        test, statistic, *counts, demand, lambda: nulls.shuffle(regrouped, *cells(), demand, fixed=fixed)
    )
    bins = len(counts[0])
    demanded = partial(nulls.shift_demand, bins=bins, n=n, m=m)

    def visible(p: float, least: float) -> float | None:
        known = max(power.tenths(p, bins, n, m), power.distance(least, n, m))
        return None if _is_sparse(test, *counts) else known

    return Tested(test, "values", statistic, p, distance, demanded, n, m, visible=visible)


def _by_distance(test: str, statistic: float, p: float, distance: float, n: int, m: int) -> Tested:
    demanded = partial(nulls.ks_demand, n=n, m=m)

    def visible(p: float, least: float) -> float | None:
        if test != "ks":  # what shift a Wasserstein distance shows depends on the tails of the data
            return None
        return power.distance(max(demanded(p), least), n, m)

    return Tested(test, "values", statistic, p, distance, demanded, n, m, visible=visible)


def _is_sparse(test: str, reference: "Counts", current: "Counts") -> bool:
    """Whether bins expect so few rows that the power of such a test is far below that of a chi-squared one."""
    n, m = int(reference.sum()), int(current.sum())
    expected = (reference + current).min() * min(n, m) / (n + m)
    return test in _UNSURE and bool(expected < _SPARSE)


def _are_tied(reference: "Floats", current: "Floats") -> bool:
    """Whether there are so few values that each is a cell, and half of the rows or more share theirs with another."""
    import numpy as np

    return len(np.unique(np.concatenate([reference, current]))) <= min(_CELLS, (len(reference) + len(current)) // 2)


def _cells(reference: "Floats", current: "Floats") -> tuple["Counts", "Counts", "Floats"]:
    """Both samples counted in at most 256 cells at quantiles of both together, and the greatest value of each. With
    fewer values than that, each is a cell. They know nothing of which row is of which sample, as shuffling demands."""
    import numpy as np

    pooled = np.sort(np.concatenate([reference, current]))
    ends = pooled[np.append(pooled[1:] > pooled[:-1], True)]  # each value once
    if len(ends) > _CELLS:
        ends = np.unique(pooled[np.ceil(np.arange(1, _CELLS + 1) * (len(pooled) / _CELLS)).astype(np.int64) - 1])
    before, after = (np.diff(np.searchsorted(side, ends, side="right"), prepend=0) for side in (reference, current))
    return before, after, ends
