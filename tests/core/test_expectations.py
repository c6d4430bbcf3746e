"""What can be expected of a dataset."""

import math
import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from mlops_console.core.datasets import Violation
from mlops_console.core.expectations import ColumnExpectation, Expectations


def test_nothing_is_expected_by_default() -> None:
    expected = ColumnExpectation()
    assert expected.required
    assert expected.model_dump(exclude={"required"}) == dict.fromkeys(
        ("type", "min", "max", "missing", "categories", "unique")
    )
    assert Expectations().columns == {}
    assert Expectations().extra_columns


def test_it_is_read_from_toml() -> None:
    text = """
    rows_min = 10
    extra_columns = false
    [columns]
    amount = {type = "number", min = 0, missing = 0.0}
    "a.b" = {categories = ["x", 1, 1.5, true], required = false}
    """
    found = Expectations.model_validate(tomllib.loads(text))
    assert found.rows_min == 10
    assert not found.extra_columns
    assert found.columns["amount"] == ColumnExpectation(type="number", min=0.0, missing=0.0)
    categories = found.columns["a.b"].categories
    assert categories is not None
    assert [type(category) for category in categories] == [str, int, float, bool]


@pytest.mark.parametrize("wrong", [{"min": 2, "max": 1}, {"min": 0.1, "max": 0}])
def test_bounds_in_the_wrong_order(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="min must not be above max"):
        ColumnExpectation(**wrong)


@pytest.mark.parametrize("kind", ["text", "boolean"])
@pytest.mark.parametrize("side", ["min", "max"])
def test_bounds_of_what_has_none(kind: str, side: str) -> None:
    with pytest.raises(ValidationError, match="make no sense"):
        ColumnExpectation.model_validate({"type": kind, side: 0})


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "date"},
        {"missing": -0.1},
        {"missing": 1.1},
        {"missing": math.nan},
        {"min": math.nan},
        {"max": math.inf},
        {"categories": []},
        {"categories": [math.nan]},
        {"categories": [[1]]},
        {"mim": 0},
    ],
)
def test_what_makes_no_sense_of_a_column(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ColumnExpectation.model_validate(wrong)


@pytest.mark.parametrize("wrong", [{"rows_min": -1}, {"rows_max": -1}, {"rows_min": 2, "rows_max": 1}, {"rows": 1}])
def test_what_makes_no_sense_of_a_dataset(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Expectations.model_validate(wrong)


def test_edges_are_fine() -> None:
    assert ColumnExpectation(min=1, max=1, missing=1).missing == 1.0
    assert Expectations(rows_min=0, rows_max=0).rows_max == 0


def test_nothing_changes_afterwards() -> None:
    with pytest.raises(ValidationError):
        ColumnExpectation().min = 3  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Violation("a", "min = 0", 1, (), "").rows = 2  # type: ignore[misc]
