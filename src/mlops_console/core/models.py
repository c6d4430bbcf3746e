"""Models, their versions, and the references people write: `fraud:7`, `fraud@champion`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from mlops_console.core.datasets import ColumnKind
from mlops_console.core.errors import UsageError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model version as a person names it: by number or by alias, never "the latest"."""

    model: str
    version: int | None = None
    alias: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `fraud:7` or `fraud@champion`.

        Raises:
            UsageError: the text is of neither form.
        """
        match = re.fullmatch(rf"({NAME.pattern})(?::(\d+)|@({NAME.pattern}))", text)
        if match is None:
            hint = "Write NAME:VERSION or NAME@ALIAS, as in fraud:7 or fraud@champion."
            if NAME.fullmatch(text):
                raise UsageError(f"{text!r} names a model without a version.", hint)
            raise UsageError(f"{text!r} is not a model reference.", hint)
        name, version, alias = match.groups()
        return cls(name, int(version) if version else None, alias)

    def __str__(self) -> str:
        return f"{self.model}@{self.alias}" if self.alias else f"{self.model}:{self.version}"


@dataclass(frozen=True, slots=True)
class Column:
    """One input column of a model."""

    name: str
    dtype: str  # numpy's name: "float64", "int64", "bool", "object" for text
    kind: ColumnKind
    nullable: bool = False
    categories: tuple[str, ...] = ()  # of a text, those that training knew; none if that is not known, or of too many

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """A column as the store has it. One from before categories were kept has none."""
        return cls(**{**stored, "categories": tuple(stored.get("categories", ()))})


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives. `classes` is empty for a regressor."""

    inputs: tuple[Column, ...]
    task: Literal["classification", "regression"]
    classes: tuple[Any, ...] = ()
    probabilities: bool = False


@dataclass(frozen=True, slots=True)
class DatasetReference:
    """The data a version is compared with when its traffic is checked for drift."""

    dataset: str
    version: int
    sample: str  # object with the sampled rows
    rows: int  # of the whole dataset version


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One stored state of a model. `sha256` names the skops file in the object store."""

    model: str
    version: int
    created_at: float
    sha256: str
    size: int  # bytes
    estimator: str  # the class, for people: "RandomForestClassifier"
    signature: Signature
    run_id: str | None = None
    input_example: str | None = None  # object with the example rows, as JSON
    reference: DatasetReference | None = None
    description: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    profile: str | None = None  # object with the reference profile (`core.profiles`)

    @property
    def ref(self) -> str:
        return f"{self.model}:{self.version}"


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """What came of compiling a version to ONNX and comparing that form with scikit-learn.

    Attributes:
        state: `agrees`: the ONNX form may serve; `differs`: it was made and answers otherwise; `unsupported`: there is
            none, or none whose answers could be vouched for.
        sha256: the ONNX file in the object store; only of one that agrees.
        rows: on which both were asked.
        worst_difference: the greatest of all rows: of probabilities, or of a regressor's answers, absolute where the
            answer is below 1 and relative above.
        worst: the row of it, with both answers.
        reason: one sentence where it does not agree.
    """

    state: Literal["agrees", "differs", "unsupported"]
    created_at: float
    sha256: str | None = None
    size: int | None = None
    rows: int = 0
    worst_difference: float | None = None
    worst: Mapping[str, Any] | None = None
    reason: str = ""


def served_form(found: CompiledModel | None) -> tuple[Literal["ONNX", "scikit-learn"], str]:
    """The form of a version that a server answers with, and why."""
    if found is None:
        return "scikit-learn", "It is not compiled yet."
    if found.state == "agrees":
        return "ONNX", f"Its answers agree with scikit-learn's on {found.rows:,} rows."
    return "scikit-learn", found.reason
