"""All columns at once: can a classifier tell rows of the window from rows of the reference?

What no column shows by itself, two together may: a correlation that turns round, say. The classifier is a regularised
least-squares one with a kernel of degree two: each column by its ranks or its categories, and each pair of columns. It
is cross-validated by leaving out one row at a time, and shuffled labels are fitted anew; all of it comes of one inverse
matrix, so that thousands of fits take a second (Cawley and Talbot 2003, "Efficient leave-one-out cross-validation of
kernel Fisher discriminant classifiers"). The domain classifier as a test: Lopez-Paz and Oquab 2017, "Revisiting
classifier two-sample tests".
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_console.core.drift import LEAST_ROWS, DriftSettings, FeatureDrift
from mlops_console.core.models import Column
from mlops_console.core.text import safe_line
from mlops_console.drift.labels import codes_of, floats_of
from mlops_console.drift.verdicts import Measured, Tested, judge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

NAME = "(all columns)"
ROWS = 1_000  # of each side that are looked at
_LABELS = 10  # categories that are told apart in one column
_RIDGE = 1.0  # regularisation, of the kernel's mean diagonal
_BATCH = 250  # shuffles that are fitted at once
_ENOUGH = 20  # shuffles that do as well, after which no more are made
_MOST_SHUFFLES = 100_000  # a level beyond what they can meet is not met
_ROWS_FOR_SHARES = 500
_NAMED = 3
_NOTHING = 1e-4  # what is left of a constant by rounding


def compare_together(
    reference: Mapping[str, "NDArray[Any]"],
    window: Mapping[str, "NDArray[Any]"],
    columns: Sequence[Column],
    settings: DriftSettings,
) -> FeatureDrift | None:
    """The verdict on all columns together, of up to 1,000 rows a side.

    Its effect is 2 AUC - 1, which is never more than the total variation distance of the two sides. Its findings name
    the columns that give the window away.

    Args:
        reference: arrays of shape (rows,) by column, as in `drift.features.compare`, all of the same length.
        window: likewise.
        columns: those that both sides do not have are left out.

    Returns:
        None where there are less than two columns or 30 rows, where no column varies, and for Evidently's rules, which
        have no such test.
    """
    import numpy as np
    from threadpoolctl import threadpool_limits

    shared = [column for column in columns if column.name in reference and column.name in window]
    n, m = (min((len(side[column.name]) for column in shared), default=0) for side in (reference, window))
    if len(shared) < 2 or min(n, m) < LEAST_ROWS or settings.profile == "evidently":
        return None
    rng = np.random.default_rng((n, m))
    chosen = [rng.choice(count, min(count, ROWS), replace=False) for count in (n, m)]
    n, m = map(len, chosen)
    mixed = rng.permutation(n + m)  # so that rows that score the same don't stand in the order of their sides
    of_window = mixed >= n
    described = []
    for column in shared:
        sides = [side[column.name][at] for side, at in zip((reference, window), chosen, strict=True)]
        described.append(_describe(column, np.concatenate(sides)[mixed]))
    if not any(part.any() for part in described):
        return None
    with threadpool_limits(1):  # these matrices are too small to be worth a second core, which others may need
        classifier = _fit(described)
        auc, p = _test(classifier, of_window, settings.level, settings.least_effect)

    def demand(p: float) -> float:  # Mann-Whitney's large-sample null
        from scipy.special import ndtri

        return min(1.0, 2 * float(-ndtri(p)) * math.sqrt((n + m + 1) / (12 * n * m)))

    tested = Tested("domain_classifier", "columns", auc, p, max(2 * auc - 1, 0.0), demand, n, m)
    found = judge([Measured(NAME, "numeric", n, m, (tested,), role="together")], settings)[0]
    if not found.drifted:
        return found
    shares = _shares(classifier, described, of_window)
    order = np.argsort(-shares)[:_NAMED]
    told = ", ".join(f"{safe_line(shared[at].name)} ({shares[at]:.0%})" for at in order if shares[at] > 1 / len(shared))
    return replace(found, findings=(f"what gives its rows away: {told}",)) if told else found


@dataclass(frozen=True, slots=True)
class _Classifier:
    """`inverse`: of the regularised kernel of all rows, shape (rows, rows). `products`: of the rows' descriptions."""

    inverse: "Matrix"
    products: "Matrix"


