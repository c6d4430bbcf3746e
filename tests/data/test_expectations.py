"""Checking a dataset against expectations, and proposing some."""

import math
import tomllib
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlops_console.core.datasets import Violation
from mlops_console.core.expectations import ColumnExpectation, Expectations
from mlops_console.data.expectations import check, infer, to_toml


def found_in(values: Any, **expected: Any) -> list[Violation]:
    column = ColumnExpectation.model_validate(expected)
    return check(pd.DataFrame({"a": values}), Expectations(columns={"a": column}))


def offending(values: Any, **expected: Any) -> dict[str, tuple[int, ...]]:
    """Expectation -> the rows shown."""
    return {v.expectation: tuple(row for row, _ in v.examples) for v in found_in(values, **expected)}


def test_too_small_a_number() -> None:
    values = np.full(1000, 5.0)
    values[[3, 7, 8]] = [-1, -12.5, -2]
    assert found_in(values, type="number", min=0) == [
        Violation(
            "a",
            "min = 0",
            3,
            ((4, "-1.0"), (8, "-12.5"), (9, "-2.0")),
            "a: 3 of 1,000 rows are below 0 (least: -12.5).",
        )
    ]


def test_too_large_a_number() -> None:
    assert [v.message for v in found_in([1, 2000, 3], max=1000)] == ["a: 1 of 3 rows is above 1,000 (greatest: 2,000)."]


def test_the_bounds_themselves_are_fine() -> None:
    assert found_in([0.5, 1.5], min=0.5, max=1.5) == []


def test_infinities() -> None:
    assert offending([math.inf, -math.inf, 1.0], type="number", min=0, max=2) == {"min = 0": (2,), "max = 2": (1,)}
    assert offending([math.inf, 1.0], type="integer") == {'type = "integer"': (1,)}
    assert found_in([math.inf], max=1)[0].message.endswith("(greatest: ∞).")


def test_only_five_examples_are_shown() -> None:
    (found,) = found_in(list(range(100)), max=9)
    assert found.rows == 90
    assert [row for row, _ in found.examples] == [11, 12, 13, 14, 15]


def test_huge_whole_numbers_are_told_apart() -> None:
    assert offending([2**53, 2**53 + 1], max=2**53) == {"max = 9007199254740992.0": (2,)}
    assert offending(np.array([2**64 - 1], dtype="uint64"), max=2**63) == {"max = 9.223372036854776e+18": (1,)}
    assert offending([2**53, 2**53 + 1], categories=[2**53]) == {"categories = [9007199254740992]": (2,)}
    assert offending([10**400, -(10**400), 1], type="integer", min=0, max=5) == {
        'type = "integer"': (1, 2),
        "min = 0": (2,),
        "max = 5": (1,),
    }
    assert offending(np.array([1, 2], dtype="uint8"), min=-5, max=1000) == {}


@pytest.mark.parametrize(
    ("values", "kind", "rows"),
    [
        ([1, 2], "integer", ()),
        ([3.0, 3.5, None], "integer", (2,)),
        (["3", "3.0", "3.5", "x", None], "integer", (3, 4)),
        ([1.5, None], "number", ()),
        (["1.5", "x", "", " 2 ", "-1e3", None], "number", (2, 3)),
        (["nan"], "number", (1,)),
        ([True, False], "number", (1, 2)),
        ([True, False], "integer", (1, 2)),
        ([True, None], "boolean", ()),
        (["true", "False", "TRUE", "yes", None], "boolean", (4,)),
        ([0, 1], "boolean", (1, 2)),
        (["a", None], "text", ()),
        ([1, 2], "text", (1, 2)),
        ([True], "text", (1,)),
        ([1, "a", True, None, [1], Decimal("1.5")], "text", (1, 3, 5, 6)),
        ([1, "a", True, None, [1], Decimal("1.5")], "number", (2, 3, 5)),
        (pd.to_datetime(pd.Series(["2026-03-01", None])), "number", (1,)),
        (["2026-03-01", None], "text", ()),
        (pd.array([1, None, 3], dtype="Int64"), "integer", ()),
        (pd.array([1.5, None, 3], dtype="Float64"), "integer", (1,)),
        (pd.array([True, None], dtype="boolean"), "boolean", ()),
        (pd.array(["a", None], dtype="string"), "text", ()),
        (pd.Categorical(["a", None, "b"]), "text", ()),
        (pd.Categorical([1, 2, 1]), "integer", ()),
        (pd.Categorical(["1", "x"]), "number", (2,)),
        ([None, None], "number", ()),
        ([math.nan, math.nan], "text", ()),
        ([], "integer", ()),
    ],
)
def test_types(values: Any, kind: str, rows: tuple[int, ...]) -> None:
    assert offending(values, type=kind) == ({f'type = "{kind}"': rows} if rows else {})


