"""Whatever people hold rows in, as a DataFrame."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_console.core.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    import pandas as pd


def as_frame(data: Any) -> "pd.DataFrame":
    """The rows as a DataFrame whose columns are called by texts.

    Args:
        data: a DataFrame, a Series, an array of one or two dimensions (its columns become x0, x1, …), a dict of
            columns, a list of records or of rows, or the path of a CSV or Parquet file.

    Raises:
        TypeError: it is nothing of the kind.
        UsageError: it has no columns, two columns have the same name, or the file is none of these.
        NotFoundError: there is no such file.
    """
    import pandas as pd

    if isinstance(data, str | Path):
        frame = _read_file(Path(data))
    elif isinstance(data, pd.DataFrame):
        frame = data.copy(deep=False)
    elif isinstance(data, pd.Series):
        frame = data.to_frame(name=data.name if data.name is not None else "x0")
    elif hasattr(data, "__array__"):
        frame = _from_array(data)
    elif isinstance(data, Mapping | list | tuple):
        frame = _from_columns_or_rows(data)
    else:
        raise TypeError(f"data must be a DataFrame, an array, a dict of columns or a path, not {type(data).__name__}")
    frame.columns = pd.Index([_column_name(name) for name in frame.columns], dtype=object)
    _check_columns(frame)
    return frame


def _read_file(path: Path) -> "pd.DataFrame":
    import pandas as pd

    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.", "Give the path of a CSV or Parquet file.")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pd.read_parquet(path)
        return pd.read_csv(path)
    except ImportError:
        raise UsageError(f"Reading {path} needs pyarrow.", "Install it, or give the data as CSV.") from None
    except (ValueError, OSError) as error:
        raise UsageError(f"{path} can't be read as a table: {error}.", "Give a CSV or Parquet file.") from None


def _from_array(data: Any) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    array = np.asarray(data)
    if array.ndim not in (1, 2):
        raise UsageError(f"The array has {array.ndim} dimensions.", "Give one of one or two dimensions.")
    array = array.reshape(len(array), -1)
    return pd.DataFrame(array, columns=[f"x{number}" for number in range(array.shape[1])])


def _from_columns_or_rows(data: Any) -> "pd.DataFrame":
    import pandas as pd

    try:
        frame = pd.DataFrame(data)
    except (ValueError, TypeError) as error:
        raise UsageError(f"The data are no table: {error}.", "Give columns of equal length, or records.") from None
    if not isinstance(data, Mapping) and not (data and isinstance(data[0], Mapping)):
        frame.columns = pd.Index([f"x{number}" for number in range(frame.shape[1])])
    return frame


def _column_name(name: object) -> str:
    return "/".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _check_columns(frame: "pd.DataFrame") -> None:
    if frame.shape[1] == 0:
        raise UsageError("The data have no columns.", "Give at least one.")
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise UsageError(f"The data have two columns {str(twice[0])[:60]!r}.", "Give each column a name of its own.")
