"""One column of raw rows, as the statistics take it."""

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.drift.labels import count_labels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_LARGEST = int(sys.float_info.max)


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
    """A numeric column. Texts that hold a number count as that number; what is not finite has no value."""
    import numpy as np

    numbers, text = floats_of(values)
    finite = np.isfinite(numbers)
    infinite = len(numbers) - int(np.count_nonzero(finite)) - int(np.count_nonzero(np.isnan(numbers)))
    return Numbers(len(numbers), np.sort(numbers[finite]), infinite, text)


def floats_of(values: "NDArray[Any]") -> "tuple[NDArray[np.float64], int]":
    """A numeric column as float64, NaN for what is no number; and how many rows hold that without being missing."""
    import numpy as np
    import pandas as pd

    if values.dtype.kind in "fiub":
        return values.astype(np.float64, copy=False), 0
    column = pd.Series(values, dtype=object)
    try:
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    except OverflowError:  # whole numbers beyond any float, which are infinite
        column = column.map(lambda value: math.inf if isinstance(value, int) and abs(value) > _LARGEST else value)
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers, int(np.count_nonzero(np.isnan(numbers) & column.notna().to_numpy()))


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
