"""Windows of live rows, counted in the bins of their reference profile.

What is kept of a window does not grow with its rows, and two windows add up exactly: counts by their sum, samples and
new labels by what comes first in an order that no window has a say in.
"""

import heapq
import json
import math
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from mlops_console.core.errors import StoreError
from mlops_console.core.profiles import FeatureCounts, FeatureProfile, ReferenceProfile, WindowCounts
from mlops_console.drift.labels import are_told_apart, floats_of, is_missing, label, plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_ROWS = 200
NEW_LABELS = 50  # that are kept of a column
_MOST_BYTES = 1 << 26  # of a packed window, once unpacked


def count_window(
    profile: ReferenceProfile,
    columns: "Mapping[str, Sequence[Any] | NDArray[Any]]",
    predictions: "Mapping[str, Sequence[Any] | NDArray[Any]] | None" = None,
    private: Collection[str] = (),
) -> WindowCounts:
    """Count rows by the profile.

    Args:
        columns: a value a row by input column, as lists of JSON values or as arrays of shape (rows,); None, NaN and in
            numeric columns also what is infinite are missing. A feature whose column is not there is left out.
        predictions: likewise, by the names of `profiles.prediction_columns`.
        private: columns of which no value is kept: not in the sample, not as a new label, not as the least or greatest.
    """
    counter = WindowCounter(profile, private)
    counter.add(columns, predictions or {})
    return counter.counts()


def add(first: WindowCounts, second: WindowCounts) -> WindowCounts:
    """Both windows of one profile as one, whatever the order. The sample is an even one of all rows; of features and
    sampled columns those stay that both have."""
    if not first.rows or not second.rows:
        return first if first.rows else second
    features = {
        name: _add(counts, second.features[name]) for name, counts in first.features.items() if name in second.features
    }
    names = [name for name in first.sample if name in second.sample]
    rows = [
        (key, [window.sample[name][row] for name in names])
        for window in (first, second)
        for row, key in enumerate(window.keys)
    ]
    kept = heapq.nsmallest(SAMPLE_ROWS, rows, key=itemgetter(0))
    sample = {name: tuple(row[position] for _, row in kept) for position, name in enumerate(names)}
    return WindowCounts(first.rows + second.rows, features, sample, tuple(key for key, _ in kept))


def add_all(windows: Iterable[WindowCounts]) -> WindowCounts | None:
    """All windows as one; None of none."""
    total: WindowCounts | None = None
    for window in windows:
        total = window if total is None else add(total, window)
    return total


def fits(counts: WindowCounts, profile: ReferenceProfile) -> bool:
    """Whether a window was counted by this profile, or by one of the same bins."""
    bins = {feature.name: len(feature.counts) for feature in profile.features}
    return all(bins.get(name) == len(feature.counts) for name, feature in counts.features.items())


class WindowCounter:
    """Counts a window as its rows come; one thread at a time.

    Args:
        private: columns of which no value is kept.
    """

    def __init__(self, profile: ReferenceProfile, private: Collection[str] = ()) -> None:
        self.rows = 0
        self._inputs: dict[str, _Column] = {}
        self._predictions: dict[str, _Column] = {}
        kinds = {"input": self._inputs, "prediction": self._predictions}
        for feature in profile.features:
            if feature.role in kinds:
                kinds[feature.role][feature.name] = _column(feature, feature.name in private)
        self._sample = _Sample([name for name in self._inputs if name not in private])

    def add(
        self,
        columns: "Mapping[str, Sequence[Any] | NDArray[Any]]",
        predictions: "Mapping[str, Sequence[Any] | NDArray[Any]]",
    ) -> None:
        """Count more rows; see `count_window`."""
        rows = max((len(values) for values in (*columns.values(), *predictions.values())), default=0)
        if not rows:
            return
        self.rows += rows
        for counters, given in ((self._inputs, columns), (self._predictions, predictions)):
            for name in list(counters):
                if name in given:
                    counters[name].add(given[name])
                else:
                    del counters[name]  # of a part of the rows nothing can be said
        self._sample.add(columns, rows)

    def counts(self) -> WindowCounts:
        """What was counted so far."""
        features = {name: column.counts() for name, column in (self._predictions | self._inputs).items()}
        sample, keys = self._sample.kept()
        return WindowCounts(self.rows, features, sample, keys)


