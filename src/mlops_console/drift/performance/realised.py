"""Performance by the labels that have come.

With two classes the positive one is the second of the signature's; with more, precision, recall, F1 and ROC AUC are the
mean over the classes, each against the rest. A label that is none of the model's classes makes an answer wrong, as it
is. What is not defined (precision without a positive answer, recall without a positive row, ROC AUC of a class that all
rows are of, or none) is left out: of precision, recall and F1 of several classes only for that class.
"""

import math
from typing import TYPE_CHECKING

from mlops_console.core.performance import Figure
from mlops_console.drift.performance.intervals import of_magnitude, of_share, wilson
from mlops_console.drift.performance.outcomes import Outcomes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DRAWS = 1_000
_SEED = 20_240_229


def figures(outcomes: Outcomes) -> tuple[Figure, ...]:
    """The figures of the labelled rows, in the order accuracy, precision, recall, F1, ROC AUC; or MAE, RMSE.

    Intervals of 95 %: Wilson's for accuracy, precision, recall and for F1, which is 2J / (1 + J) of the share J of true
    positives among all rows that are or were called positive; means over several classes: the bootstrap over the rows,
    1,000 times; ROC AUC: DeLong, Biometrics 44 (1988), 837; MAE and RMSE: normal, of the logarithm.
    """
    found = outcomes.of(outcomes.labelled)
    if not found.rows:
        return ()
    if not outcomes.classes:
        return _regression(found)
    by_class = _binary(found) if len(outcomes.classes) == 2 else _several(found)
    return _accuracy(found), *by_class, *_roc_auc(found)


def main_figure(outcomes: Outcomes) -> Figure | None:
    """Accuracy, or MAE of a regressor; None without labels."""
    found = outcomes.of(outcomes.labelled)
    if not found.rows:
        return None
    return _accuracy(found) if found.classes else _regression(found)[0]


def _accuracy(found: Outcomes) -> Figure:
    share = float(found.right.mean())
    return Figure("accuracy", share, *wilson(share, found.rows))


def _regression(found: Outcomes) -> tuple[Figure, ...]:
    import numpy as np

    errors = np.abs(found.predicted - found.true)
    mean, square = float(errors.mean()), float((errors**2).mean())
    root, deviation = math.sqrt(square), _deviation(errors**2)
    return (
        of_magnitude("mae", mean, _deviation(errors)),
        of_magnitude("rmse", root, deviation / (2 * root) if root else 0.0),
    )


def _deviation(values: "NDArray[np.float64]") -> float:
    """Of the mean."""
    return float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def _binary(found: Outcomes) -> tuple[Figure, ...]:
    called, positive = found.predicted == 1, found.true == 1
    hits = int((called & positive).sum())
    figures = []
    for metric, count in (("precision", int(called.sum())), ("recall", int(positive.sum()))):
        if count:
            figures.append(Figure(metric, hits / count, *wilson(hits / count, count)))
    if either := int((called | positive).sum()):
        value, low, high = (2 * j / (1 + j) for j in (hits / either, *wilson(hits / either, either)))
        figures.append(Figure("f1", value, low, high))
    return tuple(figures)


def _several(found: Outcomes) -> tuple[Figure, ...]:
    """By the table of answers and truths, drawn anew from itself: the bootstrap over the rows."""
    import numpy as np

    width = len(found.classes) + 1  # the last one is UNKNOWN
    cells, counts = np.unique((found.true % width) * width + found.predicted % width, return_counts=True)
    drawn = np.random.default_rng(_SEED).multinomial(found.rows, counts / found.rows, size=_DRAWS)
    values = _means(cells, np.vstack([counts, drawn]), width)
    figures = []
    for metric, means in values.items():
        value = float(means[0])
        if not math.isnan(value):
            low, high = np.nanquantile(means[1:], (0.025, 0.975)).tolist()
            figures.append(Figure(metric, value, min(low, value), max(high, value)))
    return tuple(figures)


def _means(cells: "NDArray[np.int64]", counts: "NDArray[np.int64]", width: int) -> "dict[str, NDArray[np.float64]]":
    """The mean over the classes for each row of `counts`, which are those of the cells (true, predicted)."""
    import numpy as np

    sums: dict[str, list[NDArray[np.float64]]] = {"precision": [], "recall": [], "f1": []}
    true, predicted = np.divmod(cells, width)
    for code in range(width - 1):
        positive = counts[:, true == code].sum(axis=1)
        called = counts[:, predicted == code].sum(axis=1)
        hits = counts[:, (true == code) & (predicted == code)].sum(axis=1)
        with np.errstate(invalid="ignore"):
            sums["precision"].append(hits / called)
            sums["recall"].append(hits / positive)
            sums["f1"].append(2 * hits / (called + positive))
    found = {}
    for metric, each in sums.items():
        by_class = np.array(each)
        defined = (~np.isnan(by_class)).sum(axis=0)
        with np.errstate(invalid="ignore"):
            found[metric] = np.nansum(by_class, axis=0) / defined
    return found


def _roc_auc(found: Outcomes) -> tuple[Figure, ...]:
    import numpy as np

    if found.chances is None:
        return ()
    scored = found.is_scored
    chances, true = found.chances[scored], found.true[scored]
    counted = [1] if len(found.classes) == 2 else range(len(found.classes))
    value, influence, least = 0.0, np.zeros(len(true)), len(true)
    for code in counted:
        positive = true == code
        members = int(positive.sum())
        least = min(least, members, len(true) - members)
        if not least:
            return ()
        auc, parts = _delong(chances[:, code], positive)
        value += auc / len(counted)
        influence += parts / len(counted)
    variance = float((influence**2).sum())
    if variance == 0:  # every pair is in order: how many could still have been found out of order
        return (Figure("roc_auc", value, *wilson(value, least)),)
    return (of_share("roc_auc", value, math.sqrt(variance)),)


def _delong(scores: "NDArray[np.float64]", positive: "NDArray[np.bool_]") -> "tuple[float, NDArray[np.float64]]":
    """ROC AUC, and what each row adds to its error: their squares sum to DeLong's variance.

    By midranks, as Sun and Xu, IEEE Signal Processing Letters 21 (2014), 1389.
    """
    import numpy as np
    from scipy.stats import rankdata

    above, below = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(scores)
    parts = np.empty(len(scores))
    parts[positive] = (ranks[positive] - rankdata(scores[positive])) / below
    parts[~positive] = 1 - (ranks[~positive] - rankdata(scores[~positive])) / above
    auc = float(parts[positive].mean())
    for chosen, members in ((positive, above), (~positive, below)):
        spread = math.sqrt(members * (members - 1)) if members > 1 else 1.0
        parts[chosen] = (parts[chosen] - auc) / spread
    return auc, parts
