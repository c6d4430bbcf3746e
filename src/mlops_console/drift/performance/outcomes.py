"""What was answered beside what was true, as numbers: the one form in which held-out and live rows are measured."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.core.models import Signature
from mlops_console.core.profiles import HeldOut
from mlops_console.drift.live.rows import LiveRows, to_array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNKNOWN = -1  # code of what is none of the model's classes
_SEED = 20_240_229
_GREATEST = 1e70  # whose fourth power, in the variance of squares, is still a number
_SUM_TOLERANCE = 1e-3  # of probabilities that were written as float32, or rounded


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Rows as arrays of shape (rows,).

    Attributes:
        predicted: of a classifier the place of the class among `classes` or UNKNOWN, int64; else the number, float64
            with NaN for what is none.
        true: likewise. Of rows without a label it says nothing.
        labelled: whether the label has come and, of a regressor, is a finite number.
        chances: probabilities of shape (rows, classes), each row between 0 and 1 and with the sum 1, or all NaN; None
            of a model that gives none.
        classes: () of a regressor.
    """

    predicted: "NDArray[Any]"
    true: "NDArray[Any]"
    labelled: "NDArray[np.bool_]"
    chances: "NDArray[np.float64] | None"
    classes: tuple[Any, ...]

    @property
    def rows(self) -> int:
        return len(self.predicted)

    @property
    def right(self) -> "NDArray[np.bool_]":
        """Whether a classifier's answer was the label."""
        found: NDArray[np.bool_] = (self.predicted == self.true) & (self.true != UNKNOWN)
        return found

    @property
    def is_scored(self) -> "NDArray[np.bool_]":
        """Whether a row has what an estimate is made of: probabilities, or the finite answer of a regressor."""
        import numpy as np

        scores = self.predicted if self.chances is None else self.chances[:, 0]
        return np.isfinite(scores)

    @property
    def is_usable(self) -> "NDArray[np.bool_]":
        """Whether an estimate can be learnt from a row: it is scored, and has a label of the model's own."""
        found: NDArray[np.bool_] = self.labelled & self.is_scored
        return found & (self.true != UNKNOWN) if self.classes else found

    def of(self, chosen: "NDArray[np.bool_]") -> "Outcomes":
        """Only some of the rows."""
        chances = None if self.chances is None else self.chances[chosen]
        return Outcomes(self.predicted[chosen], self.true[chosen], self.labelled[chosen], chances, self.classes)


def of_live(signature: Signature, rows: LiveRows) -> Outcomes:
    """The outcomes of live rows."""
    chances = rows.probabilities if signature.probabilities else None
    return _outcomes(signature, rows.predictions, rows.labels, chances)


def of_held_out(signature: Signature, held_out: HeldOut) -> Outcomes:
    """The outcomes of held-out rows, with their classes in the order of the signature."""
    import numpy as np

    chances = None
    if signature.probabilities and held_out.probabilities:
        found = np.array(held_out.probabilities, dtype=np.float64)
        order = codes(signature.classes, held_out.classes)
        if found.shape == (len(held_out.predictions), len(signature.classes)) and (order >= 0).all():
            chances = found[:, order]
    return _outcomes(signature, held_out.predictions, held_out.labels, chances)


def codes(values: Iterable[Any], classes: Sequence[Any]) -> "NDArray[np.int64]":
    """The places of JSON values among the classes that they equal, or are written like; UNKNOWN of all others."""
    import numpy as np

    known = {str(label): code for code, label in enumerate(classes)} | {c: code for code, c in enumerate(classes)}
    found = [UNKNOWN if isinstance(value, list | dict) else known.get(value, UNKNOWN) for value in values]
    return np.array(found, dtype=np.int64)


def some_of(places: "NDArray[np.intp]", most: int) -> "NDArray[np.intp]":
    """Up to `most` of them, each with the same chance, in their order; the same ones every time."""
    import numpy as np

    if len(places) <= most:
        return places
    return np.sort(np.random.default_rng(_SEED).choice(places, size=most, replace=False))


def _outcomes(
    signature: Signature, predictions: Iterable[Any], labels: Iterable[Any], chances: "NDArray[np.float64] | None"
) -> Outcomes:
    import numpy as np
    import pandas as pd

    if signature.task == "regression":
        predicted, true = _measurable(predictions), _measurable(labels)
        return Outcomes(predicted, true, np.isfinite(predicted) & np.isfinite(true), None, ())
    labelled = ~pd.isna(to_array(labels, numeric=False))
    classes = signature.classes
    return Outcomes(codes(predictions, classes), codes(labels, classes), labelled, _checked(chances), classes)


def _measurable(values: Iterable[Any]) -> "NDArray[np.float64]":
    """As float64 with NaN for what is no number, or one too large to reckon with."""
    import numpy as np

    found = to_array(values, numeric=True)
    return np.where(np.abs(found) < _GREATEST, found, np.nan)


def _checked(chances: "NDArray[np.float64] | None") -> "NDArray[np.float64] | None":
    import numpy as np

    if chances is None:
        return None
    with np.errstate(invalid="ignore"):
        whole = (chances >= 0).all(axis=1) & (np.abs(chances.sum(axis=1) - 1) <= _SUM_TOLERANCE)
    return np.where(whole[:, None], chances, np.nan)
