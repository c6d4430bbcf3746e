"""Live rows in the bins of a profile, and windows that add up."""

import math
import random
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_console.core.errors import StoreError
from mlops_console.core.profiles import FeatureProfile, ReferenceProfile, WindowCounts
from mlops_console.drift.live import counts
from mlops_console.drift.live.counts import WindowCounter, add, count_window, pack_counts, unpack_counts

AMOUNT = FeatureProfile("amount", "numeric", "input", 100, 0, (25, 25, 25, 25), edges=(1.0, 2.0, 3.0))
COUNTRY = FeatureProfile("country", "categorical", "input", 100, 10, (60, 30, 0), labels=("NO", "SE"))
ANSWER = FeatureProfile("prediction", "categorical", "prediction", 100, 0, (80, 20, 0), labels=("0", "1"))
CHANCE = FeatureProfile("probability of 1", "numeric", "prediction", 100, 0, (50, 50), edges=(0.5,))
PROFILE = ReferenceProfile(100, (AMOUNT, COUNTRY, ANSWER, CHANCE))

amounts = st.one_of(st.none(), st.floats(), st.integers(-(10**400), 10**400), st.text(max_size=3), st.booleans())
countries = st.one_of(st.none(), st.sampled_from(["NO", "SE", "DK"]), st.text(max_size=3), st.floats(), st.booleans())
rows = st.lists(st.tuples(amounts, countries, st.sampled_from([0, 1]), st.floats(0, 1)), max_size=30)


def count(found: list[tuple[Any, ...]]) -> WindowCounts:
    amount, country, answer, chance = zip(*found, strict=True) if found else ((), (), (), ())
    columns = {"amount": list(amount), "country": list(country)}
    return count_window(PROFILE, columns, {"prediction": list(answer), "probability of 1": list(chance)})


def test_values_fall_into_the_bins_of_the_profile() -> None:
    columns: dict[str, Any] = {
        "amount": [0.0, 1.0, 1.5, 2.0, 3.0, 3.5, None],
        "country": ["NO", "SE", "NO", None, "DK", "DK", "FI"],
    }
    found = count_window(PROFILE, columns, {"prediction": np.array([0, 0, 0, 1, 1, 2, 0])})
    assert found.rows == 7
    amount, country = found.features["amount"], found.features["country"]
    assert (amount.counts, amount.missing, amount.least, amount.greatest) == ((2, 2, 1, 1), 1, 0.0, 3.5)
    assert (country.counts, country.missing, country.new) == ((2, 1, 3), 1, {"DK": 2, "FI": 1})
    assert found.features["prediction"].counts == (4, 2, 1)
    assert "probability of 1" not in found.features  # it was not given: that says nothing of its values


@pytest.mark.parametrize(
    "values",
    [
        [1.5, math.nan, math.inf, -math.inf, None],
        np.array([1.5, math.nan, math.inf, -math.inf, math.nan]),
        np.array([1.5, None, math.inf, 10**400, pd.NA], dtype=object),
        np.array([np.float32(1.5), pd.NaT, math.nan, None, -(10**400)], dtype=object),
    ],
)
def test_what_is_not_finite_is_missing_in_a_numeric_column(values: Any) -> None:
    found = count_window(PROFILE, {"amount": values}).features["amount"]
    assert (found.counts, found.missing, found.wrong_type) == ((0, 1, 0, 0), 4, 0)
    assert (found.least, found.greatest) == (1.5, 1.5)


@pytest.mark.parametrize("make", [list, lambda values: np.array(values, dtype=object)])
def test_what_is_no_number_is_of_another_type_in_a_numeric_column(make: Any) -> None:
    found = count_window(PROFILE, {"amount": make(["2.5", True, 1.5, None, "x", "", "nan", "inf"])}).features["amount"]
    assert (found.counts, found.missing, found.wrong_type) == ((1, 1, 1, 0), 2, 3)


def test_categories_are_written_as_those_of_the_profile() -> None:
    digits = FeatureProfile("digit", "categorical", "input", 9, 0, (3, 3, 3, 0), labels=("1", "2", "True"))
    found = count_window(ReferenceProfile(9, (digits,)), {"digit": [1, 1.0, True, 2.0, "2", "x" * 900, math.nan]})
    assert found.features["digit"].counts == (2, 2, 1, 1)
    assert found.features["digit"].new == {"x" * 200: 1}
    assert found.features["digit"].missing == 1


