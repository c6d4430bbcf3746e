"""Slices of the rows of a window, and the drift in each of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops_console.core.drift import LEAST_ROWS, DriftSettings, SliceDrift
from mlops_console.core.errors import UsageError
from mlops_console.core.models import Column, Signature
from mlops_console.core.slices import Slice
from mlops_console.core.text import safe_line, shorten
from mlops_console.drift.features import compare
from mlops_console.drift.labels import codes_of
from mlops_console.drift.live.rows import LiveRows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_CATEGORIES = 20  # of a column, the most frequent ones
_LEVEL_SHARE = 0.25  # of the report's level, for all slices together
_SHOWN = 40  # characters of a category


class Part(NamedTuple):
    """The rows of one slice: all those of a range, or of one category."""

    name: str
    slice: Slice
    category: str | None

    def rows_of(self, columns: "Mapping[str, NDArray[Any]]", rows: int) -> "NDArray[np.bool_]":
        """Which of the rows are in it, shape (rows,)."""
        import numpy as np

        values: NDArray[Any] | None = columns.get(self.slice.column)
        if values is None:
            return np.zeros(rows, dtype=bool)
        if self.category is None:
            assert self.slice.low is not None, "a part is a category or a range"
            assert self.slice.high is not None
            return np.asarray((values >= self.slice.low) & (values < self.slice.high))
        codes, categories = codes_of(values)
        return np.asarray(
            codes == (categories.index(self.category) if self.category in categories else len(categories))
        )


def check_slices(slices: Sequence[Slice], signature: Signature) -> None:
    """Refuse slices that a model's rows can't be cut into.

    Raises:
        UsageError: the model has no such column, or a range is of a column that is not numeric.
    """
    kinds = {column.name: column.kind for column in signature.inputs}
    for wanted in slices:
        name = safe_line(shorten(wanted.column, _SHOWN))
        if wanted.column not in kinds:
            known = safe_line(", ".join(shorten(column, _SHOWN) for column in list(kinds)[:MOST_CATEGORIES]))
            raise UsageError(
                f"The model has no column {name} to slice its rows by.",
                f"Name one of its columns in [monitor] slices: {known}.",
            )
        if wanted.low is not None and kinds[wanted.column] != "numeric":
            raise UsageError(
                f"{name} has categories, so there is no range of it to slice by.",
                f'Write "{name}" in [monitor] slices for a slice of each category.',
            )


def parts_of(slices: Sequence[Slice], rows: LiveRows) -> Iterator[tuple[Part, "NDArray[np.bool_]"]]:
    """The parts of live rows, with the rows of each: a range is one, a column has one for each of its 20 most frequent
    categories. Parts of less than 30 rows are left out, as are slices that `check_slices` refuses."""
    import numpy as np

    for wanted in slices:
        values = rows.inputs.get(wanted.column)
        if values is None:
            continue
        if wanted.low is None:
            codes, categories = codes_of(values)
            counts = np.bincount(codes[codes >= 0], minlength=len(categories))
            for code in np.argsort(-counts, kind="stable")[:MOST_CATEGORIES].tolist():
                if counts[code] >= LEAST_ROWS:
                    name = f"{_shown(wanted.column)} = {_shown(categories[code])}"
                    yield Part(name, wanted, categories[code]), codes == code
        elif values.dtype.kind == "f":
            part = Part(safe_line(str(wanted)), wanted, None)
            chosen = part.rows_of(rows.inputs, rows.rows)
            if chosen.sum() >= LEAST_ROWS:
                yield part, chosen


def slice_drift(
    reference: "Mapping[str, NDArray[Any]]",
    rows: LiveRows,
    columns: Sequence[Column],
    settings: DriftSettings,
    slices: Sequence[Slice],
) -> tuple[SliceDrift, ...]:
    """Compare each part of the live rows with the same part of the reference, the worst first.

    All parts together have a quarter of the level, and each of them the same part of that (Bonferroni). The column that
    a part is one category of is not compared in it.

    Args:
        reference: raw rows by column, as `features.compare` takes them.
    """
    parts = list(parts_of(slices, rows))
    level = settings.level * _LEVEL_SHARE / max(1, len(parts))
    found = [_compare(part, chosen, reference, rows, columns, replace(settings, level=level)) for part, chosen in parts]
    return tuple(sorted(found, key=lambda part: (not part.drifted, -len(part.drifted_features), -part.rows)))


def _compare(
    part: Part,
    chosen: "NDArray[np.bool_]",
    reference: "Mapping[str, NDArray[Any]]",
    rows: LiveRows,
    columns: Sequence[Column],
    settings: DriftSettings,
) -> SliceDrift:
    count = int(chosen.sum())
    then = part.rows_of(reference, max((len(values) for values in reference.values()), default=0))
    if then.sum() < LEAST_ROWS:
        verdict = (
            f"{part.name}: {count:,} rows; the reference has {int(then.sum())} of them, "
            f"at least {LEAST_ROWS} are needed: no verdict"
        )
        return SliceDrift(part.name, count, False, (), verdict)
    compared = [c for c in columns if part.category is None or c.name != part.slice.column]
    features = compare(
        {name: values[then] for name, values in reference.items()},
        {name: values[chosen] for name, values in rows.inputs.items()},
        compared,
        settings,
    )
    drifted = tuple(feature.name for feature in features if feature.drifted)
    return SliceDrift(part.name, count, bool(drifted), drifted, _verdict(part.name, count, features, drifted))


def _verdict(name: str, rows: int, features: Sequence[Any], drifted: Sequence[str]) -> str:
    if drifted:
        more = f" and {len(drifted) - 1} more" if len(drifted) > 1 else ""
        return f"{name}: {rows:,} rows; {safe_line(shorten(drifted[0], _SHOWN))}{more} drifted"
    tested = sum(feature.tested for feature in features)
    if not tested:
        return f"{name}: {rows:,} rows; no feature could be tested: no verdict"
    return f"{name}: {rows:,} rows; none of {tested} features drifted"


def _shown(text: str) -> str:
    return safe_line(shorten(text, _SHOWN))
