"""Rows from a request, checked against a model's signature.

Whatever the protocol, rows arrive here as JSON values by column, and leave as a `Batch` that the model can take.
"""

import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_console.core.models import Column, Signature
from mlops_console.core.text import safe_line, shorten
from mlops_console.serving.errors import WrongInputError

_SHOWN = 40  # characters of a wrong value, and names of a long list


@dataclass(frozen=True, slots=True)
class Batch:
    """Checked rows: for each column of the signature, in its order, one JSON value a row; None is a missing value."""

    rows: int
    columns: Mapping[str, list[Any]]


def from_columns(signature: Signature, columns: Mapping[str, Any]) -> Batch:
    """Check lists of values by column name.

    Raises:
        WrongInputError: the message names the column, and the row of a wrong value.
    """
    _check_names(signature, columns)
    checked: dict[str, list[Any]] = {}
    rows: int | None = None
    for column in signature.inputs:
        values = columns.get(column.name)
        if values is None and column.name not in columns:
            continue
        if not isinstance(values, list):
            raise WrongInputError(f"Column {_name(column)} is {_show(values)}, but a list of values is expected.")
        if rows is not None and len(values) != rows:
            raise WrongInputError(f"Column {_name(column)} has {len(values)} values, but the one before it has {rows}.")
        rows = len(values)
        checked[column.name] = check_column(column, values)
    if not rows:
        raise WrongInputError("The request has no rows.")
    return Batch(rows, {c.name: checked.get(c.name, [None] * rows) for c in signature.inputs})


def from_records(signature: Signature, records: Sequence[Any]) -> Batch:
    """Check rows that are objects with a value by column name. A nullable column may be left out of a row."""
    columns: dict[str, list[Any]] = {column.name: [] for column in signature.inputs}
    nullable = {column.name for column in signature.inputs if column.nullable}
    for row, record in enumerate(records):
        if not isinstance(record, dict):
            raise WrongInputError(f"Row {row} is {_show(record)}, but an object with a value by column is expected.")
        if record.keys() != columns.keys():
            _check_names(signature, record, f" in row {row}")
        for name, values in columns.items():
            values.append(record.get(name) if name in nullable else record[name])
    return from_columns(signature, columns)


def from_rows(signature: Signature, rows: Sequence[Any], names: Sequence[Any] | None = None) -> Batch:
    """Check rows that are lists of values, in the order of `names`, or else of the signature."""
    given = [column.name for column in signature.inputs] if names is None else list(names)
    for name in given:
        if not isinstance(name, str):
            raise WrongInputError(f"A column is called {_show(name)}, but a text is expected.")
    twice = next((name for name, count in Counter(given).items() if count > 1), None)
    if twice is not None:
        raise WrongInputError(f"Column {_quoted(twice)} is given twice.")
    for row, values in enumerate(rows):
        if not isinstance(values, list) or len(values) != len(given):
            found = f"{len(values)} values" if isinstance(values, list) else _show(values)
            raise WrongInputError(f"Row {row} is {found}, but {len(given)} values are expected.")
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in given]
    return from_columns(signature, dict(zip(given, columns, strict=True)))


def check_column(column: Column, values: list[Any]) -> list[Any]:
    """The values of one column as the model takes them: NaN becomes None, 3.0 becomes 3 in a column of whole numbers.

    Raises:
        WrongInputError: a value is of the wrong type, not finite, or missing where the column is not nullable.
    """
    if _is_clean(column.dtype, values):
        return values
    return [_check(column, row, value) for row, value in enumerate(values)]


def _is_clean(dtype: str, values: list[Any]) -> bool:
    """Whether all values are right as they are: the usual case, without a step in Python for each."""
    types = set(map(type, values))
    if dtype.startswith("float"):
        try:
            return types <= {int, float} and all(map(math.isfinite, values))
        except OverflowError:
            return False
    if dtype.startswith(("int", "uint")):
        low, high = _bounds(dtype)
        return types == {int} and low <= min(values) and max(values) <= high
    return types == ({bool} if dtype == "bool" else {str})


def _check(column: Column, row: int, value: Any) -> Any:
    if value is None or value != value:
        if column.nullable:
            return None
        raise WrongInputError(f"Column {_name(column)}, row {row}: no value, but {_expected(column)} is expected.")
    checked = _convert(column.dtype, value)
    if checked is None:
        raise WrongInputError(
            f"Column {_name(column)}, row {row}: {_show(value)}, but {_expected(column)} is expected."
        )
    return checked


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


def _expected(column: Column) -> str:
    if column.dtype.startswith("float"):
        return "a finite number"
    if column.dtype.startswith(("int", "uint")):
        return f"a whole number ({column.dtype})"
    return "true or false" if column.dtype == "bool" else "a text"


def _check_names(signature: Signature, given: Mapping[str, Any], where: str = "") -> None:
    known = {column.name for column in signature.inputs}
    missing = [c.name for c in signature.inputs if c.name not in given and not c.nullable]
    if missing:
        raise WrongInputError(f"{_columns(missing)} missing{where}, but the model needs {_all(len(missing))}.")
    unknown = [name for name in given if name not in known]
    if unknown:
        expected = shorten(", ".join(column.name for column in signature.inputs), 400)
        raise WrongInputError(f"{_columns(unknown)} unknown{where}; expected are: {safe_line(expected)}.")


def _columns(names: Sequence[str]) -> str:
    shown = ", ".join(_quoted(name) for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"Columns {shown}{more} are" if len(names) > 1 else f"Column {shown} is"


def _all(count: int) -> str:
    return "it" if count == 1 else "them"


def _name(column: Column) -> str:
    return _quoted(column.name)


def _quoted(name: str) -> str:
    return f"'{safe_line(shorten(name, _SHOWN))}'"


def _show(value: Any) -> str:
    """A foreign JSON value, short enough for a sentence."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return f"the text {_quoted(value)}"
        case int() | float():
            return "an infinite number" if abs(value) == math.inf else f"the number {shorten(repr(value), _SHOWN)}"
        case list():
            return "a list"
        case _:
            return "an object"
