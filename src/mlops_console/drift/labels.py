"""Values as they are compared, alike whether they come from a frame, a file or JSON."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LENGTH = 200  # characters; as `data.samples` keeps them


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


def numbers_of(values: "NDArray[Any]") -> "NDArray[np.float64]":
    """All values as float64; what is no number is NaN."""
    import numpy as np
    import pandas as pd

    if values.dtype.kind not in "fiub":
        values = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return values.astype(np.float64, copy=False)


def count_labels(values: "NDArray[Any]") -> "tuple[list[str], list[int]]":
    """The labels of the values that are not missing, and how many rows each has: the most frequent first."""
    import numpy as np
    import pandas as pd

    try:
        codes, raw = pd.factorize(values)  # the missing ones have the code -1
    except TypeError:  # lists and the like, which have no hash
        codes, raw = pd.factorize(labels_of(values))
    counts = np.bincount(codes[codes >= 0], minlength=len(raw))
    merged: dict[str, int] = {}
    for value, count in zip(labels_of(np.asarray(raw)), counts.tolist(), strict=True):
        merged[value] = merged.get(value, 0) + count
    order = sorted(merged, key=merged.__getitem__, reverse=True)  # stable: first come, first named
    return order, [merged[name] for name in order]
