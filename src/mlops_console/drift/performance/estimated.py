"""Performance of a classifier without labels: confidence-based performance estimation.

A calibrated probability of 0.9 is right in nine of ten cases; so the sums of the probabilities of a window are the
expected table of answers and truths, and the figures are those of that table (NannyML documentation, "How it works",
"Confidence-based Performance Estimation"). It holds while the probabilities keep their meaning: it sees a window of
harder rows, and does not see that the same rows now have other labels (concept drift).

Classes are counted as in `realised`, and a figure is left out where less than one row is expected that it is about, or
less than 30 held-out rows were (of two classes).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.core.drift import LEAST_ROWS
from mlops_console.core.performance import Figure
from mlops_console.drift.performance.calibration import calibrate, counted, replicas
from mlops_console.drift.performance.intervals import of_odds
from mlops_console.drift.performance.outcomes import Outcomes, some_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MEAN_METRICS = ("precision", "recall", "f1", "roc_auc")
_REPLICAS = 100
_SEED = 20_240_229
_LOOKED_AT = 2_000  # probabilities of a window that the calibration's own error is measured on


class ConfidenceEstimator:
    """Estimates figures of a window's rows that have probabilities.

    In an interval is the figure that the labels of these rows will show, in 95 % of windows. Its error has two parts:
    which labels the rows draw from their probabilities (the delta method), and what other held-out rows would have said
    of the probabilities (the bootstrap over them, 100 times).

    Args:
        held_out: rows with probabilities and a label that is one of the classes, of two classes at least.
        live: the window's rows, with probabilities or NaN.
    """

    def __init__(self, held_out: Outcomes, live: Outcomes) -> None:
        assert held_out.chances is not None, "only rows with probabilities are held out for this"
        self._live = live
        self._calibration = calibrate(held_out.chances, held_out.true)
        self._left_out = _too_rare(held_out)
        self._replicas = tuple(replicas(held_out.chances, held_out.true, _REPLICAS, _SEED))

    def figures(self, chosen: "NDArray[np.bool_]") -> tuple[Figure, ...]:
        """In the order accuracy, precision, recall, F1, ROC AUC; () where none of the rows has probabilities."""
        return self._figures(chosen, lambda chances, found: _expected(chances, found))

    def main_figure(self, chosen: "NDArray[np.bool_]") -> Figure | None:
        """The accuracy."""
        found = self._figures(chosen, lambda chances, found: {"accuracy": _accuracy(chances, found.predicted)})
        return next(iter(found), None)

    def _figures(
        self,
        chosen: "NDArray[np.bool_]",
        expected: "Callable[[NDArray[np.float64], Outcomes], Mapping[str, _Expected]]",
    ) -> tuple[Figure, ...]:
        import numpy as np

        found = self._live.of(chosen & self._live.is_scored)
        if not found.rows:
            return ()
        assert found.chances is not None
        chances = self._calibration(found.chances)
        looked_at = some_of(np.arange(found.rows), max(1, _LOOKED_AT // len(found.classes)))
        moves = np.stack([replica(found.chances[looked_at]) - chances[looked_at] for replica in self._replicas])
        moves *= found.rows / len(looked_at)
        return tuple(
            _figure(metric, e.value, e.label_variance(chances), e.changes(moves, looked_at))
            for metric, e in expected(chances, found).items()
            if metric not in self._left_out
        )


def _too_rare(held_out: Outcomes) -> set[str]:
    """Of two classes, the figures that are about less than 30 of the held-out rows: an interval of them would be too
    narrow."""
    if len(held_out.classes) != 2:
        return set()
    called, positive = int((held_out.predicted == 1).sum()), int((held_out.true == 1).sum())
    about = {
        "precision": called,
        "recall": positive,
        "f1": min(called, positive),
        "roc_auc": min(positive, held_out.rows - positive),
    }
    return {metric for metric, rows in about.items() if rows < LEAST_ROWS}


def _figure(metric: str, value: float, variance: float, changes: "NDArray[np.float64]") -> Figure:
    """The interval is that of isotonic calibration, less its bias (which separates the classes better than they are):
    as much as its replicas are beyond it, it is beyond the truth (the basic bootstrap: Davison and Hinkley, Bootstrap
    Methods and their Application, 1997, 5.2)."""
    own, others = float(changes[0]), changes[1:]
    bias = float(others.mean()) - own
    return of_odds(metric, value, math.sqrt(variance + float(others.var()) + bias**2), value + own - bias)


@dataclass(frozen=True, slots=True, eq=False)
class _Expected:
    """The expected value of a figure, a mean over classes; `slopes` are its derivatives by the probabilities of each of
    them, shape (rows,)."""

    value: float
    slopes: "Mapping[int, NDArray[np.floating[Any]]]"

    def label_variance(self, chances: "NDArray[np.float64]") -> float:
        """Of the figure, if every row draws its label from its probabilities."""
        import numpy as np

        squares, means = 0.0, np.zeros(len(chances))
        for code, slope in self.slopes.items():
            products = chances[:, code] * slope
            squares += float((products * slope).sum())
            means += products
        return max(0.0, squares - float((means**2).sum()))

    def changes(self, moves: "NDArray[np.float64]", looked_at: "NDArray[np.intp]") -> "NDArray[np.float64]":
        """By how much the figure would be another one with other calibrations, whose probabilities are others by
        `moves`, shape (calibrations, looked at, classes)."""
        import numpy as np

        changes = np.zeros(len(moves))
        for code, slope in self.slopes.items():
            changes += moves[:, :, code] @ slope[looked_at]
        return changes


def _expected(chances: "NDArray[np.float64]", found: Outcomes) -> dict[str, _Expected]:
    """By metric; what is not defined is not there."""
    assert found.chances is not None
    by_class = {
        code: _of_class(chances[:, code], found.chances[:, code], found.predicted == code)
        for code in counted(len(found.classes))
    }
    expected = {"accuracy": _accuracy(chances, found.predicted)}
    for metric in _MEAN_METRICS:
        defined = {code: figures[metric] for code, figures in by_class.items() if metric in figures}
        if defined and (metric != "roc_auc" or len(defined) == len(by_class)):
            mean = sum(value for value, _ in defined.values()) / len(defined)
            expected[metric] = _Expected(mean, {code: slope / len(defined) for code, (_, slope) in defined.items()})
    return expected


def _accuracy(chances: "NDArray[np.float64]", predicted: "NDArray[np.int64]") -> _Expected:
    """An answer that is none of the classes is wrong."""
    slopes = {code: (predicted == code) / len(predicted) for code in range(chances.shape[1])}
    return _Expected(sum(float((chances[:, code] * slope).sum()) for code, slope in slopes.items()), slopes)


def _of_class(
    chances: "NDArray[np.float64]", scores: "NDArray[np.float64]", called: "NDArray[np.bool_]"
) -> "dict[str, tuple[float, NDArray[np.floating[Any]]]]":
    """The figures of one class against the rest, each with its derivative by the probabilities of that class.

    Args:
        chances: calibrated.
        scores: as the model gave them: they rank the rows.
        called: whether the model's answer is this class.
    """
    answers, members, hits = float(called.sum()), float(chances.sum()), float(chances[called].sum())
    found: dict[str, tuple[float, NDArray[np.floating[Any]]]] = {}
    if answers:
        found["precision"] = (hits / answers, called / answers)
    if members >= 1:
        recall = hits / members
        found["recall"] = (recall, (called - recall) / members)
    if answers + members >= 1:
        f1 = 2 * hits / (answers + members)
        found["f1"] = (f1, (2 * called - f1) / (answers + members))
    if min(members, len(chances) - members) >= 1:
        found["roc_auc"] = _roc_auc(chances, scores)
    return found


def _roc_auc(
    chances: "NDArray[np.float64]", scores: "NDArray[np.float64]"
) -> "tuple[float, NDArray[np.floating[Any]]]":
    """The area under the expected curve, with its derivative; rows of the same score are half in order."""
    import numpy as np

    _, place = np.unique(scores, return_inverse=True)
    positive = np.bincount(place, chances)
    negative = np.bincount(place, 1 - chances)
    below = negative.cumsum() - negative / 2  # negatives with a lower score
    above = positive.sum() - positive.cumsum() + positive / 2  # positives with a higher one
    pairs = positive.sum() * negative.sum()
    area = float(positive @ below) / float(pairs)
    slope = (below[place] - above[place] - area * (negative.sum() - positive.sum())) / pairs
    return area, slope
