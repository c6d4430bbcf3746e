"""Rows from a request, checked against a model's signature.

Whatever the protocol, rows arrive here as JSON values by column, and leave as a `Batch` that the model can take.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from mlops_console.core.models import Column, Signature
from mlops_console.core.text import safe_line, shorten
from mlops_console.serving.errors import TooLargeError, WrongInputError
from mlops_console.serving.values import IsClean, Kind, all_finite, checked, cleaner, kind_of
from mlops_console.serving.wording import columns_are, quoted, show

MOST_CELLS = 10_000_000  # of a batch: a few bytes may leave out any number of nullable columns in any number of rows
_KEPT = 64  # signatures


@dataclass(frozen=True, slots=True)
class Batch:
    """Checked rows: for each column of the signature, in its order, one JSON value a row; None is a missing value."""

    rows: int
    columns: Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the check of a request needs of a signature, prepared once, as requests of one row come by the thousands."""

    signature: Signature
    columns: tuple[tuple[Column, IsClean], ...]
    names: list[str]
    kinds: Mapping[str, Kind]  # by name
    categories: tuple[tuple[str, frozenset[str | None]], ...]  # of the columns whose categories are known
    all_float: bool

    @classmethod
    def of(cls, signature: Signature) -> Self:
        return cls(
            signature,
            tuple((column, cleaner(column)) for column in signature.inputs),
            [column.name for column in signature.inputs],
            {column.name: kind_of(column) for column in signature.inputs},
            tuple((c.name, frozenset((*c.categories, None))) for c in signature.inputs if c.categories),
            all(column.dtype.startswith("float") for column in signature.inputs),
        )

    def from_columns(self, given: Mapping[str, Any]) -> Batch:
        """Check lists of values by column name. A nullable column may be left out.

        Raises:
            WrongInputError: the message names the column, and the row of a wrong value.
            TooLargeError: there are too many rows.
        """
        if given.keys() != self.kinds.keys():
            self._check_names(given)
        rows: int | None = None
        for column, _ in self.columns:
            values = given.get(column.name)
            if values is None and column.name not in given:
                continue
            if not isinstance(values, list):
                name = quoted(column.name)
                raise WrongInputError(f"Column {name} is {show(values)}, but a list of values is expected.")
            if rows is not None and len(values) != rows:
                name = quoted(column.name)
                raise WrongInputError(f"Column {name} has {len(values)} values, but the one before it has {rows}.")
            rows = len(values)
        return self._batch(rows or 0, given)

    def from_records(self, records: Sequence[Any]) -> Batch:
        """Check rows that are objects with a value by column name. A nullable column may be left out of a row."""
        self._check_size(len(records))
        keys = self.kinds.keys()
        whole = True
        for row, record in enumerate(records):
            if not isinstance(record, dict):
                raise WrongInputError(f"Row {row} is {show(record)}, but an object with a value by column is expected.")
            if record.keys() != keys:
                self._check_names(record, f" in row {row}")
                whole = False
        if whole:
            return self._batch(len(records), {name: [record[name] for record in records] for name in self.names})
        return self._batch(len(records), {name: [record.get(name) for record in records] for name in self.names})

    def from_rows(self, rows: Sequence[Any], names: Sequence[Any] | None = None) -> Batch:
        """Check rows that are lists of values, in the order of `names`, or else of the signature."""
        given = self.names if names is None else self.checked_order(names)
        if len(rows) == 1:
            values = rows[0]
            if not isinstance(values, list) or len(values) != len(given):
                raise _wrong_row(0, values, len(given))
            if self.all_float and given is self.names and all_finite(values):
                return Batch(1, {name: [value] for name, value in zip(given, values, strict=True)})
            return self._batch(1, {name: [value] for name, value in zip(given, values, strict=True)})
        for row, values in enumerate(rows):
            if not isinstance(values, list) or len(values) != len(given):
                raise _wrong_row(row, values, len(given))
        columns = map(list, zip(*rows, strict=True)) if rows else ([] for _ in given)
        return self._batch(len(rows), dict(zip(given, columns, strict=True)))

    def from_any(self, content: list[Any]) -> Batch:
        """Check rows that are objects, lists, or, where the model takes one column, bare values."""
        first = content[0] if content else None
        if isinstance(first, dict):
            return self.from_records(content)
        if content and len(self.names) == 1 and not isinstance(first, list):
            return self._batch(len(content), {self.names[0]: content})
        return self.from_rows(content)

    def _batch(self, rows: int, given: Mapping[str, list[Any]]) -> Batch:
        """The values of columns that are known to be of one length."""
        if not rows:
            raise WrongInputError("The request has no rows.")
        self._check_size(rows)
        found: dict[str, list[Any]] = {}
        for column, is_clean in self.columns:
            values = given.get(column.name)
            if values is None:
                values = [None] * rows
            found[column.name] = values if is_clean(values) else checked(column, values)
        return Batch(rows, found)

    def _check_size(self, rows: int) -> None:
        if rows * len(self.names) > MOST_CELLS:
            raise TooLargeError(f"{rows:,} rows of {len(self.names)} columns are too many; send fewer rows a request.")

    def _check_names(self, given: Mapping[str, Any], where: str = "") -> None:
        missing = [c.name for c in self.signature.inputs if c.name not in given and not c.nullable]
        if missing:
            needs = "it" if len(missing) == 1 else "them"
            raise WrongInputError(f"{columns_are(missing)} missing{where}, but the model needs {needs}.")
        unknown = [name for name in given if name not in self.kinds]
        if unknown:
            expected = shorten(", ".join(self.names), 400)
            raise WrongInputError(f"{columns_are(unknown)} unknown{where}; expected are: {safe_line(expected)}.")

    def checked_order(self, names: Sequence[Any]) -> list[str]:
        """The columns as a request orders them; the very list of the signature where that is the same."""
        if names == self.names:
            return self.names
        for name in names:
            if not isinstance(name, str):
                raise WrongInputError(f"A column is called {show(name)}, but a text is expected.")
        twice = next((name for name, count in Counter(names).items() if count > 1), None)
        if twice is not None:
            raise WrongInputError(f"Column {quoted(twice)} is given twice.")
        self._check_names(dict.fromkeys(names))
        return list(names)


_prepared: dict[int, Inputs] = {}


def prepared(signature: Signature) -> Inputs:
    """The signature's `Inputs`, kept for the next request.

    They are found by identity, as the hash of a signature takes longer than the check of a row. What is kept holds its
    signature, so that no other one can have the same id.
    """
    found = _prepared.get(id(signature))
    if found is None:
        if len(_prepared) >= _KEPT:
            _prepared.clear()
        found = _prepared[id(signature)] = Inputs.of(signature)
    return found


def from_records(signature: Signature, records: Sequence[Any]) -> Batch:
    """`Inputs.from_records` for a signature."""
    return prepared(signature).from_records(records)


def _wrong_row(row: int, values: Any, width: int) -> WrongInputError:
    found = f"{len(values)} values" if isinstance(values, list) else show(values)
    return WrongInputError(f"Row {row} is {found}, but {width} values are expected.")
