"""What a model is worth on the rows of a window: estimated without labels, realised with them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_console.core.drift import LEAST_ROWS
from mlops_console.core.models import Signature
from mlops_console.core.performance import Figure, Performance
from mlops_console.core.profiles import HeldOut
from mlops_console.core.slices import Slice
from mlops_console.drift import realised
from mlops_console.drift.live_rows import LiveRows
from mlops_console.drift.outcomes import Outcomes, of_held_out, of_live

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def measure(
    signature: Signature, held_out: HeldOut | None, rows: LiveRows, slices: Sequence[Slice] = ()
) -> Performance:
    """The performance of a model in a window."""
    outcomes = of_live(signature, rows)
    labelled = int(outcomes.labelled.sum())
    reference = () if held_out is None else realised.figures(of_held_out(signature, held_out))
    return Performance(
        signature.task,
        outcomes.rows,
        labelled,
        realised=_realised(outcomes),
        reference={figure.metric: figure.value for figure in reference},
        delay=_median(rows.delays[outcomes.labelled]),
        not_estimated="there is no estimate yet",
    )


def _realised(outcomes: Outcomes) -> tuple[Figure, ...]:
    return realised.figures(outcomes) if outcomes.labelled.sum() >= LEAST_ROWS else ()


def _median(values: "NDArray[np.float64]") -> float | None:
    import numpy as np

    return float(np.median(values)) if len(values) else None