class _Column:
    """Counts the values of one feature."""

    def __init__(self, feature: FeatureProfile, is_private: bool) -> None:
        import numpy as np

        self._is_private = is_private
        self._counts = np.zeros(len(feature.counts), dtype=np.int64)
        self._missing = 0

    def add(self, values: "Sequence[Any] | NDArray[Any]") -> None:
        raise NotImplementedError

    def counts(self) -> FeatureCounts:
        return FeatureCounts(tuple(self._counts.tolist()), self._missing)


class _Numbers(_Column):
    def __init__(self, feature: FeatureProfile, is_private: bool) -> None:
        import numpy as np

        super().__init__(feature, is_private)
        self._edges = np.array(feature.edges, dtype=np.float64)
        self._wrong = 0
        self._least, self._greatest = math.inf, -math.inf

    def add(self, values: "Sequence[Any] | NDArray[Any]") -> None:
        import numpy as np

        numbers, wrong = floats_of(values)
        self._wrong += wrong
        if not _are_finite(numbers):
            finite = np.isfinite(numbers)
            self._missing += len(finite) - int(finite.sum()) - wrong
            numbers = numbers[finite]
        if len(numbers):
            bins = self._edges.searchsorted(numbers, side="left")
            self._counts += np.bincount(bins, minlength=len(self._counts))
            self._least = min(self._least, float(numbers.min()))
            self._greatest = max(self._greatest, float(numbers.max()))

    def counts(self) -> FeatureCounts:
        seen = not self._is_private and self._least <= self._greatest
        return FeatureCounts(
            tuple(self._counts.tolist()),
            self._missing,
            wrong_type=self._wrong,
            least=self._least if seen else None,
            greatest=self._greatest if seen else None,
        )


class _Categories(_Column):
    def __init__(self, feature: FeatureProfile, is_private: bool) -> None:
        super().__init__(feature, is_private)
        self._bins = {name: position for position, name in enumerate(feature.labels)}
        self._new: dict[str, int] = {}

    def add(self, values: "Sequence[Any] | NDArray[Any]") -> None:
        other = len(self._bins)
        for name, rows in _tally(values).items():
            if name is None:
                self._missing += rows
                continue
            position = self._bins.get(name, other)
            self._counts[position] += rows
            if position == other and not self._is_private:
                self._new[name] = self._new.get(name, 0) + rows
        self._new = _first_labels(self._new)

    def counts(self) -> FeatureCounts:
        return FeatureCounts(tuple(self._counts.tolist()), self._missing, self._new)


class _Sample:
    """Up to 200 rows, each with the same chance: those with the smallest of the random keys that all rows get."""

    def __init__(self, names: Sequence[str]) -> None:
        import numpy as np

        self._names = list(names)
        self._random = np.random.default_rng()
        self._kept: list[tuple[float, list[Any]]] = []

    def add(self, columns: "Mapping[str, Sequence[Any] | NDArray[Any]]", rows: int) -> None:
        import numpy as np

        self._names = [name for name in self._names if name in columns]
        keys = self._random.random(rows)
        limit = self._kept[-1][0] if len(self._kept) == SAMPLE_ROWS else math.inf
        chosen = np.flatnonzero(keys < limit)
        if len(chosen) > SAMPLE_ROWS:
            chosen = chosen[np.argpartition(keys[chosen], SAMPLE_ROWS)[:SAMPLE_ROWS]]
        if len(chosen):
            found = [(float(keys[row]), [plain(columns[name][row]) for name in self._names]) for row in chosen.tolist()]
            self._kept = sorted([*self._kept, *found], key=itemgetter(0))[:SAMPLE_ROWS]

    def kept(self) -> tuple[dict[str, tuple[Any, ...]], tuple[float, ...]]:
        sample = {name: tuple(row[position] for _, row in self._kept) for position, name in enumerate(self._names)}
        return sample, tuple(key for key, _ in self._kept)


