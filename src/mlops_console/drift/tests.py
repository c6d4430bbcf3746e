"""Two-sample statistics for one feature, and the correction for looking at many.

Samples are arrays without missing values. Every function here is pure; the verdict is `drift.features`' business.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

PSI_BINS = 10
_SHARE_FLOOR = 1e-4  # of an empty bin: the logarithm of PSI needs a share above 0
_EXPECTED = 5  # Cochran's rule: the chi-squared approximation wants this many expected rows in a cell


@dataclass(frozen=True, slots=True)
class TestResult:
    """`effect` is a difference of shares from 0 to 1, comparable between the tests."""

    __test__ = False  # pytest: not a test class

    statistic: float
    p_value: float
    effect: float


def kolmogorov_smirnov(reference: "Floats", current: "Floats") -> TestResult:
    """Two-sample Kolmogorov-Smirnov test, two-sided; both samples of shape (rows,) with at least one value.

    The statistic, which is the effect too, is the largest distance between the two empirical distribution functions.
    The p-value is scipy's: exact up to 10,000 rows a side, asymptotic beyond (Hodges 1958, "The significance
    probability of the Smirnov two-sample test"). Ties, as in whole numbers, make it conservative.
    """
    from scipy.stats import ks_2samp

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an exact value out of reach: scipy takes the asymptotic one
        found = ks_2samp(reference, current, method="auto")
    statistic = float(found.statistic)
    return TestResult(statistic, float(found.pvalue), statistic)


def chi_squared(reference: "Counts", current: "Counts") -> TestResult:
    """Pearson's chi-squared test that two samples of categories have the same shares (homogeneity of a 2 x k table).

    Args:
        reference: rows of each category, shape (k,).
        current: the same categories, shape (k,).

    Both samples count as samples: taking the reference for exact makes false alarms. Categories are pooled, the rarest
    first, until every cell expects at least 5 rows (Cochran 1954, "Some methods for strengthening the common
    chi-squared tests"). The effect is the total variation distance of the pooled shares.
    """
    import numpy as np
    from scipy.special import chdtrc

    table = pool_rare(np.vstack([reference, current]))
    rows, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    shares = table / rows
    effect = float(np.abs(shares[0] - shares[1]).sum() / 2)
    if table.shape[1] < 2:
        return TestResult(0.0, 1.0, effect)
    expected = rows * columns / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return TestResult(statistic, float(chdtrc(table.shape[1] - 1, statistic)), effect)


def pool_rare(table: "Counts") -> "Counts":
    """A 2 x k table whose rare categories are one, so that each cell expects 5 rows; empty categories are dropped."""
    import numpy as np

    table = table[:, np.argsort(table.sum(axis=0), kind="stable")]
    table = table[:, table.sum(axis=0) > 0]
    needed = _EXPECTED * table.sum() / table.sum(axis=1).min()
    totals = np.cumsum(table.sum(axis=0))
    rare = int((table.sum(axis=0) < needed).sum())
    if rare == 0:
        return table
    while rare < table.shape[1] and totals[rare - 1] < needed:
        rare += 1
    return np.column_stack([table[:, :rare].sum(axis=1), table[:, rare:]])


def population_stability(reference: "Counts", current: "Counts") -> float:
    """Population stability index of two samples in the same bins: sum of (q - p) ln(q / p) over their shares.

    Siddiqi 2006, "Credit Risk Scorecards". Empty bins count as a share of 1e-4. It has no fixed threshold: without any
    drift it is about (1/n + 1/m) chi-squared(k - 1), so that it is shown, and the verdict is left to the tests.
    """
    import numpy as np

    p = np.maximum(reference / reference.sum(), _SHARE_FLOOR)
    q = np.maximum(current / current.sum(), _SHARE_FLOOR)
    return float(((q - p) * np.log(q / p)).sum())


def quantile_counts(reference: "Floats", current: "Floats", bins: int = PSI_BINS) -> tuple["Counts", "Counts"]:
    """Both samples counted in bins that hold equal shares of the reference; ties make fewer bins."""
    import numpy as np

    inner = np.unique(np.quantile(reference, np.arange(1, bins) / bins))
    if reference.min() == reference.max():
        inner = np.array([np.nextafter(inner[0], -np.inf), inner[0]])  # below it, it, above it
    found = [np.bincount(np.searchsorted(inner, side), minlength=len(inner) + 1) for side in (reference, current)]
    return found[0], found[1]


def benjamini_hochberg(p_values: Sequence[float], level: float) -> list[bool]:
    """Which of several tests to believe, so that the expected share of false ones among them is at most `level`.

    Benjamini and Hochberg 1995, "Controlling the false discovery rate": the step-up procedure.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    believed = 0
    for rank, index in enumerate(order, 1):
        if p_values[index] <= level * rank / len(order):
            believed = rank
    chosen = set(order[:believed])
    return [index in chosen for index in range(len(p_values))]
