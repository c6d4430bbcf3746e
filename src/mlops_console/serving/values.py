"""The values of one column, checked against its dtype."""

import sys
from collections.abc import Callable
from functools import partial
from math import isfinite
from typing import Any, Literal

from mlops_console.core.models import Column
from mlops_console.serving.errors import WrongInputError
from mlops_console.serving.wording import quoted, show

Kind = Literal["number", "bool", "text"]
IsClean = Callable[[list[Any]], bool]

_NUMBERS = frozenset((int, float))
_WHOLE = frozenset((int,))


def kind_of(column: Column) -> Kind:
    """What JSON has for it."""
    if column.dtype.startswith(("float", "int", "uint")):
        return "number"
    return "bool" if column.dtype == "bool" else "text"


def cleaner(column: Column) -> IsClean:
    """Tells whether all values are right as they are: the usual case, without a step in Python for each."""
    if column.dtype.startswith("float"):
        return all_finite
    if column.dtype.startswith(("int", "uint")):
        return partial(_all_whole, *_bounds(column.dtype))
    return partial(_all_of, frozenset((bool if column.dtype == "bool" else str,)))


def all_finite(values: list[Any]) -> bool:
    try:
        return _NUMBERS.issuperset(map(type, values)) and all(map(isfinite, values))
    except OverflowError:  # a whole number that is larger than any float
        return False


def _all_whole(low: int, high: int, values: list[Any]) -> bool:
    return _WHOLE.issuperset(map(type, values)) and low <= min(values) and max(values) <= high


def _all_of(types: frozenset[type], values: list[Any]) -> bool:
    return types.issuperset(map(type, values))


def checked(column: Column, values: list[Any]) -> list[Any]:
    """The values as the model takes them: NaN becomes None, 3.0 becomes 3 in a column of whole numbers.

    Raises:
        WrongInputError: a value is of the wrong type, not finite, or missing where the column is not nullable.
    """
    return [_check(column, row, value) for row, value in enumerate(values)]


def _check(column: Column, row: int, value: Any) -> Any:
    if value is None or value != value:
        if column.nullable:
            return None
        raise WrongInputError(f"Column {quoted(column.name)}, row {row}: no value, but {expected(column)} is expected.")
    converted = _convert(column.dtype, value)
    if converted is None:
        raise WrongInputError(
            f"Column {quoted(column.name)}, row {row}: {show(value)}, but {expected(column)} is expected."
        )
    return converted


def _convert(dtype: str, value: Any) -> Any:
    """The value as this dtype, or None where it is none."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if dtype.startswith("float"):
        return value if number and abs(value) <= sys.float_info.max else None
    if dtype.startswith(("int", "uint")):
        if not number or (isinstance(value, float) and not value.is_integer()):
            return None
        low, high = _bounds(dtype)
        return int(value) if low <= value <= high else None
    if dtype == "bool":
        return bool(value) if isinstance(value, bool) or (number and value in (0, 1)) else None
    return value if isinstance(value, str) else None


def _bounds(dtype: str) -> tuple[int, int]:
    bits = int(dtype.lstrip("uint") or 64)
    return (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def expected(column: Column) -> str:
    if column.dtype.startswith("float"):
        return "a finite number"
    if column.dtype.startswith(("int", "uint")):
        return f"a whole number ({column.dtype})"
    return "true or false" if column.dtype == "bool" else "a text"
