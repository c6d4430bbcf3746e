"""What else there is to say of a feature."""

import numpy as np

from mlops_console.core.drift import DriftSettings
from mlops_console.core.profiles import FeatureProfile, ReferenceProfile, WindowCounts
from mlops_console.drift import findings
from mlops_console.drift.features import compare_counts
from mlops_console.drift.windows import count_window

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


def test_categories_are_named_on_one_line_without_escape_sequences() -> None:
    labels = ["a\x1b[2J\nb", "c"]
    (gone,) = findings.of_categories(labels, np.array([50, 50]), np.array([0, 100]), 2)[:1]
    (new,) = findings.of_new({"a\x1b[2J\nb": 3}, 100)
    assert not {"\n", "\x1b"} & set(gone + new)
