"""What a model is worth on the rows of a window: estimated without labels, realised with them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from mlops_console.core.drift import LEAST_ROWS
from mlops_console.core.models import Signature
from mlops_console.core.performance import Figure, Performance, SlicePerformance, better_when_lower
from mlops_console.core.profiles import HeldOut
from mlops_console.core.slices import Slice
from mlops_console.core.text import safe_line, shorten
from mlops_console.drift.live.rows import LiveRows
from mlops_console.drift.performance import realised
from mlops_console.drift.performance.error_model import ErrorEstimator
from mlops_console.drift.performance.estimated import ConfidenceEstimator
from mlops_console.drift.performance.outcomes import UNKNOWN, Outcomes, of_held_out, of_live
from mlops_console.drift.slicing import parts_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_HELD_OUT = 100  # rows that an estimate is learnt from
MOST_CLASSES = 50  # each of which is calibrated by itself, a hundred times


class Estimator(Protocol):
    """Estimates figures of any of a window's rows, which `chosen` of shape (rows,) tells."""

    def figures(self, chosen: "NDArray[np.bool_]") -> tuple[Figure, ...]: ...

    def main_figure(self, chosen: "NDArray[np.bool_]") -> Figure | None:
        """Accuracy, or MAE of a regressor."""


def measure(
    signature: Signature, held_out: HeldOut | None, rows: LiveRows, slices: Sequence[Slice] = ()
) -> Performance:
    """The performance of a model in a window, as a whole and in each part of the slices.

    Estimated figures are of all rows, realised ones of those whose label has come; each needs 30 rows, and an estimate
    100 held-out rows too. What is not defined, as precision without a positive answer, is left out. Slices have the
    accuracy, or the MAE of a regressor; the worst is the first, by its realised figure where it has one.
    """
    import numpy as np

    live = of_live(signature, rows)
    then = None if held_out is None else of_held_out(signature, held_out)
    reason = _why_not_estimated(signature, then, live)
    estimator = None if reason else _estimator(signature, held_out, then, rows, live)
    labelled = int(live.labelled.sum())
    reference = () if then is None else realised.figures(then)
    return Performance(
        signature.task,
        live.rows,
        labelled,
        estimated=() if estimator is None else estimator.figures(np.ones(live.rows, dtype=bool)),
        realised=realised.figures(live) if labelled >= LEAST_ROWS else (),
        reference={figure.metric: figure.value for figure in reference},
        delay=float(np.median(rows.delays[live.labelled])) if labelled else None,
        slices=tuple(sorted(_by_slice(slices, rows, live, estimator), key=_badness)),
        not_estimated=reason,
        reference_bounds={figure.metric: (figure.low, figure.high) for figure in reference},
    )


def remarks(signature: Signature, rows: LiveRows) -> Iterator[str]:
    """What is odd about the rows, a sentence each."""
    live = of_live(signature, rows)
    if rows.damaged:
        yield f"{rows.damaged:,} requests or labels in the prediction log are damaged: they are not measured."
    if signature.task == "regression":
        given = sum(label is not None for label in rows.labels)
        if strange := given - int(live.labelled.sum()):
            yield f"{strange:,} labels or answers are no finite numbers: they are not measured."
        return
    if strange := int((live.true[live.labelled] == UNKNOWN).sum()):
        yield f"{strange:,} labels are none of the model's classes: their rows count as answered wrongly."
    if live.chances is not None and (strange := live.rows - int(live.is_scored.sum())):
        yield f"{strange:,} rows have no probabilities from 0 to 1 with the sum 1: they are not estimated."


def _why_not_estimated(signature: Signature, then: Outcomes | None, live: Outcomes) -> str:
    """One sentence; "" where there can be an estimate."""
    classifies = signature.task == "classification"
    if not live.rows:
        return "The prediction log has no row of the window."
    if classifies and not signature.probabilities:
        return "The model gives no probabilities to estimate its performance from."
    if len(signature.classes) > MOST_CLASSES:
        return f"The model has {len(signature.classes):,} classes; those of up to {MOST_CLASSES} are estimated."
    if then is None:
        return "The model was stored without held-out rows to estimate its performance from."
    usable = then.of(then.is_usable)
    if usable.rows < LEAST_HELD_OUT:
        what = "with probabilities and a known label" if classifies else "with an answer and a label"
        return f"The model has {usable.rows:,} held-out rows {what}; at least {LEAST_HELD_OUT} are needed."
    if classifies and (usable.true == usable.true[0]).all():
        only = safe_line(shorten(str(usable.classes[usable.true[0]]), 40))
        return f"Every held-out row of the model is of the class {only}, so nothing can be learnt from them."
    if (answered := int(live.is_scored.sum())) < LEAST_ROWS:
        what = "probabilities" if classifies else "a finite answer"
        return f"{answered:,} rows of the window have {what}; at least {LEAST_ROWS} are needed."
    return ""


def _estimator(
    signature: Signature, held_out: HeldOut | None, then: Outcomes | None, rows: LiveRows, live: Outcomes
) -> Estimator:
    assert held_out is not None, "there is a reason where there are none"
    assert then is not None
    if signature.task == "classification":
        return ConfidenceEstimator(then.of(then.is_usable), live)
    return ErrorEstimator(held_out.inputs, then, signature.inputs, rows.inputs, live)


def _by_slice(
    slices: Sequence[Slice], rows: LiveRows, live: Outcomes, estimator: Estimator | None
) -> Iterator[SlicePerformance]:
    for part, chosen in parts_of(slices, rows):
        labelled = int(live.labelled[chosen].sum())
        yield SlicePerformance(
            part.name,
            int(chosen.sum()),
            labelled,
            None if estimator is None else estimator.main_figure(chosen),
            realised.main_figure(live.of(chosen)) if labelled >= LEAST_ROWS else None,
        )


def _badness(part: SlicePerformance) -> tuple[bool, float]:
    """For sorting: the worst first, and last what nothing is known of."""
    figure = part.realised or part.estimated
    if figure is None:
        return True, 0.0
    return False, -figure.value if better_when_lower(figure.metric) else figure.value