def test_a_window_of_nothing() -> None:
    found = count_window(PROFILE, {"amount": [], "country": []})
    assert (found.rows, found.keys) == (0, ())
    assert found.features["amount"].counts == (0, 0, 0, 0)
    assert add(found, found).rows == 0
    assert unpack_counts(pack_counts(found)) == found


@given(rows, rows, rows)
@settings(max_examples=60, deadline=None)
def test_windows_add_up_in_any_order(first: Any, second: Any, third: Any) -> None:
    a, b, c = count(first), count(second), count(third)
    assert add(a, b) == add(b, a)
    assert add(add(a, b), c) == add(a, add(b, c))
    whole, parts = count([*first, *second, *third]), add(add(a, b), c)
    assert parts.rows == whole.rows
    if first and second and third:
        assert parts.features == whole.features


@given(rows)
@settings(max_examples=60, deadline=None)
def test_each_row_is_in_one_bin_and_packing_keeps_all(found: Any) -> None:
    counted = count(found)
    for feature in counted.features.values():
        assert sum(feature.counts) + feature.missing + feature.wrong_type == len(found)
    assert unpack_counts(pack_counts(counted)) == counted


def test_a_million_categories_take_the_room_of_fifty() -> None:
    counter = WindowCounter(PROFILE)
    names = [f"user-{number}" for number in range(100_000)]
    for start in range(0, len(names), 20_000):
        counter.add({"amount": [1.0] * 20_000, "country": names[start : start + 20_000]}, {})
    found = counter.counts()
    assert found.features["country"].counts == (0, 0, 100_000)
    assert len(found.features["country"].new) == counts.NEW_LABELS
    assert len(found.keys) == counts.SAMPLE_ROWS
    assert len(pack_counts(found)) < 20_000


def test_of_many_new_labels_the_same_are_kept_with_their_exact_counts() -> None:
    generator = random.Random(1)
    labels = [f"label-{generator.randrange(300)}" for _ in range(3_000)]
    parts = [count_window(PROFILE, {"country": labels[start::3]}) for start in range(3)]
    whole = count_window(PROFILE, {"country": labels})
    together = add(parts[2], add(parts[0], parts[1]))
    assert together.features == whole.features
    exact = Counter(labels)
    assert all(exact[name] == rows for name, rows in whole.features["country"].new.items())


def test_the_merged_sample_is_an_even_one_of_the_union() -> None:
    """900 rows of one process and 100 of another, each told by its number: both by their share."""
    seen: Counter[bool] = Counter()
    for _ in range(40):
        large = count_window(PROFILE, {"amount": np.arange(900.0)})
        small = count_window(PROFILE, {"amount": np.arange(900.0, 1000.0)})
        merged = add(large, small)
        assert len(merged.keys) == 200
        seen.update(value >= 900 for value in merged.sample["amount"])
    assert 0.07 < seen[True] / seen.total() < 0.13  # 10 % with a deviation of 0.3 %


def test_of_private_columns_no_value_is_kept() -> None:
    columns: dict[str, Any] = {"amount": [666.0, 1.5], "country": ["xyzzy", "NO"]}
    found = count_window(PROFILE, columns, private=("amount", "country"))
    assert b"xyzzy" not in pack_counts(found)
    assert found.features["amount"].counts == (0, 1, 0, 1)
    assert found.features["amount"].greatest is None
    assert found.features["country"].counts == (1, 0, 1)
    assert found.features["country"].new == {}
    assert found.sample == {}
    assert "666" not in str(found)


def test_damaged_windows_are_told() -> None:
    packed = pack_counts(count([(1.0, "NO", 1, 0.5)] * 300))
    for content in (b"", b"nonsense", packed[:-1], packed[: len(packed) // 2], packed[:40] + b"\0" + packed[41:]):
        with pytest.raises(StoreError, match="damaged"):
            unpack_counts(content)


def test_a_window_that_was_counted_in_other_bins_is_known() -> None:
    other = ReferenceProfile(100, (FeatureProfile("amount", "numeric", "input", 9, 0, (9, 0), edges=(5.0,)),))
    assert counts.fits(count([(1.0, "NO", 1, 0.5)]), PROFILE)
    assert not counts.fits(count_window(other, {"amount": [1.0]}), PROFILE)
