"""Slices of the rows, and the drift in each of them."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlops_console.core.drift import DriftSettings
from mlops_console.core.errors import UsageError
from mlops_console.core.slices import Slice, parse_slice
from mlops_console.drift.live.rows import LiveRows
from mlops_console.drift.slicing import check_slices, parts_of, slice_drift
from tests.drift.answered import BINARY, live, objects

SETTINGS = DriftSettings()
COUNTRY = Slice("country")


def window(x: NDArray[Any], country: list[str | None]) -> LiveRows:
    return live([0] * len(x), None, [None] * len(x), {"x": x, "country": objects(country)})


def names(slices: list[Slice], rows: LiveRows) -> dict[str, int]:
    return {part.name: int(chosen.sum()) for part, chosen in parts_of(slices, rows)}


def test_a_column_has_a_slice_of_each_frequent_category() -> None:
    rows = window(np.arange(200.0), ["SE"] * 100 + ["NO"] * 60 + ["DK"] * 29 + [None] * 11)
    assert names([COUNTRY], rows) == {"country = SE": 100, "country = NO": 60}
    many = window(np.arange(750.0), [f"c{row % 25}" for row in range(750)])
    assert len(names([COUNTRY], many)) == 20


def test_a_range_has_its_low_end_and_not_its_high_one() -> None:
    rows = window(np.array([0.0, 99.9, 100.0, np.nan, -1.0] * 40), [None] * 200)
    assert names([parse_slice("x:0-100")], rows) == {"0 ≤ x < 100": 80}
    assert names([parse_slice("x:200-300")], rows) == {}


def test_the_values_of_a_numeric_column_are_written_as_everywhere() -> None:
    assert names([Slice("x")], window(np.array([3.0, 3.5] * 40), [None] * 80)) == {"x = 3": 40, "x = 3.5": 40}


def test_a_category_is_shown_without_its_escape_sequences_and_cut() -> None:
    (name,) = names([COUNTRY], window(np.arange(40.0), ["\x1b[2J" + "a" * 90] * 40))
    assert "\x1b" not in name
    assert len(name) < 60


@pytest.mark.parametrize("wanted", [Slice("price"), Slice("country", 0.0, 1.0)])
def test_slices_that_the_model_has_not_are_refused_in_a_sentence(wanted: Slice) -> None:
    with pytest.raises(UsageError) as refused:
        check_slices([COUNTRY, wanted], BINARY)
    assert refused.value.hint
    assert refused.value.message.endswith(".")
    assert names([wanted], window(np.arange(40.0), ["NO"] * 40)) == {}


def test_slices_of_the_model_are_accepted() -> None:
    check_slices([COUNTRY, Slice("x"), parse_slice("x:0-100")], BINARY)


def test_drift_in_one_slice_is_found_there_and_comes_first() -> None:
    rng = np.random.default_rng(1)
    country = ["NO", "SE", "DK", "FI"] * 250
    reference = {"x": rng.normal(size=1_000), "country": objects(country)}
    x = rng.normal(size=1_000) + 2.0 * np.array([name == "SE" for name in country])
    found = slice_drift(reference, window(x, country), BINARY.inputs, SETTINGS, [COUNTRY])
    assert [part.slice for part in found if part.drifted] == ["country = SE"]
    assert found[0].drifted_features == ("x",)
    assert found[0].rows == 250
    assert found[0].verdict == "country = SE: 250 rows; x drifted"
    assert found[1].verdict == "country = NO: 250 rows; none of 1 features drifted"


def test_a_slice_that_the_reference_has_not_gets_no_verdict() -> None:
    rng = np.random.default_rng(1)
    reference = {"x": rng.normal(size=300), "country": objects(["NO"] * 280 + ["SE"] * 20)}
    rows = window(rng.normal(size=100), ["SE"] * 50 + ["DK"] * 50)
    found = slice_drift(reference, rows, BINARY.inputs, SETTINGS, [COUNTRY])
    assert [(part.slice, part.drifted) for part in found] == [("country = SE", False), ("country = DK", False)]
    assert found[1].verdict == (
        "country = DK: 50 rows; the reference has 0 of them, at least 30 are needed: no verdict"
    )


def test_slices_that_have_not_drifted_stay_quiet() -> None:
    """200 windows of 5 slices: a quarter of the level 0.01 for each window."""
    rng = np.random.default_rng(2)
    country = ["NO", "SE", "DK", "FI", "IS"] * 40
    settings = DriftSettings(least_effect=0.0)
    alarms = 0
    for _ in range(40):
        reference = {"x": rng.normal(size=200), "country": objects(country)}
        found = slice_drift(reference, window(rng.normal(size=200), country), BINARY.inputs, settings, [COUNTRY])
        alarms += any(part.drifted for part in found)
    assert alarms <= 1


def test_a_window_without_rows_has_no_slices() -> None:
    reference = {"x": np.arange(100.0), "country": objects(["NO"] * 100)}
    empty = window(np.empty(0), [])
    assert slice_drift(reference, empty, BINARY.inputs, SETTINGS, [COUNTRY, parse_slice("x:0-9")]) == ()
