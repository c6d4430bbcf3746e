"""Datasets: named inputs and their content-hashed states."""

from collections.abc import Mapping
from dataclasses import dataclass
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
class Violation:
    """One expectation that does not hold.

    Attributes:
        column: "" where it is about the whole dataset.
        expectation: as mlops.toml has it: `min = 0`.
        rows: how many rows offend; 0 where it is about the whole column.
        examples: up to 5 of them: the row, counted from 1 without the header, and its value as text.
        message: one sentence.
    """

    column: str
    expectation: str
    rows: int
    examples: tuple[tuple[int, str], ...]
    message: str


Expected = tuple[str, str]  # the column, "" for the whole dataset, and the expectation, as in `Violation`


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a dataset version held what was expected of it when it was checked."""

    expected: tuple[Expected, ...]
    violations: tuple[Violation, ...]
    checked_at: float

    @property
    def held(self) -> bool:
        return not self.violations


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """One content-hashed state of a dataset.

    `sha256` is of the content: of a file, its bytes; of rows that a script has logged, their values. `sample` is the
    object with up to 10,000 of its rows (see `data.samples`). `verdict` is None until it is checked.
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
    verdict: Verdict | None = None

    @property
    def ref(self) -> str:
        return f"{self.dataset}:{self.version}"


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version as lists show it. `read_by` is the name of the newest run that has read it, "" if none has."""

    dataset: str
    version: int
    rows: int
    columns: int
    created_at: float
    verdict: Verdict | None
    read_by: str

    @property
    def ref(self) -> str:
        return f"{self.dataset}:{self.version}"


@dataclass(frozen=True, slots=True)
class ReadingRun:
    """A run that has read a version, and as what."""

    id: str
    name: str
    experiment: str
    status: str
    role: str
    created_at: float


@dataclass(frozen=True, slots=True)
class RunInput:
    """A dataset version that a run has read, and as what: "train", "test", …

    `logged` says that its script has told so; otherwise its pipeline has, of a dep, and the role is the dataset's name.
    """

    role: str
    version: DatasetVersion
    logged: bool = True
