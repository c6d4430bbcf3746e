"""Rows that a model's reference has not, but its traffic may: on them too its ONNX form must answer as scikit-learn.

They are made of rows that are known to be good, with one column changed, or all of a kind.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from mlops_console.core.models import Column

Row = Mapping[str, Any]

# Magnitudes of numbers, in the order in which they are tried. float32 ends at 3.4e38, and whole numbers that float64
# holds one by one at 2**53.
LADDER = (1.0, 1e3, 1e6, 1e9, 1e12, 2.0**53, 1e18, 1e38, 1e300)
_SEED = 20_240_229
BASES = 5  # rows that are changed
_SINGLY = 40  # columns that are changed one at a time
_MIXED = 2_000

_TEXTS = (
    "",
    " ",
    "nan",
    "None",
    "no such text",
    "İıß Ünïcødé 漢字 🙂",
    "a\0b",
    "x" * 1_000,
    "1",
    "-1.5",
    "a,b;c.d\ne\tf",
)


def shuffled(rows: Sequence[Row], columns: Sequence[Column]) -> list[Row]:
    """New rows of known values: each column in an order of its own."""
    chance = random.Random(_SEED)
    chosen = [rows[chance.randrange(len(rows))] for _ in range(_MIXED)]
    mixed = {column.name: chance.sample([row[column.name] for row in chosen], len(chosen)) for column in columns}
    return [{name: values[at] for name, values in mixed.items()} for at in range(len(chosen))]


def magnitudes(rows: Sequence[Row], columns: Sequence[Column], size: float) -> list[Row]:
    """Numbers of this magnitude, positive and negative, in one column and in all; zeros beside them."""
    numbers = [column for column in columns if column.kind == "numeric"]
    singly = random.Random(_SEED).sample(numbers, min(len(numbers), _SINGLY))
    made: list[Row] = []
    for row in rows[:BASES]:
        for value in (size, -size, 0.0):
            made += [{**row, column.name: _fitting(column, value)} for column in singly]
            made.append({**row, **{column.name: _fitting(column, value) for column in numbers}})
    return made


def truths(rows: Sequence[Row], columns: Sequence[Column]) -> list[Row]:
    """Both truth values in each column of them."""
    flags = [column for column in columns if column.dtype == "bool"]
    return [{**row, column.name: value} for row in rows[:BASES] for column in flags for value in (False, True)]


def texts(rows: Sequence[Row], column: Column) -> list[Row]:
    """Texts that the model has not learnt, and neighbours of those that it has."""
    known = list(dict.fromkeys(row[column.name] for row in rows))[:20]
    near = [change(text) for text in known for change in (str.upper, str.title, lambda t: f" {t}", lambda t: f"{t}\0")]
    return [{**row, column.name: text} for row in rows[:BASES] for text in (*_TEXTS, *near)]


def gaps(rows: Sequence[Row], column: Column) -> list[Row]:
    """The value of a column is missing."""
    return [{**row, column.name: None} for row in rows[: 4 * BASES]]


def all_gaps(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """The values of several columns are missing at once."""
    return [{**row, **dict.fromkeys(names)} for row in rows[:BASES]]


def _fitting(column: Column, value: float) -> float | int:
    """The number as the column can hold it."""
    if column.dtype.startswith("float"):
        return value
    bits = int(column.dtype.lstrip("uint") or 64)
    low = 0 if column.dtype.startswith("u") else -(1 << (bits - 1))
    return min(max(int(value), low), low + (1 << bits) - 1)
