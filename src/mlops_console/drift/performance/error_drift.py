"""Whether the model's error has moved: known where labels have come."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_console.core.drift import LEAST_ROWS, DriftSettings, FeatureDrift
from mlops_console.core.models import Column, Signature
from mlops_console.core.profiles import HeldOut
from mlops_console.drift.features import compare
from mlops_console.drift.live.rows import LiveRows
from mlops_console.drift.performance.outcomes import UNKNOWN, Outcomes, of_held_out, of_live

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_CHANCE = 1e-15  # of the true class: the logarithm of 0 is none


def error_drift(
    signature: Signature, held_out: HeldOut | None, rows: LiveRows, settings: DriftSettings
) -> FeatureDrift | None:
    """The errors of the labelled rows of a window compared with those of the held-out rows.

    The error is the absolute one of a regressor, the logarithmic loss of the true class of a classifier with
    probabilities, and of one without them whether its answer was right. None without held-out rows, or where less than
    30 labels have come. Where it has moved down, a finding says so.
    """
    if held_out is None:
        return None
    then, now = _errors(of_held_out(signature, held_out)), _errors(of_live(signature, rows))
    if len(now) < LEAST_ROWS or then.dtype != now.dtype:
        return None
    column = Column("error", str(now.dtype), "categorical" if now.dtype == object else "numeric")
    (found,) = compare({"error": then}, {"error": now}, [column], settings)
    better = found.drifted and _size(now) < _size(then)
    return replace(found, role="error", findings=(*found.findings, *(["it has become smaller"] if better else [])))


def _size(errors: "NDArray[Any]") -> float:
    """The mean error, or the share of wrong answers."""
    return float((errors == "wrong").mean() if errors.dtype == object else errors.mean())


def _errors(outcomes: Outcomes) -> "NDArray[Any]":
    """Of the labelled rows: shape (rows,), float64, or object of "right" and "wrong"."""
    import numpy as np

    found = outcomes.of(outcomes.labelled)
    if not outcomes.classes:
        return np.asarray(np.abs(found.predicted - found.true))
    if found.chances is None:
        return np.where(found.right, "right", "wrong").astype(object)
    chances = np.take_along_axis(found.chances, np.maximum(found.true, 0)[:, None], axis=1)[:, 0]
    chances = np.where(found.true == UNKNOWN, 0.0, chances)[found.is_scored]
    return np.asarray(-np.log(np.maximum(chances, _LEAST_CHANCE)))
