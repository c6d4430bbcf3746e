"""Slices of the rows, as `[monitor] slices` names them: `country`, or `amount:0-100`."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"(?P<column>.+):(?P<low>{_NUMBER})-(?P<high>{_NUMBER})")


@dataclass(frozen=True, slots=True)
class Slice:
    """`column` alone: a slice for each of its categories; with `low` and `high`: the rows with low <= value < high."""

    column: str
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return self.column
        return f"{self.low:g} ≤ {self.column} < {self.high:g}"


def parse_slice(text: str) -> Slice:
    """Read `"country"` or `"amount:0-100"`.

    Raises:
        ValueError: it names no column, or an empty range.
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        if not text.strip() or "\0" in text:
            raise ValueError("a slice names a column, as country, or a range of one, as amount:0-100")
        return Slice(text)
    low, high = float(match["low"]), float(match["high"])
    if low >= high:
        raise ValueError(f"{text!r} is an empty range: the second number has to be above the first")
    return Slice(match["column"], low, high)


def _is_slice(text: str) -> str:
    parse_slice(text)
    return text


SliceText = Annotated[str, AfterValidator(_is_slice)]