def test_the_type_is_told_in_a_sentence() -> None:
    assert [v.message for v in found_in(["1", "x"], type="number")] == ["a: 1 of 2 rows holds no number (first: x)."]
    assert [v.message for v in found_in([1, 2], type="text")] == ["a: 2 of 2 rows hold no text (first: 1)."]


def test_bounds_imply_numbers() -> None:
    assert offending(["1", "x", "-1"], min=0) == {'type = "number"': (2,), "min = 0": (3,)}


def test_missing_values_offend_nothing_else() -> None:
    for values in ([None] * 3, [math.nan] * 3, pd.array([None] * 3, dtype="Int64"), [pd.NaT] * 3):
        assert found_in(values, type="number", min=1, max=2, categories=[1], unique=True) == []
        assert offending(values, missing=0.5) == {"missing = 0.5": (1, 2, 3)}


def test_the_share_of_missing_values() -> None:
    values = [1.0] * 71 + [None] * 29
    assert found_in(values, missing=0.29) == []
    (found,) = found_in(values, missing=0.28)
    assert (found.rows, found.examples[0]) == (29, (72, ""))
    assert found.message == "a: 29 of 100 rows are without a value (29 %, but 28 % may be)."
    assert found_in([1, 2], missing=0.0) == []
    assert found_in([], missing=0.0) == []


@pytest.mark.parametrize(
    ("values", "expected", "rows"),
    [
        (["a", "b", None, "c"], {"categories": ["a", "b"]}, (4,)),
        ([1, 2, 3], {"categories": [1, 2.0]}, (3,)),
        ([1.0, None, 2.5], {"categories": [1, 2]}, (3,)),
        ([True, False], {"categories": [True]}, (2,)),
        ([1, 0], {"categories": [True, False]}, (1, 2)),
        ([True], {"categories": [1, "true"]}, (1,)),
        (["1", "2"], {"categories": [1]}, (1, 2)),
        (["1", "2"], {"categories": [1], "type": "number"}, (2,)),
        (["true", "FALSE"], {"categories": [True], "type": "boolean"}, (2,)),
        ([1, 2], {"categories": ["1"]}, (1, 2)),
        ([1, "a", True, None, [1]], {"categories": [1, "a", True]}, (5,)),
        (pd.Categorical(["a", "b"], categories=["a", "b", "z"]), {"categories": ["a"]}, (2,)),
        (pd.array([1, None, 3], dtype="Int64"), {"categories": [1]}, (3,)),
        (pd.array([True, None, False], dtype="boolean"), {"categories": [True]}, (3,)),
        ([math.inf, 1], {"categories": [math.inf]}, (2,)),
    ],
)
def test_categories(values: Any, expected: dict[str, Any], rows: tuple[int, ...]) -> None:
    (found,) = found_in(values, **expected)
    assert found.expectation.startswith("categories = [")
    assert tuple(row for row, _ in found.examples) == rows


def test_categories_are_told_in_a_sentence() -> None:
    assert [v.message for v in found_in(["a", "x\ny"], categories=["a"])] == [
        'a: 1 of 2 rows is none of "a" (first: x␤y).'
    ]


def test_unique() -> None:
    (found,) = found_in(["x", "y", "x", None, None, "x"], unique=True)
    assert (found.expectation, found.rows, found.examples) == ("unique = true", 2, ((3, "x"), (6, "x")))
    assert found.message == "a: 2 of 6 rows repeat the value of an earlier one (first: x)."
    assert offending([[1], [2], [1]], unique=True) == {"unique = true": (3,)}
    assert found_in([1, 1], unique=False) == []


def test_columns_that_are_not_there_or_too_many() -> None:
    expected = Expectations(
        columns={"z": ColumnExpectation(), "b": ColumnExpectation(min=0), "maybe": ColumnExpectation(required=False)},
        extra_columns=False,
        rows_min=2,
    )
    found = check(pd.DataFrame({"y": [1], "b": [-1], "": [1]}), expected)
    assert [(v.column, v.expectation, v.rows) for v in found] == [
        ("", "rows_min = 2", 0),
        ("z", "required = true", 0),
        ("b", "min = 0", 1),
        ("y", "extra_columns = false", 0),
        ("", "extra_columns = false", 0),
    ]
    assert found[0].message == "1 row is there, but at least 2 are expected."
    assert found[-1].message == "'': no such column is expected."


