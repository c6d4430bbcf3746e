"""Rows checked against a signature, whatever protocol they came by."""

import math
from typing import Any

import pytest

from mlops_console.core.models import Column, Signature
from mlops_console.serving import inputs as kept
from mlops_console.serving.errors import TooLargeError, WrongInputError
from mlops_console.serving.inputs import MOST_CELLS, Inputs, prepared
from tests.serving.helpers import FRAUD, ROW

MIXED = Signature(
    (
        Column("f", "float32", "numeric", nullable=True),
        Column("i", "int8", "numeric", nullable=True),
        Column("u", "uint64", "numeric"),
        Column("b", "bool", "categorical", nullable=True),
        Column("t", "object", "categorical", nullable=True),
    ),
    "regression",
)
FLOATS = Signature((Column("x", "float64", "numeric"), Column("y", "float64", "numeric")), "regression")


def read(**values: Any) -> dict[str, Any]:
    row = {"f": 1.5, "i": 2, "u": 3, "b": True, "t": "x", **values}
    batch = Inputs.of(MIXED).from_records([row])
    assert batch.rows == 1
    return {name: found[0] for name, found in batch.columns.items()}


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("f", 3, 3),
        ("f", math.nan, None),
        ("f", None, None),
        ("i", 3.0, 3),
        ("i", math.nan, None),
        ("i", -128, -128),
        ("u", 2**64 - 1, 2**64 - 1),
        ("b", 0, False),
        ("b", 1.0, True),
        ("b", None, None),
        ("t", "", ""),
        ("t", None, None),
    ],
)
def test_values_that_are_taken(name: str, value: Any, taken: Any) -> None:
    found = read(**{name: value})[name]
    assert (found, type(found)) == (taken, type(taken))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("f", math.inf, "Column 'f', row 0: an infinite number, but a finite number is expected."),
        ("f", 10**400, None),
        ("f", True, "Column 'f', row 0: true, but a finite number is expected."),
        ("f", "1", "Column 'f', row 0: the text '1', but a finite number is expected."),
        ("i", 128, "Column 'i', row 0: the number 128, but a whole number (int8) is expected."),
        ("i", 1.5, "Column 'i', row 0: the number 1.5, but a whole number (int8) is expected."),
        ("i", True, "Column 'i', row 0: true, but a whole number (int8) is expected."),
        ("u", -1, "Column 'u', row 0: the number -1, but a whole number (uint64) is expected."),
        ("u", None, "Column 'u', row 0: no value, but a whole number (uint64) is expected."),
        ("u", math.nan, "Column 'u', row 0: no value, but a whole number (uint64) is expected."),
        ("b", 2, "Column 'b', row 0: the number 2, but true or false is expected."),
        ("b", "true", "Column 'b', row 0: the text 'true', but true or false is expected."),
        ("t", 5, "Column 't', row 0: the number 5, but a text is expected."),
        ("t", ["x"], "Column 't', row 0: a list, but a text is expected."),
    ],
)
def test_values_that_are_refused(name: str, value: Any, sentence: str | None) -> None:
    with pytest.raises(WrongInputError) as caught:
        read(**{name: value})
    assert sentence is None or caught.value.message == sentence
    assert caught.value.status == 422


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("value", [math.nan, math.inf, None, "1", 10**400])
def test_a_row_of_floats_is_checked_to_its_last_value(rows: int, value: Any) -> None:
    inputs = Inputs.of(FLOATS)
    fine = [[1.0, 2.0]] * (rows - 1)
    with pytest.raises(WrongInputError, match=f"Column 'y', row {rows - 1}: "):
        inputs.from_rows([*fine, [1.0, value]])
    assert inputs.from_rows([*fine, [1, 2.5]]).columns == {
        "x": [1.0] * (rows - 1) + [1],
        "y": [2.0] * (rows - 1) + [2.5],
    }


def test_all_forms_give_the_same_batch() -> None:
    inputs = Inputs.of(FRAUD)
    batch = inputs.from_columns({name: [value] * 2 for name, value in ROW.items()})
    assert batch == inputs.from_records([ROW, ROW]) == inputs.from_any([ROW, ROW])
    assert batch == inputs.from_rows([list(ROW.values())] * 2) == inputs.from_any([list(ROW.values())] * 2)
    assert batch == inputs.from_rows([list(ROW.values())[::-1]] * 2, list(ROW)[::-1])
    assert list(batch.columns) == ["amount", "count", "country"]


def test_nullable_columns_may_be_left_out() -> None:
    inputs = Inputs.of(FRAUD)
    expected = {"amount": [1.5, 2.5], "count": [1, 2], "country": [None, None]}
    assert inputs.from_columns({"amount": [1.5, 2.5], "count": [1, 2]}).columns == expected
    assert inputs.from_rows([[1, 1.5], [2, 2.5]], ["count", "amount"]).columns == expected
    assert (
        inputs.from_records([{"amount": 1.5, "count": 1}, {"amount": 2.5, "count": 2, "country": None}]).columns
        == expected
    )


def test_a_few_bytes_can_not_ask_for_much_memory() -> None:
    """Rows that leave out all of a thousand columns are two bytes each in JSON."""
    wide = Signature(tuple(Column(f"c{i}", "float64", "numeric", nullable=True) for i in range(1_000)), "regression")
    rows = MOST_CELLS // 1_000 + 1
    for read_many in (
        lambda inputs: inputs.from_records([{}] * rows),
        lambda inputs: inputs.from_columns({"c0": [1.0] * rows}),
        lambda inputs: inputs.from_rows([[]] * rows, []),
    ):
        with pytest.raises(TooLargeError, match="10,001 rows of 1000 columns are too many"):
            read_many(Inputs.of(wide))


def test_what_is_prepared_of_a_signature_is_kept() -> None:
    assert prepared(FRAUD) is prepared(FRAUD)
    others = [Signature((Column(f"x{i}", "float64", "numeric"),), "regression") for i in range(200)]
    assert [prepared(other).names for other in others] == [[f"x{i}"] for i in range(200)]
    assert [prepared(other).signature is other for other in others] == [True] * 200
    assert len(kept._prepared) <= 64
