"""Verdicts: drift is found, no drift is not, and what can't be judged is said."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_console.core.drift import DriftSettings, FeatureDrift
from mlops_console.core.models import Column
from mlops_console.drift.features import compare

AMOUNT = Column("amount", "float64", "numeric")
COUNTRY = Column("country", "object", "categorical")


def texts(values: Any) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = [None if value is None else str(value) for value in values]
    return array


def amount(reference: Any, window: Any) -> FeatureDrift:
    sides = [{"amount": np.asarray(side, dtype=float)} for side in (reference, window)]
    return compare(sides[0], sides[1], [AMOUNT], DriftSettings())[0]


def country(reference: Any, window: Any) -> FeatureDrift:
    return compare({"country": texts(reference)}, {"country": texts(window)}, [COUNTRY], DriftSettings())[0]


def test_a_shifted_number_has_drifted() -> None:
    rng = np.random.default_rng(0)
    found = amount(rng.normal(size=10_000), rng.normal(0.8, size=1_240))
    assert found.drifted
    assert found.test == "ks"
    assert found.psi is not None
    assert found.psi > 0.3
    assert found.verdict == "amount has moved by 0.77 σ; 1,240 rows; a shift of 0.28 σ would have been seen"


def test_a_shifted_category_has_drifted() -> None:
    rng = np.random.default_rng(0)
    found = country(rng.choice(list("abc"), 5_000), rng.choice(list("abcd"), 500, p=[0.1, 0.3, 0.3, 0.3]))
    assert found.drifted
    assert found.test == "chi2"
    assert "of its rows are in other categories; 500 rows; a shift of" in found.verdict
    assert found.histogram is not None
    assert set(found.histogram.labels) == set("abcd")


def test_no_drift_alarms_no_more_often_than_the_level() -> None:
    """2,000 null features in windows of 50 to 2,000 rows. Expected at most 1 % of the windows; 5 of 200 is p < 0.06."""
    rng = np.random.default_rng(42)
    columns = [Column(f"x{i}", "float64", "numeric") for i in range(10)]
    alarms = 0
    for _ in range(200):
        m = int(rng.choice([50, 200, 2_000]))
        reference = {c.name: rng.lognormal(size=1_000) for c in columns}
        window = {c.name: rng.lognormal(size=m) for c in columns}
        alarms += any(f.drifted for f in compare(reference, window, columns, DriftSettings()))
    assert alarms <= 5


def test_only_the_shifted_features_are_reported() -> None:
    rng = np.random.default_rng(3)
    columns = [Column(f"x{i}", "float64", "numeric") for i in range(20)]
    reference = {c.name: rng.normal(size=5_000) for c in columns}
    window = {c.name: rng.normal(0.7 if c.name in ("x3", "x7") else 0, size=800) for c in columns}
    assert [f.name for f in compare(reference, window, columns, DriftSettings()) if f.drifted] == ["x3", "x7"]


def test_a_certain_but_tiny_shift_is_no_drift() -> None:
    rng = np.random.default_rng(0)
    found = amount(rng.normal(size=10_000), rng.normal(0.1, size=100_000))
    assert not found.drifted
    assert found.p_value is not None
    assert found.p_value < 1e-9
    assert "less than the 0.25 σ that count" in found.verdict


@pytest.mark.parametrize(
    ("reference", "window", "verdict"),
    [
        (
            np.arange(100),
            [1.0] * 29,
            "amount: 29 values in the window, at least 30 are needed: too few rows for a verdict",
        ),
        (
            np.arange(9),
            [1.0] * 29,
            "amount: 29 values in the window, at least 30 are needed: too few rows for a verdict",
        ),
        (
            np.arange(9),
            [1.0] * 99,
            "amount: 9 values in the reference, at least 30 are needed: too few rows for a verdict",
        ),
        (np.arange(100), [], "amount: 0 values in the window, at least 30 are needed: too few rows for a verdict"),
        (
            [np.nan] * 50,
            [np.nan] * 50,
            "amount: every value is missing in the window and in the reference: no verdict",
        ),
        ([5.0] * 60, [5.0] * 70, "amount has not moved; 70 rows; a shift of 0.94 σ would have been seen"),
    ],
)
def test_what_can_not_be_judged_is_said(reference: Any, window: Any, verdict: str) -> None:
    found = amount(reference, window)
    assert found.verdict == verdict
    assert not found.drifted


def test_a_constant_that_changes_has_drifted() -> None:
    assert amount([5.0] * 60, [6.0] * 60).drifted
    assert country(["a"] * 60, ["b"] * 60).drifted


def test_a_window_without_any_value_has_drifted() -> None:
    found = amount(np.arange(100), [np.nan] * 60)
    assert found.drifted
    assert "amount: 100 % of its values are missing, 0 % of the reference's" in found.verdict


def test_more_missing_values_are_told() -> None:
    values = np.random.default_rng(0).normal(size=400)
    found = amount(values, np.where(np.arange(400) % 2, values, np.nan))
    assert "amount: 50 % of its values are missing, 0 % of the reference's; 400 rows" in found.verdict


def test_infinities_count_as_missing() -> None:
    found = amount(np.arange(100), [np.inf, -np.inf] * 40)
    assert found.m == 0


def test_a_column_that_one_side_lacks_gets_no_verdict() -> None:
    found = compare({}, {"amount": np.arange(100.0)}, [AMOUNT], DriftSettings())[0]
    assert found.verdict == "amount: the reference does not have this column: no verdict"


def test_categories_from_a_file_and_from_json_are_the_same() -> None:
    column = Column("code", "int64", "categorical")
    reference = {"code": np.repeat(np.array([1, 2], dtype=np.int64), 100)}
    window = {"code": np.array([1, 2.0, 2, 1.0] * 40, dtype=object)}
    found = compare(reference, window, [column], DriftSettings())[0]
    assert found.histogram is not None
    assert set(found.histogram.labels) == {"1", "2"}
    assert not found.drifted


def test_many_and_long_categories_are_cheap() -> None:
    reference = [f"{'long ' * 30}{i}" for i in range(20_000)]
    found = country(reference, ["x" * 10_000, *(f"new {i}" for i in range(5_000))])
    assert found.verdict == "country: its 25,001 categories are too rare to be tested: no verdict"
    assert found.histogram is not None
    assert len(found.histogram.labels) == 11


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_any_data_give_a_verdict_and_honest_histograms(data: st.DataObject) -> None:
    values = st.one_of(st.just(np.nan), st.floats(allow_nan=True, allow_infinity=True), st.integers(-3, 3).map(float))
    reference, window = (data.draw(st.lists(values, max_size=80)) for _ in range(2))
    found = amount(reference, window)
    assert found.verdict.startswith("amount: ")
    if found.histogram is not None:
        assert len(found.histogram.edges) == len(found.histogram.reference) + 1
        assert sum(found.histogram.reference) == pytest.approx(1)
        assert sum(found.histogram.current) == pytest.approx(1)
        assert (np.diff(found.histogram.edges) > 0).all()
