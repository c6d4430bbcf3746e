"""Datasets: named inputs and their content-hashed states."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ColumnKind = Literal["numeric", "categorical"]


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
