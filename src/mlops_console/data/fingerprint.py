"""Content hashes: the same rows in the same order have the same fingerprint, on any machine and in any process."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from mlops_console.core.datasets import dtype_name

if TYPE_CHECKING:
    import pandas as pd

_FORMAT = b"mlops-console frame, format 1"


def hash_frame(frame: "pd.DataFrame") -> str:
    """SHA-256 over column names, types and values, as 64 hexadecimal digits. The index does not count."""
    digest = hashlib.sha256(_FORMAT)
    for name in frame.columns:
        column = frame[name]
        digest.update(json.dumps([name, dtype_name(column.dtype), len(column)]).encode())
        digest.update(_values(column))
    return digest.hexdigest()


def _values(column: "pd.Series[Any]") -> bytes:
    """64 bits of each value (all of the value in a column of numbers)."""
    import numpy as np
    import pandas as pd

    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        values = column.to_numpy()
        if values.dtype.kind == "f":
            values = np.where(np.isnan(values), np.nan, values)  # a NaN has many bit patterns
        return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    try:
        hashed = pd.util.hash_pandas_object(column, index=False)
    except TypeError:  # lists, dicts and such
        hashed = pd.util.hash_pandas_object(column.map(repr), index=False)
    return hashed.to_numpy(dtype="<u8").tobytes()
