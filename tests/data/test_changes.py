"""Two versions of a dataset, compared by what is stored of them."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_console.core.datasets import DatasetVersion
from mlops_console.data.changes import ColumnDiff, Retyped, ShareDiff, compare_versions
from mlops_console.data.profile import profile, schema


def version(columns: dict[str, Any]) -> DatasetVersion:
    frame = pd.DataFrame(columns)
    return DatasetVersion("d", 1, "0" * 64, len(frame), frame.shape[1], schema(frame), profile(frame), None, 0.0)


def compare_column(before: Any, after: Any) -> ColumnDiff:
    (found,) = compare_versions(version({"a": before}), version({"a": after})).columns
    return found


def test_columns_come_and_go_and_change() -> None:
    before = version({"a": [1, 2], "b": [1, 2], "c": [1, 2]})
    after = version({"d": [1], "c": ["x"], "a": [1.5]})
    found = compare_versions(before, after)
    assert (found.rows, found.width) == ((2, 1), (3, 3))
    assert (found.added, found.removed) == (("d",), ("b",))
    assert found.retyped == (Retyped("a", "int64", "float64"), Retyped("c", "int64", "object"))
    assert [column.name for column in found.columns] == ["a", "c"]
    assert [column.kind for column in found.columns] == ["numeric", None]
    assert found.columns[1].moved == 0.0


def test_the_same_version() -> None:
    same = version({"a": [1, 2, None], "t": ["x", "y", None], "b": [True, False, True]})
    found = compare_versions(same, same)
    assert (found.added, found.removed, found.retyped) == ((), (), ())
    for column in found.columns:
        assert column.moved == 0.0
        assert (column.new, column.gone, column.shares) == ((), (), ())


def test_numbers() -> None:
    found = compare_column([1.0, 2.0, 3.0], [3.0, 4.0, 5.0, None])
    assert found.missing == (0.0, 0.25)
    assert found.figures == {
        "mean": (2.0, 4.0),
        "std": (1.0, 1.0),
        "min": (1.0, 3.0),
        "max": (3.0, 5.0),
        "median": (2.0, 4.0),
    }
    assert found.moved == pytest.approx(2.0)


def test_the_standard_deviation_is_pooled() -> None:
    before, after = np.array([0.0, 2.0]), np.array([5.0, 6.0, 7.0, 8.0])
    pooled = math.sqrt((before.var(ddof=1) + 3 * after.var(ddof=1)) / 4)
    assert compare_column(before, after).moved == pytest.approx((6.5 - 1) / pooled)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([5.0, 5.0], [7.0, 7.0]),
        ([5.0], [7.0]),
        ([math.nan], [7.0, 8.0]),
        ([math.inf, 1.0], [7.0, 8.0]),
        ([-1e308, 1e308], [1e308, 1e308]),
        ([0.0, 1e-310], [1e308, 1e308]),
        (np.array([], dtype=float), np.array([], dtype=float)),
    ],
)
def test_where_a_shift_has_no_meaning(before: Any, after: Any) -> None:
    assert compare_column(before, after).moved == 0.0


def test_categories() -> None:
    found = compare_column(["x"] * 6 + ["y"] * 3 + ["old"], ["x"] * 2 + ["y"] * 3 + ["new"] * 5)
    assert (found.kind, found.figures) == ("categorical", {})
    assert (found.new, found.gone) == (("new",), ("old",))
    assert found.shares == (ShareDiff("new", 0.0, 0.5), ShareDiff("x", 0.6, 0.2), ShareDiff("old", 0.1, 0.0))
    assert found.moved == pytest.approx(0.5)


def test_truth_values_and_missing_texts() -> None:
    assert compare_column([True, True], [True, False]).moved == 0.5
    found = compare_column(["a", None], ["a", "a"])
    assert (found.missing, found.moved) == ((0.5, 0.0), 0.0)
    assert compare_column(["a", "b"], pd.Series([None, None], dtype="str")).moved == 0.0


def test_a_category_beyond_the_top_ones_is_not_taken_for_a_rare_one() -> None:
    before = [f"c{n:02}" for n in range(30) for _ in range(30 - n)]
    after = [*before, *["c29"] * 20]
    found = compare_column(before, after)
    assert found.new == ("c29",)
    assert found.gone == ("c19",)
    assert {share.category for share in found.shares}.isdisjoint({"c29", "c19"})
    assert 0 < found.moved < 0.1


def test_only_the_shares_that_moved_most_are_kept() -> None:
    found = compare_column([str(n) for n in range(10)], [str(n) for n in range(10) for _ in range(n)])
    assert len(found.shares) == 5
    moved = [abs(share.after - share.before) for share in found.shares]
    assert moved == sorted(moved, reverse=True)


def test_what_moved_most_comes_first() -> None:
    found = compare_versions(
        version({"still": [1.0, 2.0], "far": [1.0, 2.0], "text": ["a", "b"]}),
        version({"still": [1.0, 2.0], "far": [9.0, 8.0], "text": ["a", "c"]}),
    )
    assert [column.name for column in found.columns] == ["far", "text", "still"]


def test_hostile_names() -> None:
    names = ["", "a.b", 'say "hi"\n', "🙂"]
    found = compare_versions(version({name: [1, 2] for name in names}), version({name: [2, 3] for name in names}))
    assert [column.name for column in found.columns] == names


VALUES = st.lists(st.none() | st.sampled_from([f"c{n}" for n in range(30)]), max_size=80)


@settings(max_examples=100, deadline=None)
@given(VALUES, VALUES)
def test_a_variation_is_a_share_and_the_same_both_ways(before: list[str | None], after: list[str | None]) -> None:
    old, new = pd.Series(before, dtype="str"), pd.Series(after, dtype="str")
    there, back = compare_column(old, new), compare_column(new, old)
    assert 0 <= there.moved <= 1
    assert there.moved == pytest.approx(back.moved)
    assert (there.new, there.gone) == (back.gone, back.new)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.floats(), max_size=20), st.lists(st.none() | st.floats(), max_size=20))
def test_a_shift_is_always_a_number(before: list[float | None], after: list[float | None]) -> None:
    moved = compare_column(pd.Series(before, dtype=float), pd.Series(after, dtype=float)).moved
    assert math.isfinite(moved)
    assert moved >= 0
