"""One column of raw rows, as the statistics take it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.drift.labels import count_labels, floats_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Numbers:
    """`values`: the finite ones, sorted. `text`: rows that hold something that is no number."""

    rows: int
    values: "NDArray[np.float64]"
    infinite: int = 0
    text: int = 0


@dataclass(frozen=True, slots=True)
class Categories:
    """`counts`: rows of each label, shape (k,). They are fewer than `rows` by what is missing."""

    rows: int
    labels: tuple[str, ...]
    counts: "NDArray[np.int64]"


def numbers_of(values: "NDArray[Any]") -> Numbers:
    """A numeric column, by `labels.floats_of`; what is not finite has no value."""
    import numpy as np

    numbers, text = floats_of(values)
    finite = np.isfinite(numbers)
    infinite = len(numbers) - int(np.count_nonzero(finite)) - int(np.count_nonzero(np.isnan(numbers)))
    return Numbers(len(numbers), np.sort(numbers[finite]), infinite, text)


def categories_of(values: "NDArray[Any]") -> Categories:
    """A categorical column. Labels are written as `drift.labels` has it, the most frequent first."""
    import numpy as np

    labels, counts = count_labels(values)
    return Categories(len(values), tuple(labels), np.array(counts, dtype=np.int64))


def side_by_side(
    reference: Categories, current: Categories
) -> "tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.int64]]":
    """The labels of both, those of the reference first, and the rows of each on either side."""
    import numpy as np

    at = {label: position for position, label in enumerate(reference.labels)}
    places = np.array([at.setdefault(label, len(at)) for label in current.labels], dtype=np.int64)
    before, after = np.zeros((2, len(at)), dtype=np.int64)
    before[: len(reference.counts)] = reference.counts
    after[places] = current.counts
    return tuple(at), before, after
