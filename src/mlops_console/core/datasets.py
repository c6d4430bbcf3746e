"""Datasets: named inputs and their content-hashed states."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ColumnKind = Literal["numeric", "categorical"]


def dtype_name(dtype: Any) -> str:
    """What NumPy calls the values of a column: "float64", "int64", "bool"; "object" for text and everything else.

    Args:
        dtype: of a NumPy array or a pandas column. A nullable one has the name of what it holds: Int64 is "int64".
    """
    if dtype.kind == "b":
        return "bool"
    if dtype.kind in "iuf":
        return str(getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype)))
    return "object"


def kind_of(dtype: str) -> ColumnKind:
    """Of a `dtype_name`: numbers are compared as numbers, truth values and texts as categories."""
    return "categorical" if dtype in ("bool", "object") else "numeric"


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """One content-hashed state of a dataset.

    `sha256` is of the content; `sample` is the object with up to 10,000 of its rows (see `data.samples`).
    """

    dataset: str
    version: int
    sha256: str
    rows: int
    columns: int
    schema: Mapping[str, str]  # column name -> dtype
    profile: Mapping[str, Any]
    sample: str | None
    created_at: float


@dataclass(frozen=True, slots=True)
class RunInput:
    """A dataset version that a run has read, and as what: "train", "test", …"""

    role: str
    version: DatasetVersion = field()
