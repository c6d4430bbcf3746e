"""What counts as a number and as a category, alike wherever a value comes from."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_console.core.models import Column
from mlops_console.core.profiles import FeatureProfile, ReferenceProfile
from mlops_console.drift.labels import codes_of, count_labels, floats_of, label, plain
from mlops_console.drift.live.counts import count_window
from mlops_console.drift.live.rows import to_array
from mlops_console.drift.profiles import make_profile

values = st.one_of(
    st.none(), st.booleans(), st.floats(), st.integers(-3, 3), st.just(10**400), st.text(max_size=2),
    st.sampled_from(["1", "2.5", "-1e9", "1e400", "True", "nan"]), st.lists(st.integers(), max_size=1),
)  # fmt: skip


def objects(found: list[Any]) -> Any:
    return np.fromiter(found, dtype=object, count=len(found))


@pytest.mark.parametrize(
    ("value", "number", "is_strange"),
    [
        (2, 2.0, False),
        ("2.5", 2.5, False),
        (" 3 ", 3.0, False),
        (True, 1.0, False),
        (-(10**400), -np.inf, False),
        ("1e400", np.inf, False),
        (None, np.nan, False),
        (pd.NA, np.nan, False),
        ("two", np.nan, True),
        ("", np.nan, True),
        ([2], np.nan, True),
        (2 + 1j, np.nan, True),
    ],
)
@pytest.mark.parametrize("beside", [[], [1.0], ["x"]])
def test_what_counts_as_a_number(value: Any, number: float, is_strange: bool, beside: list[Any]) -> None:
    found, strange = floats_of(objects([value, *beside]))
    np.testing.assert_array_equal(found[0], number)
    assert strange == is_strange + (beside == ["x"])


@given(st.lists(values, min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_one_rule_for_numbers_wherever_they_come_from(found: list[Any]) -> None:
    """In rows, in a profile, in a live window and in the prediction log."""
    expected, strange = floats_of(objects(found))
    feature = make_profile({"x": objects(found)}, [Column("x", "float64", "numeric")]).features[0]
    assert feature.present == np.isfinite(expected).sum()
    window = count_window(
        ReferenceProfile(1, (FeatureProfile("x", "numeric", "input", 1, 0, (1,)),)), {"x": found}
    ).features["x"]
    assert (sum(window.counts), window.wrong_type) == (feature.present, strange)
    np.testing.assert_array_equal(to_array(found, numeric=True), expected)


@given(st.lists(values, min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_one_rule_for_categories_wherever_they_come_from(found: list[Any]) -> None:
    rows = objects(found)
    codes, names = codes_of(rows)
    written = [None if one is None or one != one else label(one) for one in found]
    assert [None if code < 0 else names[code] for code in codes] == written
    assert dict(zip(*count_labels(rows), strict=True)) == {name: written.count(name) for name in names}
    feature = make_profile({"x": rows}, [Column("x", "object", "categorical")]).features[0]
    window = count_window(ReferenceProfile(1, (feature,)), {"x": found}).features["x"]
    assert (window.counts, window.missing) == (feature.counts, feature.missing)


def test_truth_values_are_other_categories_than_numbers() -> None:
    assert count_labels(objects([True, 1, 1.0, "1", False, 0])) == (["1", "True", "False", "0"], [3, 1, 1, 1])


@pytest.mark.parametrize(
    ("value", "kept"),
    [(10**18, 10**18), (10**400, None), (np.int64(3), 3), (np.float32(0.5), 0.5), (np.nan, None), (pd.NaT, None),
     (pd.NA, None), (True, True), ("x" * 300, "x" * 200), ([1], "[1]")],
)  # fmt: skip
def test_values_as_json_has_them(value: Any, kept: Any) -> None:
    assert plain(value) == kept
