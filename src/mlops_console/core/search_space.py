"""What a sweep tries: the range of each param, as people write it."""

import datetime as dt
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlops_console.core.errors import UsageError

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"(log:)?({_NUMBER})\.\.({_NUMBER})(?:/({_NUMBER}))?")
_WHOLE = re.compile(r"[+-]?\d+")
_HINT = "Write fit.depth=2..12, fit.lr=log:1e-4..1e-1, fit.share=0.1..0.9/0.1 or fit.kind=tree,linear."


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both included; of whole numbers where `whole`, in steps where there is a `step`."""

    low: float
    high: float
    whole: bool
    log: bool = False
    step: float | None = None

    def examples(self) -> list[Any]:
        return [int(value) if self.whole else value for value in (self.low, self.high)]


@dataclass(frozen=True, slots=True)
class Choice:
    values: tuple[Any, ...]

    def examples(self) -> list[Any]:
        return list(self.values)


Dimension = Range | Choice


def parse_dimension(text: str, value_of: Callable[[str], Any]) -> tuple[str, Dimension]:
    """`fit.depth=2..12` as its param and what of it is tried.

    Args:
        value_of: reads one value of a choice.

    Raises:
        UsageError: it makes no sense.
    """
    key, equals, written = (part.strip() for part in text.partition("="))
    if not equals or not key or not written:
        raise UsageError(f"{text!r} is not of the form KEY=RANGE.", _HINT)
    match = _RANGE.fullmatch(written)
    if match is not None:
        return key, _range(key, *match.groups())
    if ".." in written:
        raise UsageError(f"{key} is to be tried from {written!r}, which is no range of numbers.", _HINT)
    values = tuple(_plain(value_of(value.strip())) for value in written.split(","))
    if len(values) < 2:
        raise UsageError(f"{key} has only one value to try: {written}.", "Give two or more, or use -p of train.")
    if len({repr(value) for value in values}) < len(values):
        raise UsageError(f"{key} has a value twice: {written}.", "Name each once.")
    return key, Choice(values)


def _plain(value: Any) -> Any:
    """A date or time as its text: what is tried is kept as JSON, and `override` reads it back."""
    return value.isoformat() if isinstance(value, dt.date | dt.time) else value


def _range(key: str, log: str | None, low: str, high: str, step: str | None) -> Range:
    found = Range(
        float(low),
        float(high),
        whole=all(_WHOLE.fullmatch(part) for part in (low, high, *([step] if step else []))),
        log=log is not None,
        step=float(step) if step else None,
    )
    if not all(map(math.isfinite, (found.low, found.high))):
        raise UsageError(f"{key} is to be tried from {low} to {high}, which no number reaches.", _HINT)
    if found.low >= found.high:
        raise UsageError(f"{key} is to be tried from {low} to {high}, which holds nothing.", "Name the least first.")
    if found.log and found.low <= 0:
        raise UsageError(f"{key} can't be logarithmic from {low}: a logarithm needs more than 0.", _HINT)
    if found.step is not None and (found.log or not 0 < found.step <= found.high - found.low):
        raise UsageError(f"{key} can't go from {low} to {high} in steps of {step}.", _HINT)
    return found