def _describe(column: Column, values: "NDArray[Any]") -> "Matrix":
    """A column as some numbers a row, centred, their squares 1 in the mean; what is missing is a value of its own."""
    import numpy as np
    from scipy.stats import rankdata

    if column.kind == "numeric":
        numbers, _ = floats_of(values)
        known = np.isfinite(numbers)
        ranks = np.zeros(len(numbers))
        ranks[known] = rankdata(numbers[known]) / max(int(known.sum()), 1) * 2 - 1
        parts = [ranks, np.where(known, ranks**2 - 1 / 3, 0.0) * math.sqrt(15) / 2, ~known]
    else:
        codes, names = codes_of(values)
        largest = np.argsort(-np.bincount(codes[codes >= 0], minlength=len(names)), kind="stable")[:_LABELS]
        parts = [codes == at for at in largest] + [codes == -1]
    found = np.column_stack(parts).astype(np.float32)
    found -= found.mean(axis=0)
    size = float(np.sqrt((found**2).sum(axis=1).mean()))
    return found / size if size > _NOTHING else np.zeros_like(found)


def _fit(described: Sequence["Matrix"]) -> _Classifier:
    import numpy as np
    from scipy import linalg

    rows = np.concatenate(described, axis=1) / np.float32(math.sqrt(len(described)))
    products = rows @ rows.T
    kernel = _kernel(products)
    means = kernel.mean(axis=0)
    kernel -= means
    kernel -= means[:, None] - means.mean()
    kernel[np.diag_indices(len(kernel))] += _RIDGE * float(np.trace(kernel)) / len(kernel)
    factor, _ = linalg.lapack.spotrf(kernel.T, lower=True, overwrite_a=True)
    inverse, _ = linalg.lapack.spotri(factor, lower=True, overwrite_c=True)  # of which it writes the lower half only
    inverse = np.tril(inverse)
    return _Classifier(inverse + np.tril(inverse, -1).T, products)


def _kernel(products: "Matrix") -> "Matrix":
    return products + products**2


def _test(classifier: _Classifier, of_window: "NDArray[np.bool_]", level: float, least: float) -> tuple[float, float]:
    """The cross-validated AUC, and its p-value by shuffled labels (Phipson and Smyth 2010), each fitted anew.

    It stops where 20 shuffles do as well (Besag and Clifford 1991); and after few, where the effect does not count.
    """
    import numpy as np

    scores = _left_out(classifier, of_window[:, None])
    auc = float(_auc(scores, of_window[:, None])[0])
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(scores).tobytes()))
    most = _BATCH if 2 * auc - 1 < least else min(math.ceil(1 / level), _MOST_SHUFFLES)
    made = reached = 0
    while made < most:
        labels = rng.permuted(np.repeat(of_window[:, None], min(_BATCH, most - made), axis=1), axis=0)
        hits = np.flatnonzero(_auc(_left_out(classifier, labels), labels) >= auc)
        if reached + len(hits) >= _ENOUGH:
            return auc, _ENOUGH / (made + int(hits[_ENOUGH - reached - 1]) + 1)
        reached, made = reached + len(hits), made + labels.shape[1]
    return auc, (1 + reached) / (1 + made)


def _left_out(classifier: _Classifier, of_window: "NDArray[np.bool_]") -> "Matrix":
    """What the classifier says of each row when it has learnt of all others; the shape is (rows, labellings)."""
    import numpy as np

    targets = _targets(of_window)
    return np.asarray(targets - classifier.inverse @ targets / np.diag(classifier.inverse)[:, None])


def _targets(of_window: "NDArray[np.bool_]") -> "Matrix":
    import numpy as np

    m = int(of_window[:, 0].sum())
    return np.where(of_window, np.float32(1 / m), np.float32(-1 / (len(of_window) - m))) * np.float32(len(of_window))


def _auc(scores: "Matrix", of_window: "NDArray[np.bool_]") -> "NDArray[np.float64]":
    """How often a row of the window scores above one of the reference; one figure for each column."""
    import numpy as np

    count = len(scores)
    m = int(of_window[:, 0].sum())
    ordered = np.take_along_axis(of_window, np.argsort(scores, axis=0), axis=0)
    ranks = (np.arange(1, count + 1)[:, None] * ordered).sum(axis=0)
    return np.asarray((ranks - m * (m + 1) / 2) / (m * (count - m)))


def _shares(
    classifier: _Classifier, described: Sequence["Matrix"], of_window: "NDArray[np.bool_]"
) -> "NDArray[np.float64]":
    """What each column contributes to the classifier: how much its scores vary by it; all together 1."""
    import numpy as np

    weights = (classifier.inverse @ _targets(of_window[:, None]))[:, 0]
    weights -= weights.mean()
    some = np.arange(0, len(of_window), max(1, len(of_window) // _ROWS_FOR_SHARES))
    whole = classifier.products[some]
    scores = _kernel(whole) @ weights
    found = [
        float(np.var(scores - _kernel(whole - part[some] @ part.T / np.float32(len(described))) @ weights))
        for part in described
    ]
    return np.array(found) / max(sum(found), 1e-12)
