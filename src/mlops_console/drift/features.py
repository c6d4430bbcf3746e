"""The verdict on the features of a window: what is measured of each, and what is said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.core.datasets import ColumnKind
from mlops_console.core.drift import LEAST_ROWS, FeatureDrift, Histogram
from mlops_console.core.models import Column
from mlops_console.drift import tests
from mlops_console.drift.histograms import categorical_histogram, numeric_histogram

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_EFFECT = 0.1  # of the rows: KS distance or total variation
_SMALLEST_P = 1e-9


@dataclass(frozen=True, slots=True)
class _Measured:
    """A feature before the verdict. `result` is None where nothing can be tested; `remark` says why, or adds to it."""

    feature: str
    kind: ColumnKind
    test: str
    n: int
    m: int
    result: tests.TestResult | None = None
    psi: float | None = None
    histogram: Histogram | None = None
    remark: str = ""


def compare(
    reference: Mapping[str, "NDArray[Any]"],
    window: Mapping[str, "NDArray[Any]"],
    columns: Sequence[Column],
    level: float,
) -> tuple[FeatureDrift, ...]:
    """Compare each column of a window with the reference.

    Args:
        reference: arrays of shape (rows,), float64 with NaN or object with None for missing; what is no finite number
            counts as missing in a numeric column.
        window: likewise, of other rows.
        columns: which columns, and of what kind.
        level: false discovery rate over all of them.

    A feature has drifted when both hold: its p-value passes Benjamini-Hochberg at `level`, and the effect (KS distance,
    or total variation for categories) is at least 0.1, so that a large window does not alarm about nothing. A side
    with less than 30 values gets no verdict.
    """
    measured = [_measure(column, reference.get(column.name), window.get(column.name)) for column in columns]
    tested = [m.result.p_value for m in measured if m.result is not None]
    believed = iter(tests.benjamini_hochberg(tested, level))
    return tuple(_judge(m, m.result is not None and next(believed)) for m in measured)


def _measure(column: Column, reference: "NDArray[Any] | None", window: "NDArray[Any] | None") -> _Measured:
    import numpy as np

    name, kind = column.name, column.kind
    test = "ks" if kind == "numeric" else "chi2"
    if reference is None or window is None:
        side = "reference" if reference is None else "window"
        return _Measured(name, kind, test, 0, 0, remark=f"the {side} does not have this column")
    present = _present_numbers if kind == "numeric" else _present_labels
    ref, cur = present(reference), present(window)
    n, m = len(ref), len(cur)
    if min(n, m) == 0 and min(len(reference), len(window)) >= LEAST_ROWS and n + m > 0:
        return _measure_presence(column, len(reference), n, len(window), m)
    if n + m == 0:
        return _Measured(name, kind, test, 0, 0, remark="every value is missing in the window and in the reference")
    if min(n, m) < LEAST_ROWS:
        side, rows = ("window", m) if m < LEAST_ROWS else ("reference", n)
        return _Measured(
            name, kind, test, n, m, remark=f"{rows} values in the {side}, at least {LEAST_ROWS} are needed"
        )
    remark = _missing_remark(1 - n / len(reference), 1 - m / len(window))
    if kind == "numeric":
        psi = tests.population_stability(*tests.quantile_counts(ref, cur))
        result = tests.kolmogorov_smirnov(ref, cur)
        return _Measured(name, kind, test, n, m, result, psi, numeric_histogram(ref, cur), remark)
    labels, ref_counts, cur_counts = _count_categories(ref, cur)
    psi = tests.population_stability(ref_counts, cur_counts)
    histogram = categorical_histogram(labels, ref_counts, cur_counts)
    if len(labels) > 1 and tests.pool_rare(np.vstack([ref_counts, cur_counts])).shape[1] == 1:
        remark = f"its {len(labels):,} categories are too rare to be tested"
        return _Measured(name, kind, test, n, m, None, psi, histogram, remark)
    result = tests.chi_squared(ref_counts, cur_counts)
    return _Measured(name, kind, test, n, m, result, psi, histogram, remark)


def _measure_presence(column: Column, ref_rows: int, n: int, cur_rows: int, m: int) -> _Measured:
    """One side has no value at all: what is compared is how often there is one."""
    import numpy as np

    result = tests.chi_squared(np.array([n, ref_rows - n]), np.array([m, cur_rows - m]))
    side, other = ("window", "reference") if m == 0 else ("reference", "window")
    share = n / ref_rows if m == 0 else m / cur_rows
    remark = f"the {side} has no value, the {other} has one in {share:.0%} of its rows"
    return _Measured(column.name, column.kind, "chi2", n, m, result, remark=remark)


def _present_numbers(values: "NDArray[Any]") -> "NDArray[np.float64]":
    import numpy as np

    numbers = values.astype(np.float64)  # None becomes NaN
    return numbers[np.isfinite(numbers)]


def _present_labels(values: "NDArray[Any]") -> "NDArray[Any]":
    """Categories as text, written alike whether they come from a file or from JSON: 3.0 is 3."""
    import numpy as np
    import pandas as pd

    found = values[~pd.isna(values)].tolist()
    labels = np.empty(len(found), dtype=object)  # not numpy's own text, whose every item is as wide as the longest
    labels[:] = [str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in found]
    return labels


def _count_categories(
    reference: "NDArray[Any]", current: "NDArray[Any]"
) -> tuple[list[str], "NDArray[np.int64]", "NDArray[np.int64]"]:
    import numpy as np
    import pandas as pd

    codes, labels = pd.factorize(np.concatenate([reference, current]))
    counts = [np.bincount(part, minlength=len(labels)) for part in (codes[: len(reference)], codes[len(reference) :])]
    return list(labels), counts[0], counts[1]


def _missing_remark(reference: float, window: float) -> str:
    if abs(window - reference) < LEAST_EFFECT:
        return ""
    return f"{window:.0%} of the window's values are missing, {reference:.0%} of the reference's"


def _judge(measured: _Measured, believed: bool) -> FeatureDrift:
    result = measured.result
    drifted = result is not None and believed and result.effect >= LEAST_EFFECT
    return FeatureDrift(
        measured.feature,
        measured.kind,
        measured.test,
        measured.n,
        measured.m,
        result.statistic if result else None,
        result.p_value if result else None,
        measured.psi,
        drifted,
        _sentence(measured, believed, drifted),
        measured.histogram,
    )


def _sentence(measured: _Measured, believed: bool, drifted: bool) -> str:
    """`amount: KS 0.31, p < 1e-9, n 10,000, m 1,240: drifted`."""
    result = measured.result
    if result is None:
        return f"{measured.feature}: {measured.remark}: no verdict"
    verdict = "drifted" if drifted else "not drifted"
    if believed and not drifted:
        verdict = f"moved by less than {LEAST_EFFECT:g}, not drifted"
    p = f"p < {_SMALLEST_P:.0e}".replace("e-0", "e-") if result.p_value < _SMALLEST_P else f"p {result.p_value:.2g}"
    figure = f"KS {result.statistic:.2f}"
    if measured.test == "chi2":
        figure = f"chi² {result.statistic:,.1f}, total variation {result.effect:.2f}"
    remark = f" ({measured.remark})" if measured.remark else ""
    return f"{measured.feature}: {figure}, {p}, n {measured.n:,}, m {measured.m:,}{remark}: {verdict}"