def test_too_many_rows() -> None:
    (found,) = check(pd.DataFrame({"a": range(1500)}), Expectations(rows_max=1000))
    assert found.message == "1,500 rows are there, but at most 1,000 are expected."


def test_one_column_may_offend_several_times() -> None:
    assert list(offending([-1, 5, 5, None], min=0, max=4, missing=0, categories=[5], unique=True)) == [
        "min = 0",
        "max = 4",
        "missing = 0.0",
        "categories = [5]",
        "unique = true",
    ]


def infer_one(values: Any, name: str = "a", slack: float = 0.0) -> dict[str, Any]:
    found = infer(pd.DataFrame({name: values}), slack=slack).columns[name]
    return found.model_dump(exclude_none=True, exclude={"required"})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5, 7], {"type": "integer", "min": 5, "max": 7, "missing": 0}),
        ([5.0, 7.5], {"type": "number", "min": 5, "max": 7.5, "missing": 0}),
        ([5.0, 7.0], {"type": "number", "min": 5, "max": 7, "missing": 0}),
        ([5, None, 7], {"type": "integer", "min": 5, "max": 7, "missing": 0.34}),
        ([0.01, 1.0], {"type": "number", "min": 0, "max": 1, "missing": 0}),
        ([-0.01, 1.0], {"type": "number", "min": -0.01, "max": 1, "missing": 0}),
        ([math.inf, -1.0], {"type": "number", "min": -1, "missing": 0}),
        ([2**63 - 1, 7], {"type": "integer", "min": 0, "max": 2.0**63, "missing": 0}),
        (["a"] * 5 + ["b"] * 5, {"type": "text", "missing": 0, "categories": ("a", "b")}),
        (["a"] * 5 + ["b"] * 4, {"type": "text", "missing": 0}),
        ([str(n % 21) for n in range(200)], {"type": "text", "missing": 0}),
        ([True] * 10, {"type": "boolean", "missing": 0, "categories": (True,)}),
        ([True, None] * 10, {"type": "boolean", "missing": 0.5, "categories": (True,)}),
        (pd.Categorical(["a", "b"] * 5), {"type": "text", "missing": 0, "categories": ("a", "b")}),
        (pd.array([1, None], dtype="Int64"), {"type": "integer", "min": 1, "max": 1, "missing": 0.5}),
        (["2026-03-01", "2026-03-02"], {"type": "text", "missing": 0}),
        (pd.to_datetime(["2026-03-01"]), {"missing": 0}),
        ([1, "a"], {"missing": 0}),
        ([None, None], {"missing": 1}),
        ([], {"missing": 0}),
        ([[1], [2]], {"missing": 0}),
    ],
)
def test_what_is_proposed(values: Any, expected: dict[str, Any]) -> None:
    assert infer_one(values) == expected


def test_slack_widens_the_bounds() -> None:
    assert infer_one([10.0, 20.5], slack=0.1) == {"type": "number", "min": 8.95, "max": 21.55, "missing": 0}
    assert infer_one([10, 19], slack=0.1) == {"type": "integer", "min": 9, "max": 20, "missing": 0}
    assert infer_one([0, 100], slack=0.1) == {"type": "integer", "min": 0, "max": 110, "missing": 0}
    assert infer_one([-1e308, 1e308], slack=1.0)["max"] == 1e308
    assert "max" not in infer_one([0.5e308, 1e308], slack=10.0)


@pytest.mark.parametrize("name", ["id", "ID", "user_id", "uuid", "key", "a.id", "primary key"])
def test_identifiers_are_unique_and_unbounded(name: str) -> None:
    assert infer_one(range(21), name) == {"type": "integer", "missing": 0, "unique": True}
    assert infer_one([f"u{n}" for n in range(21)], name) == {"type": "text", "missing": 0, "unique": True}


def test_what_is_no_identifier() -> None:
    assert "unique" not in infer_one(range(20), "id")
    assert "unique" not in infer_one([*range(21), 0], "id")
    assert "unique" not in infer_one(np.arange(21) + 0.5, "id")
    assert "unique" not in infer_one(range(21), "paid")
    assert "unique" not in infer_one(range(21), "monkey")


def test_an_empty_file_would_be_noticed() -> None:
    found = infer(pd.DataFrame({"a": [1]}))
    assert found.rows_min == 1
    assert [v.expectation for v in check(pd.DataFrame({"a": []}), found)] == ["rows_min = 1"]
    assert infer(pd.DataFrame({"a": []})).rows_min is None


