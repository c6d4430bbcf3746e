"""Evidently's own choice of test and threshold, for those who must compare with it.

As `evidently/legacy/calculations/stattests` of Evidently 0.7.23 has it. Up to 1,000 reference rows: numbers of more
than five values by Kolmogorov-Smirnov, p <= 0.05; all others by chi-squared with the reference taken for exact, p <
0.05, and by the z-test if there are but two values. Above: numbers of more than five values by Wasserstein distance in
standard deviations of the reference, at least 0.1; all others by Jensen-Shannon distance, at least 0.1. No correction
for several tests, no least effect; missing values are left out.

A distance has no p-value there. What is given as one is that of the same statistic without drift, so that a reader sees
what the alarm is worth.
"""

import math
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mlops_console.drift.statistics import distances, nulls
from mlops_console.drift.statistics.measuring import measure_bins, measure_numbers
from mlops_console.drift.statistics.nulls import Demand
from mlops_console.drift.verdicts import Subject, Tested

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

P_VALUE = 0.05
DISTANCE = 0.1
_LARGE = 1_000  # reference rows, above which distances decide
_FEW_VALUES = 5  # up to which numbers are categories
_LEAST_STD = 0.001
_DEMAND = Demand(P_VALUE, 50)
_NAMES = {
    "ks": "Kolmogorov-Smirnov",
    "chi2": "chi-squared",
    "z": "z-test",
    "wasserstein": "Wasserstein distance",
    "jensen_shannon": "Jensen-Shannon distance",
}


def judge_numbers(reference: "Floats", current: "Floats") -> Tested:
    """A numeric column of raw rows, both sides sorted, with at least one value each."""
    import numpy as np

    values = np.union1d(_first_values(reference), _first_values(current))
    if len(values) <= _FEW_VALUES:
        upto = (np.searchsorted(side, values, side="right") for side in (reference, current))
        before, after = (np.diff(ends, prepend=0) for ends in upto)
        return judge_categories(before, after, "values", distances.kolmogorov_smirnov(reference, current))
    if len(reference) <= _LARGE:
        return _by_p_value(measure_numbers("ks", reference, current, Demand(1, 1)), inclusive=True)
    found = measure_numbers("wasserstein", reference, current, _DEMAND)
    with np.errstate(over="ignore", invalid="ignore"):
        std = float(np.std(reference))
    return _by_wasserstein(found, std if math.isfinite(std) else sys.float_info.max)


def judge_bins(
    reference: "Counts", current: "Counts", positions: "Floats", distinct: int, std: float, *, fixed: bool
) -> Tested:
    """A numeric column in the bins of a profile: as near as bins come to the rows themselves.

    Args:
        positions: where the rows of each bin lie.
        distinct: how many different values the reference has.
        std: standard deviation of the reference.
        fixed: whether the bins are quantiles of the very rows in `reference`.
    """
    import numpy as np

    filled = reference + current > 0
    if max(distinct, int(np.count_nonzero(filled))) <= _FEW_VALUES:
        distance = float(distances.ks_of_counts(reference, current))
        return judge_categories(reference[filled], current[filled], "values", distance)
    if reference.sum() <= _LARGE:
        return _by_p_value(measure_bins("ks", reference, current, positions, _DEMAND, fixed=fixed), inclusive=True)
    return _by_wasserstein(measure_bins("wasserstein", reference, current, positions, _DEMAND, fixed=fixed), std)


def judge_categories(
    reference: "Counts", current: "Counts", subject: Subject = "categories", effect: float | None = None
) -> Tested:
    """Rows of each category, shape (k,), with at least one on either side.

    Args:
        subject: "values" where the categories are numbers; `effect` is their Kolmogorov-Smirnov distance then.
    """
    from scipy.special import chdtrc, ndtr

    known = reference + current > 0
    reference, current = reference[known], current[known]
    n, m, k = int(reference.sum()), int(current.sum()), len(reference)
    if effect is None:
        effect = float(distances.total_variation(reference, current))
    if n > _LARGE:
        statistic = float(distances.jensen_shannon(reference, current))
        shuffled = partial(nulls.shuffle, distances.jensen_shannon, reference, current, _DEMAND)
        p = nulls.of_counts("jensen_shannon", statistic, reference, current, _DEMAND, shuffled)
        return _by_distance(Tested("jensen_shannon", subject, statistic, p, effect, float, n, m))
    if k <= 2:
        z = _z(int(reference[-1]), n, int(current[-1]), m) if k == 2 else 0.0
        return _by_p_value(Tested("z", subject, z, 2 * (1 - float(ndtr(abs(z)))), effect, float, n, m))
    expected = reference * (m / n)
    surprising = bool((expected == 0).any())  # rows where the reference, taken for exact, can have none: p = 0
    kept = expected > 0
    statistic = float(((current - expected)[kept] ** 2 / expected[kept]).sum())
    p = 0.0 if surprising else float(chdtrc(k - 1, statistic))
    return _by_p_value(Tested("chi2", subject, statistic, p, effect, float, n, m))


def _z(a: int, n: int, b: int, m: int) -> float:
    share = (a + b) / (n + m)
    return (a / n - b / m) / math.sqrt(share * (1 - share) * (1 / n + 1 / m))


def _by_p_value(tested: Tested, *, inclusive: bool = False) -> Tested:
    p = tested.p_value
    alarms = p <= P_VALUE if inclusive else p < P_VALUE
    nearer = math.sqrt(math.log(2 / P_VALUE) / math.log(2 / max(p, 1e-300)))
    told = f"p {p:.2g}, the threshold is {P_VALUE:g}"
    return _ruled(tested, alarms, tested.effect * nearer, f"{_NAMES[tested.test]}, {told}")


def _by_wasserstein(tested: Tested, std: float) -> Tested:
    scaled = replace(tested, statistic=tested.statistic / max(std, _LEAST_STD))
    return _by_distance(scaled)


def _by_distance(tested: Tested) -> Tested:
    told = f"{tested.statistic:.3g}, the threshold is {DISTANCE:g}"
    critical = tested.effect * DISTANCE / tested.statistic if tested.statistic else 1.0
    return _ruled(tested, tested.statistic >= DISTANCE, critical, f"{_NAMES[tested.test]} {told}")


def _ruled(tested: Tested, alarms: bool, critical: float, rule: str) -> Tested:
    critical = min(critical, 1.0)
    return replace(tested, demand=lambda _: critical, visible=None, alarms=alarms, rule=rule)


def _first_values(values: "Floats") -> "list[float]":
    """The different values of a sorted sample, up to one more than are few."""
    import numpy as np

    found: list[float] = []
    at = 0
    while at < len(values) and len(found) <= _FEW_VALUES:
        found.append(float(values[at]))
        at = int(np.searchsorted(values, values[at], side="right"))
    return found
