"""What else there is to say of a feature."""

import numpy as np

from mlops_console.core.drift import DriftSettings
from mlops_console.core.models import Column
from mlops_console.core.profiles import FeatureProfile, ReferenceProfile, WindowCounts
from mlops_console.drift import findings
from mlops_console.drift.features import compare_counts
from mlops_console.drift.live.counts import count_window
from mlops_console.drift.profiles import make_profile

COUNTRY = FeatureProfile("country", "categorical", "input", 100, 0, (60, 40, 0), labels=("NO", "SE"), distinct=2)
RARE_TOO = FeatureProfile("country", "categorical", "input", 100, 0, (60, 30, 10), labels=("NO", "SE"), distinct=12)


def window(*labels: str) -> WindowCounts:
    return count_window(ReferenceProfile(100, (COUNTRY,)), {"country": [*labels, *["NO", "SE"] * 20]})


def told(profile: FeatureProfile, current: WindowCounts, before: WindowCounts | None = None) -> list[str]:
    (found,) = compare_counts(ReferenceProfile(100, (profile,)), current, DriftSettings(), before)
    return [finding for finding in found.findings if "new categor" in finding]


def test_new_is_what_the_reference_does_not_have() -> None:
    assert told(COUNTRY, window("DK")) == ["1 new category, DK (1): 1 of 41 rows"]


def test_nothing_is_called_new_where_the_reference_keeps_not_every_label() -> None:
    assert told(RARE_TOO, window("DK")) == []


def test_new_beside_the_window_before_is_what_that_did_not_have() -> None:
    assert told(COUNTRY, window("DK", "FI", "FI"), window("DK")) == ["1 new category, FI (2): 2 of 43 rows"]
    many = window(*(f"user {number}" for number in range(60)))
    assert told(COUNTRY, window("DK"), many) == [], "of the window before only 50 labels are known"


def test_rare_labels_that_a_profile_does_not_keep_are_no_drift() -> None:
    """Of 1,200 labels it keeps 1,000; which rows the 50 of the others have that a window names, it does not know."""
    rng = np.random.default_rng(1)
    columns = [Column("user", "object", "categorical")]
    sides = [rng.integers(0, 1_200, 100_000).astype(str).astype(object) for _ in range(2)]
    profile = make_profile({"user": sides[0]}, columns)
    (found,) = compare_counts(profile, count_window(profile, {"user": sides[1]}), DriftSettings(least_effect=0.0))
    assert found.tested
    assert not found.drifted, found.verdict


def test_categories_are_named_on_one_line_without_escape_sequences() -> None:
    labels = ["a\x1b[2J\nb", "c"]
    (gone,) = findings.of_categories(labels, np.array([50, 50]), np.array([0, 100]), 2)[:1]
    (new,) = findings.of_new({"a\x1b[2J\nb": 3}, 100)
    assert not {"\n", "\x1b"} & set(gone + new)