VALUES = st.one_of(
    st.lists(st.none() | st.floats(), max_size=40),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40),
    st.lists(st.none() | st.integers(), max_size=40),
    st.lists(st.none() | st.sampled_from(["a", "b", "1", "true", ""]), max_size=40),
    st.lists(st.none() | st.booleans(), max_size=40),
    st.lists(st.none() | st.booleans() | st.text(max_size=3) | st.integers() | st.floats(), max_size=10),
)


@settings(max_examples=200, deadline=None)
@given(VALUES, st.sampled_from([0.0, 0.1, 2.0]), st.booleans())
@example([2**53 + 1], 0.0, False)
@example([2**53 + 1], 0.1, False)
@example([-(2**53) - 1, 5], 0.0, False)
def test_the_rows_meet_what_is_proposed_of_them(values: list[Any], slack: float, as_objects: bool) -> None:
    frame = pd.DataFrame({"id": pd.Series(values, dtype=object if as_objects else None)})
    assert check(frame, infer(frame, slack=slack)) == []


def test_the_lines_for_mlops_toml() -> None:
    expected = Expectations(
        columns={
            "amount": ColumnExpectation(type="number", min=0, missing=0.0),
            "a b": ColumnExpectation(categories=("x", 'a "b"', 1, 2.0, True), required=False),
            "any": ColumnExpectation(),
            "id": ColumnExpectation(unique=True, max=1.5),
        },
        rows_min=10,
        extra_columns=False,
    )
    assert to_toml("fraud.train", expected) == (
        '[datasets."fraud.train".expect]\n'
        "rows_min = 10\n"
        "extra_columns = false\n"
        "\n"
        '[datasets."fraud.train".expect.columns]\n'
        'amount = {type = "number", min = 0, missing = 0.0}\n'
        '"a b" = {categories = ["x", "a \\"b\\"", 1, 2.0, true], required = false}\n'
        "any = {}\n"
        "id = {max = 1.5, unique = true}\n"
    )


def read_back(name: str, text: str) -> Expectations:
    return Expectations.model_validate(tomllib.loads(text)["datasets"][name]["expect"])


@pytest.mark.parametrize(
    "name", ["", "a.b", 'say "hi"', "it's", "a\nb", "a\r\nb", "\t", "\x00\x1b\x7f", "\\", "🙂", "a = 1", "#", "]", "名"]
)
def test_hostile_names(name: str) -> None:
    frame = pd.DataFrame({name: [name] * 10})
    expected = infer(frame)
    text = to_toml(name, expected)
    assert read_back(name, text) == expected
    assert len(text.splitlines()) == 5 or any(code in name for code in "\x1c\x1d\x1e\x85\u2028\u2029")
    (found,) = check(frame, Expectations(columns={name: ColumnExpectation(max=0)}))
    assert found.column == name
    assert "\n" not in found.message


NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
CATEGORIES = st.text() | st.integers() | st.floats(allow_nan=False) | st.booleans()


@st.composite
def column_expectations(draw: st.DrawFn) -> ColumnExpectation:
    kind = draw(st.sampled_from([None, "integer", "number", "text", "boolean"]))
    low, high = (None, None) if kind in ("text", "boolean") else (draw(NUMBERS), draw(NUMBERS))
    if low is not None and high is not None and low > high:
        low, high = high, low
    return ColumnExpectation(
        type=kind,
        min=low,
        max=high,
        missing=draw(st.none() | st.floats(0, 1)),
        categories=draw(st.none() | st.lists(CATEGORIES, min_size=1, max_size=4).map(tuple)),
        unique=draw(st.none() | st.booleans()),
        required=draw(st.booleans()),
    )


@settings(max_examples=300, deadline=None)
@given(
    st.text(),
    st.dictionaries(st.text(), column_expectations(), max_size=4),
    st.none() | st.integers(0, 10**9),
    st.booleans(),
)
def test_toml_comes_back_as_it_was(
    name: str, columns: dict[str, ColumnExpectation], rows_min: int | None, extra: bool
) -> None:
    expected = Expectations(columns=columns, rows_min=rows_min, rows_max=rows_min, extra_columns=extra)
    found = read_back(name, to_toml(name, expected))
    assert found == expected
    assert list(found.columns) == list(expected.columns)
    for column, kept in found.columns.items():  # 1, 1.0 and True are equal
        assert list(map(repr, kept.categories or ())) == list(map(repr, expected.columns[column].categories or ()))
