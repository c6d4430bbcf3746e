"""Calibration: from what a classifier gives as probabilities to what they have meant on held-out rows.

As NannyML's CBPE does it (NannyML documentation, "How it works", "Confidence-based Performance Estimation"): isotonic
regression of "is of this class" on the class's probability, for each class by itself, only where cross-validation shows
that it helps; of several classes each row is then divided by its sum.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SPLITS = 10
_TEST_SHARE = 0.1
_BINS = 10
_SPLIT_SEED = 42  # NannyML's, so that both decide alike
_SEPARATED = 0.999  # ROC AUC above which there is nothing to calibrate


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A rising line through points; beyond the first and the last one it is flat."""

    x: "NDArray[np.float64]"
    y: "NDArray[np.float64]"

    def __call__(self, scores: "NDArray[np.float64]") -> "NDArray[np.float64]":
        import numpy as np

        return np.interp(scores, self.x, self.y)


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A curve for each class, in their order; None where its probabilities are taken as they are. Of two classes only
    that of the second one counts."""

    curves: tuple[Curve | None, ...]

    def __call__(self, chances: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """Calibrated probabilities of shape (rows, classes); the sum of each row is 1."""
        import numpy as np

        columns = [
            chances[:, code] if curve is None else curve(chances[:, code]) for code, curve in enumerate(self.curves)
        ]
        if len(columns) == 2:
            return np.column_stack([1 - columns[1], columns[1]])
        found = np.column_stack(columns)
        sums = found.sum(axis=1, keepdims=True)
        shares: NDArray[np.float64] = np.divide(found, sums, out=np.full_like(found, 1 / len(columns)), where=sums > 0)
        return shares


def calibrate(chances: "NDArray[np.float64]", true: "NDArray[np.int64]") -> Calibration:
    """The calibration of held-out rows.

    Args:
        chances: the classifier's probabilities, shape (rows, classes).
        true: the place of the true class of each row, shape (rows,).
    """
    curves: list[Curve | None] = [None] * chances.shape[1]
    for code in counted(len(curves)):
        scores, members = chances[:, code], true == code
        if needs_calibration(scores, members):
            curves[code] = isotonic(scores, members)
    return Calibration(tuple(curves))


def counted(classes: int) -> range:
    """The classes that are looked at one by one, each against the rest: of two, only the second one."""
    return range(1, 2) if classes == 2 else range(classes)


def replicas(chances: "NDArray[np.float64]", true: "NDArray[np.int64]", count: int, seed: int) -> Iterator[Calibration]:
    """Isotonic calibration on these rows, and what it would have been on others: on `count` samples of them (the
    bootstrap)."""
    import numpy as np

    rows, classes = chances.shape
    draws = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), size=count).astype(np.float64)
    grouped = {code: _Grouped.of(chances[:, code], true == code) for code in counted(classes)}
    for weights in (np.ones(rows), *draws):
        yield Calibration(tuple(grouped[c].curve(weights) if c in grouped else None for c in range(classes)))


def isotonic(scores: "NDArray[np.float64]", members: "NDArray[np.bool_]") -> Curve:
    """Isotonic regression, as `sklearn.isotonic.IsotonicRegression(out_of_bounds="clip")` has it."""
    import numpy as np

    return _Grouped.of(scores, members).curve(np.ones(len(scores)))


def needs_calibration(scores: "NDArray[np.float64]", members: "NDArray[np.bool_]") -> bool:
    """Whether calibration lowers the expected calibration error: NannyML's rule of ten stratified splits, each of which
    tests on a tenth of the rows. False where less than two rows are of the class, or of another one."""
    import numpy as np
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedShuffleSplit

    if min(members.sum(), (~members).sum()) < 2 or roc_auc_score(members, scores) > _SEPARATED:
        return False
    splits = StratifiedShuffleSplit(n_splits=_SPLITS, test_size=_TEST_SHARE, random_state=_SPLIT_SEED)
    tests, calibrated = [], []
    for train, test in splits.split(scores, members):
        tests.append(test)
        calibrated.append(isotonic(scores[train], members[train])(scores[test]))
    tested = np.concatenate(tests)
    before = _calibration_error(scores[tested], members[tested])
    return before > _calibration_error(np.concatenate(calibrated), members[tested])


def _calibration_error(chances: "NDArray[np.float64]", members: "NDArray[np.bool_]") -> float:
    """The expected calibration error over ten bins of equally many rows (Naeini, Cooper, Hauskrecht, AAAI 2015)."""
    import numpy as np

    order = chances.argsort()
    width = len(order) // _BINS
    starts = np.arange(_BINS) * width  # what the division leaves over is in the last bin
    gaps = np.add.reduceat(chances[order] - members[order], starts)
    return float(np.abs(gaps).sum()) / len(order)


@dataclass(frozen=True, slots=True, eq=False)
class _Grouped:
    """Rows by score, so that the regression can be done again with other weights."""

    x: "NDArray[np.float64]"  # the different scores, rising
    place: "NDArray[np.intp]"  # of each row among them
    members: "NDArray[np.float64]"  # 1 or 0 of each row

    @classmethod
    def of(cls, scores: "NDArray[np.float64]", members: "NDArray[np.bool_]") -> "_Grouped":
        import numpy as np

        x, place = np.unique(scores, return_inverse=True)
        return cls(x, place, members.astype(np.float64))

    def curve(self, weights: "NDArray[np.float64]") -> Curve:
        import numpy as np
        from sklearn.isotonic import isotonic_regression

        mass = np.bincount(self.place, weights, minlength=len(self.x))
        hits = np.bincount(self.place, weights * self.members, minlength=len(self.x))
        drawn = mass > 0
        y = isotonic_regression(hits[drawn] / mass[drawn], sample_weight=mass[drawn])
        return Curve(self.x[drawn], y)
