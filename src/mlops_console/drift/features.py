"""What is measured of each feature of a window, of raw rows or of counts; `drift.verdicts` judges it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_console.core.drift import LEAST_ROWS, DriftSettings, FeatureDrift
from mlops_console.core.models import Column
from mlops_console.core.profiles import FeatureCounts, FeatureProfile, ReferenceProfile, WindowCounts
from mlops_console.drift import findings
from mlops_console.drift.histograms import OTHER, binned_histogram, categorical_histogram, numeric_histogram
from mlops_console.drift.samples import Categories, Numbers, categories_of, numbers_of, side_by_side
from mlops_console.drift.statistics import distances, evidently
from mlops_console.drift.statistics.measuring import (
    measure_bins,
    measure_categories,
    measure_missing,
    measure_numbers,
    tenths,
)
from mlops_console.drift.statistics.nulls import Demand
from mlops_console.drift.verdicts import Measured, Tested, judge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

_TESTS_OF_A_FEATURE = 2  # of the values, and of how many are missing


def compare(
    reference: Mapping[str, "NDArray[Any]"],
    window: Mapping[str, "NDArray[Any]"],
    columns: Sequence[Column],
    settings: DriftSettings,
    importance: Mapping[str, float] | None = None,
) -> tuple[FeatureDrift, ...]:
    """Compare each column of a window with the reference, row by row.

    Args:
        reference: arrays of shape (rows,), numbers or objects; NaN and None are missing, and so is what is infinite or
            no number in a numeric column.
        window: likewise, of other rows.
        columns: which columns, and of what kind.
        settings: the tests, the level and the least effect.
        importance: of each column to the model, 0 to 1; none where that is not known.

    Returns:
        A verdict for each column (see `drift.verdicts.judge`), the ones to look at first in front. One with less than
        30 values on a side gets none.
    """
    importance = importance or {}
    demand = Demand(settings.level, _TESTS_OF_A_FEATURE * len(columns))
    measured = (_measure(c, reference.get(c.name), window.get(c.name), settings, demand) for c in columns)
    return judge([replace(m, importance=importance.get(m.name)) for m in measured], settings)


def compare_counts(
    profile: ReferenceProfile, window: WindowCounts, settings: DriftSettings, before: WindowCounts | None = None
) -> tuple[FeatureDrift, ...]:
    """Compare each feature of a window with the reference, in the bins of its profile.

    Args:
        window: counted in the bins of this profile.
        before: compare with this window instead of with the profile's own rows.

    Returns:
        As `compare` does. A feature that the window has not counted gets no verdict.
    """
    demand = Demand(settings.level, _TESTS_OF_A_FEATURE * len(profile.features))
    measured = []
    for feature in profile.features:
        reference = _own_counts(feature) if before is None else before.features.get(feature.name)
        found = _measure_counts(feature, reference, window.features.get(feature.name), settings, demand, before is None)
        measured.append(replace(found, role=feature.role, importance=feature.importance))
    return judge(measured, settings)


def _measure(
    column: Column,
    reference: "NDArray[Any] | None",
    window: "NDArray[Any] | None",
    settings: DriftSettings,
    demand: Demand,
) -> Measured:
    if reference is None or window is None:
        return _absent(column.name, column.kind, "reference" if reference is None else "window")
    if column.kind == "numeric":
        return _measure_numbers(column.name, numbers_of(reference), numbers_of(window), settings, demand)
    return _measure_categories(column.name, categories_of(reference), categories_of(window), settings, demand)


def _measure_numbers(
    name: str, reference: Numbers, window: Numbers, settings: DriftSettings, demand: Demand
) -> Measured:
    ref, cur = reference.values, window.values
    n, m = len(ref), len(cur)
    missing = _test_missing(settings, reference.rows, n, window.rows, m)
    found = findings.of_types(window.infinite, window.text, window.rows)
    if few := _too_few(settings, n, m):
        return Measured(name, "numeric", n, m, missing, few, findings=tuple(found))
    found += findings.of_range(ref, cur)
    found += findings.of_constants((float(ref[0]), float(ref[-1])), (float(cur[0]), float(cur[-1])))
    tested = (
        evidently.judge_numbers(ref, cur)
        if settings.profile == "evidently"
        else measure_numbers(settings.numeric, ref, cur, demand)
    )
    psi = float(distances.population_stability(*distances.quantile_counts(ref, cur)))
    histogram = numeric_histogram(ref, cur)
    return Measured(name, "numeric", n, m, (tested, *missing), "", psi, histogram, tuple(found))


def _measure_categories(
    name: str, reference: Categories, window: Categories, settings: DriftSettings, demand: Demand
) -> Measured:
    labels, ref, cur = side_by_side(reference, window)
    missing = _test_missing(settings, reference.rows, int(ref.sum()), window.rows, int(cur.sum()))
    found = _measure_labels(name, labels, ref, cur, missing, settings, demand)
    new = dict(zip(labels[len(reference.labels) :], cur[len(reference.labels) :].tolist(), strict=True))
    told = findings.of_new(new, int(cur.sum()))
    return replace(found, findings=(*told, *found.findings), new_rows=sum(new.values()))


def _measure_counts(
    feature: FeatureProfile,
    reference: FeatureCounts | None,
    window: FeatureCounts | None,
    settings: DriftSettings,
    demand: Demand,
    own: bool,
) -> Measured:
    import numpy as np

    if reference is None or window is None:
        return _absent(feature.name, feature.kind, "reference" if reference is None else "window")
    ref, cur = np.array(reference.counts, dtype=np.int64), np.array(window.counts, dtype=np.int64)
    n, m = int(ref.sum()), int(cur.sum())
    missing = _test_missing(settings, _rows(reference), n, _rows(window), m)
    told = findings.of_types(0, window.wrong_type, _rows(window))
    if feature.kind == "categorical":
        labels, ref, cur = _told_apart(feature.labels, reference, window)
        found = _measure_labels(feature.name, labels, ref, cur, missing, settings, demand, rest=True)
        new, of_rows, rows = _new(reference, window)
        told += findings.of_new(new, of_rows, rows)
        return replace(found, findings=(*told, *found.findings), new_rows=None if _untold(reference) else rows)
    if few := _too_few(settings, n, m):
        return Measured(feature.name, "numeric", n, m, missing, few, findings=tuple(told))
    extremes = (reference.least, reference.greatest), (window.least, window.greatest)
    told += findings.of_extremes(*extremes, feature.std)
    ends = _ends(feature, reference, window)
    fixed = own and feature.distinct > len(ref)  # fewer values than bins: each has a bin of its own, and is a category
    middles = ends[:-1] / 2 + ends[1:] / 2
    tested = (
        evidently.judge_bins(ref, cur, middles, feature.distinct, feature.std or 0.0, fixed=fixed)
        if settings.profile == "evidently"
        else measure_bins(settings.numeric, ref, cur, middles, demand, fixed=fixed)
    )
    psi = float(distances.population_stability(*tenths(ref, cur)))
    histogram = binned_histogram(ref, cur, ends)
    return Measured(feature.name, "numeric", n, m, (tested, *missing), "", psi, histogram, tuple(told))


def _new(reference: FeatureCounts, window: FeatureCounts) -> tuple[Mapping[str, int], int, int]:
    """What a window has that its reference has not, as `findings.of_new` takes it; nothing where the reference has
    labels that were not told apart, which may be these."""
    rows = sum(window.counts)
    if _untold(reference):
        return {}, rows, 0
    new = {label: count for label, count in window.new.items() if label not in reference.new}
    return new, rows, sum(new.values()) + _untold(window)


def _measure_labels(
    name: str,
    labels: Sequence[str],
    reference: "Counts",
    window: "Counts",
    missing: tuple[Tested, ...],
    settings: DriftSettings,
    demand: Demand,
    *,
    rest: bool = False,
) -> Measured:
    n, m = int(reference.sum()), int(window.sum())
    if few := _too_few(settings, n, m):
        return Measured(name, "categorical", n, m, missing, few)
    psi = float(distances.population_stability(reference, window))
    histogram = categorical_histogram(labels, reference, window)
    if settings.profile == "evidently":
        return Measured(name, "categorical", n, m, (evidently.judge_categories(reference, window),), "", psi, histogram)
    tested = measure_categories(settings.categorical, reference, window, demand, rest=rest)
    pooled = len(labels) if tested is None else len(distances.pool_rare(reference, window, rest=rest)[0])
    found = tuple(findings.of_categories(labels, reference, window, pooled))
    if tested is None:
        rare = f"its {len(labels):,} categories are too rare to be tested: no verdict"
        return Measured(name, "categorical", n, m, missing, rare, psi, histogram, found)
    return Measured(name, "categorical", n, m, (tested, *missing), "", psi, histogram, found)


def _told_apart(
    known: Sequence[str], reference: FeatureCounts, window: FeatureCounts
) -> tuple[tuple[str, ...], "Counts", "Counts"]:
    """All labels with their rows on either side: those of the profile, new ones as far as they were told apart on both
    sides, and the rest as one."""
    import numpy as np

    sides = []
    new = tuple(dict.fromkeys((*reference.new, *window.new)))
    for side in (reference, window):
        if _untold(side):
            new = tuple(label for label in new if label in side.new)
    for side in (reference, window):
        apart = [side.new.get(label, 0) for label in new]
        sides.append(np.array([*side.counts[:-1], *apart, side.counts[-1] - sum(apart)], dtype=np.int64))
    return (*known, *new, OTHER), sides[0], sides[1]


def _untold(counts: FeatureCounts) -> int:
    """Rows of labels that were not told apart."""
    return counts.counts[-1] - sum(counts.new.values())


def _test_missing(settings: DriftSettings, reference_rows: int, n: int, window_rows: int, m: int) -> tuple[Tested, ...]:
    """How many have a value, where any has none; unless there are too few rows, or no value at all on either side."""
    if (
        settings.profile == "evidently"
        or min(reference_rows, window_rows) < LEAST_ROWS
        or n + m in (0, reference_rows + window_rows)
    ):
        return ()
    return (measure_missing(reference_rows - n, reference_rows, window_rows - m, window_rows),)


def _too_few(settings: DriftSettings, n: int, m: int) -> str:
    least = 1 if settings.profile == "evidently" else LEAST_ROWS
    if min(n, m) >= least:
        return ""
    if n + m == 0:
        return "every value is missing in the window and in the reference: no verdict"
    side, rows = ("window", m) if m < least else ("reference", n)
    verb = "is" if least == 1 else "are"
    values = f"{rows} value{'' if rows == 1 else 's'}"
    return f"{values} in the {side}, at least {least} {verb} needed: too few rows for a verdict"


def _absent(name: str, kind: Any, side: str) -> Measured:
    return Measured(name, kind, 0, 0, untested=f"the {side} does not have this column: no verdict")


def _rows(counts: FeatureCounts) -> int:
    """Those that had the column: one that a window does not have at all has no missing values."""
    return sum(counts.counts) + counts.missing + counts.wrong_type


def _own_counts(feature: FeatureProfile) -> FeatureCounts:
    return FeatureCounts(feature.counts, feature.missing, least=feature.least, greatest=feature.greatest)


def _ends(feature: FeatureProfile, reference: FeatureCounts, window: FeatureCounts) -> "NDArray[np.float64]":
    """The ends of all bins: those of the profile, and beyond them as far as there are values."""
    import numpy as np

    inner = np.array(feature.edges, dtype=np.float64)
    known = [value for side in (reference, window) for value in (side.least, side.greatest) if value is not None]
    known += inner.tolist()
    return np.concatenate([[min(known, default=0.0)], inner, [max(known, default=0.0)]])
