"""What a model server has answered, and what turned out to be true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request as it is in the prediction log: JSON values by column and by output, one for each row.

    Columns that are private, or were missing in the request, are not in `inputs`.
    """

    id: str  # "" where it was logged before requests had one
    at: float
    revision: int
    model: str  # the version that answered, as in fraud:7
    latency: float  # seconds
    rows: int
    inputs: Mapping[str, Sequence[Any]]
    outputs: Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Label:
    """What was true of one row of a request: a class or a number."""

    request_id: str
    row: int
    value: Any


@dataclass(frozen=True, slots=True)
class Prediction:
    """One logged row that a model server has answered."""

    at: float
    revision: int
    inputs: Mapping[str, Any]
    output: Any
