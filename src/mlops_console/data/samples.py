"""A sample of a dataset's rows, kept as .npz without pickle: what drift is compared with.

Each column is one array, and beside it a mask of what is missing. Texts are cut to 200 characters, as NumPy's texts are
all as wide as the longest one.
"""

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from mlops_console.core.datasets import dtype_name
from mlops_console.core.errors import StoreError
from mlops_console.store.objects import Objects

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

ROWS = 10_000
_SEED = 20_240_229
_LENGTH = 200  # characters of a text


def take_sample(frame: "pd.DataFrame", rows: int = ROWS, seed: int = _SEED) -> "pd.DataFrame":
    """Up to `rows` rows, each with the same chance, in the order they stand; the same ones every time."""
    import numpy as np

    if len(frame) <= rows:
        return frame
    chosen = np.random.default_rng(seed).choice(len(frame), size=rows, replace=False)
    return frame.iloc[np.sort(chosen)]


def pack_sample(frame: "pd.DataFrame") -> bytes:
    """The rows of a frame as .npz; the same bytes for the same rows."""
    import numpy as np

    arrays: dict[str, NDArray[Any]] = {"columns": np.array(json.dumps(list(frame.columns)))}
    for number, name in enumerate(frame.columns):
        values, missing = _pack_column(frame[name])
        arrays[f"v{number}"] = values
        arrays[f"m{number}"] = np.packbits(missing)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, array in arrays.items():
            entry = zipfile.ZipInfo(f"{key}.npy", date_time=(1980, 1, 1, 0, 0, 0))  # np.savez would write the time
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return buffer.getvalue()


def read_sample(objects: Objects, sha256: str) -> "dict[str, NDArray[Any]]":
    """A stored sample by column: shape (rows,), float64 with NaN, or object (str or bool) with None for missing.

    Raises:
        StoreError: the object is missing or damaged, or is no sample.
    """
    return unpack_sample(objects.read_checked(sha256))


def unpack_sample(content: bytes) -> "dict[str, NDArray[Any]]":
    """What `pack_sample` has packed.

    Raises:
        StoreError: it is no sample.
    """
    import numpy as np

    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            columns = json.loads(str(stored["columns"]))
            return {name: _unpack_column(stored[f"v{n}"], stored[f"m{n}"]) for n, name in enumerate(columns)}
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise StoreError(f"The object is no dataset sample: {error}.", "Log the dataset anew.") from None


def _pack_column(column: "pd.Series[Any]") -> "tuple[NDArray[Any], NDArray[np.bool_]]":
    import numpy as np

    missing = column.isna().to_numpy(dtype=bool)
    dtype = dtype_name(column.dtype)
    if dtype == "bool":
        return column.fillna(False).to_numpy(dtype=bool), missing
    if dtype != "object":
        return column.to_numpy(dtype=np.float64, na_value=np.nan), missing
    texts = ["" if absent else str(value)[:_LENGTH] for value, absent in zip(column, missing, strict=True)]
    return np.array([text.replace("\0", "\N{REPLACEMENT CHARACTER}") for text in texts], dtype=np.str_), missing


def _unpack_column(values: "NDArray[Any]", packed: "NDArray[np.uint8]") -> "NDArray[Any]":
    import numpy as np

    if values.dtype.kind == "f":
        return values
    found = values.astype(object)
    found[np.unpackbits(packed, count=len(values)).astype(bool)] = None
    return found
