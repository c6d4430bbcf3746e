"""Values as they are compared, alike whether they come from a frame, a file or JSON."""

import math
import sys
from numbers import Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

LENGTH = 200  # characters; as `data.samples` keeps them
_LARGEST = int(sys.float_info.max)
_BITS = 64  # of a whole number that is kept as it is
_NUMBERS = frozenset((int, float, bool, type(None)))
_HASHED = frozenset((str, int, float, bool))


def label(value: Any) -> str:
    """A value that is not missing, as a category: 3.0 is 3, and a long text is its first 200 characters."""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return text[:LENGTH].replace("\0", "\N{REPLACEMENT CHARACTER}")


def labels_of(values: "NDArray[Any]") -> "NDArray[Any]":
    """The labels of all values that are not missing, as an object array."""
    import numpy as np
    import pandas as pd

    found = values[~pd.isna(values)].tolist()
    labels = np.empty(len(found), dtype=object)  # not numpy's own text, whose every item is as wide as the longest
    labels[:] = [label(value) for value in found]
    return labels


def floats_of(values: "NDArray[Any] | Sequence[Any]") -> "tuple[NDArray[np.float64], int]":
    """What counts as a number, everywhere: numbers, truth values as 1 and 0, and texts that hold a number. As float64,
    NaN for all else; and how many rows hold something else without being missing."""
    import numpy as np

    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return values.astype(np.float64, copy=False), 0
    items = values.tolist() if isinstance(values, np.ndarray) else values
    if _NUMBERS.issuperset(map(type, items)):
        try:
            return np.array(items, dtype=np.float64), 0  # None becomes NaN
        except OverflowError:  # whole numbers beyond any float
            items = list(map(_within_floats, items))
            return np.array(items, dtype=np.float64), 0
    import pandas as pd

    column = pd.Series(list(map(_within_floats, items)), dtype=object)
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers, int(np.count_nonzero(np.isnan(numbers) & column.notna().to_numpy()))


def _within_floats(value: Any) -> Any:
    """A whole number beyond any float is infinite; a complex one is none."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        return math.inf if value > 0 else -math.inf
    return str(value) if isinstance(value, complex) else value


def is_missing(value: Any) -> bool:
    """None, NaN and pandas' own words for it."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def plain(value: Any) -> Any:
    """A value as JSON has it; None where it is missing or not finite."""
    if isinstance(value, str):
        return value[:LENGTH]
    if value is None or isinstance(value, bool) or (isinstance(value, int) and value.bit_length() <= _BITS):
        return value
    if isinstance(value, Real):
        number = float(_within_floats(value))
        return number if math.isfinite(number) else None
    return None if is_missing(value) else label(value)


def are_told_apart(values: "Iterable[Any]") -> bool:
    """Whether a hash tells values apart as their labels do: to it True and 1 are one, and lists have none."""
    types = set(map(type, values))
    return len(types) < 2 and types <= _HASHED


def codes_of(values: "NDArray[Any]") -> "tuple[NDArray[np.int64], list[str]]":
    """Of each row the place of its label among the labels, -1 where it is missing; the labels as they come first."""
    import numpy as np
    import pandas as pd

    known = np.asarray(~pd.isna(values))
    if values.dtype == object and not are_told_apart(values[known].tolist()):
        labels = np.full(len(values), None, dtype=object)
        labels[known] = labels_of(values)
        values = labels
    codes, raw = pd.factorize(values)  # the missing ones have the code -1
    merged, names = pd.factorize(labels_of(np.asarray(raw)))
    return np.where(codes < 0, -1, np.append(merged, -1)[codes]), names.tolist()


def count_labels(values: "NDArray[Any]") -> "tuple[list[str], list[int]]":
    """The labels of the values that are not missing, and how many rows each has: the most frequent first."""
    import numpy as np

    codes, names = codes_of(values)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = np.argsort(-counts, kind="stable")  # first come, first named
    return [names[at] for at in order], counts[order].tolist()