def _column(feature: FeatureProfile, is_private: bool) -> _Column:
    return (_Numbers if feature.kind == "numeric" else _Categories)(feature, is_private)


def _are_finite(numbers: "NDArray[np.float64]") -> bool:
    """By their sum, which takes a third of the time; one that is too large is no harm."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(numbers.sum())


def _tally(values: "Sequence[Any] | NDArray[Any]") -> "dict[str | None, int]":
    """How many rows each label has; None for those without a value."""
    import numpy as np

    items = values.tolist() if isinstance(values, np.ndarray) else values
    if not are_told_apart(item for item in items if item is not None):
        return Counter(None if is_missing(item) else label(item) for item in items)
    found: dict[str | None, int] = {}
    for value, rows in Counter(items).items():
        name = None if is_missing(value) else label(value)
        found[name] = found.get(name, 0) + rows
    return found


def _first_labels(new: Mapping[str, int]) -> dict[str, int]:
    """Up to 50 of the labels, the same ones in whatever parts they were counted, and so with exact counts."""
    if len(new) <= NEW_LABELS:
        return dict(new)
    return {name: new[name] for name in heapq.nsmallest(NEW_LABELS, new, key=_order)}


def _order(name: str) -> tuple[int, str]:
    return zlib.crc32(name.encode(errors="surrogatepass")), name


def _add(first: FeatureCounts, second: FeatureCounts) -> FeatureCounts:
    least = [value for value in (first.least, second.least) if value is not None]
    greatest = [value for value in (first.greatest, second.greatest) if value is not None]
    new = {name: first.new.get(name, 0) + second.new.get(name, 0) for name in (*first.new, *second.new)}
    return FeatureCounts(
        tuple(a + b for a, b in zip(first.counts, second.counts, strict=True)),
        first.missing + second.missing,
        _first_labels(new),
        first.wrong_type + second.wrong_type,
        min(least, default=None),
        max(greatest, default=None),
    )


def pack_counts(counts: WindowCounts) -> bytes:
    """A window as compressed JSON."""
    features = {
        name: [feature.counts, feature.missing, feature.new, feature.wrong_type, feature.least, feature.greatest]
        for name, feature in counts.features.items()
    }
    content = {"rows": counts.rows, "features": features, "sample": counts.sample, "keys": counts.keys}
    return zlib.compress(json.dumps(content, separators=(",", ":"), allow_nan=False).encode(), 1)


def unpack_counts(content: bytes) -> WindowCounts:
    """What `pack_counts` has packed.

    Raises:
        StoreError: it is damaged.
    """
    try:
        packed = zlib.decompressobj()
        stored = json.loads(packed.decompress(content, _MOST_BYTES))
        if not packed.eof:
            raise ValueError("its end is missing")
        keys = tuple(map(float, stored["keys"]))
        sample = {name: tuple(values) for name, values in stored["sample"].items()}
        if any(len(values) != len(keys) for values in sample.values()):
            raise ValueError("its sample is not whole")
        features = {name: _feature(*feature) for name, feature in stored["features"].items()}
        return WindowCounts(_whole(stored["rows"]), features, sample, keys)
    except (zlib.error, ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise StoreError(f"A window of live rows is damaged: {error}.", "The next checks do without it.") from None


def _feature(
    counts: list[Any], missing: Any, new: dict[str, Any], wrong_type: Any, least: Any, greatest: Any
) -> FeatureCounts:
    return FeatureCounts(
        tuple(map(_whole, counts)),
        _whole(missing),
        {name: _whole(rows) for name, rows in new.items()},
        _whole(wrong_type),
        None if least is None else float(least),
        None if greatest is None else float(greatest),
    )


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a count is no count")
    return value
