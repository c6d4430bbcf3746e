"""What people hold rows in."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.data.frames import as_frame


@pytest.mark.parametrize(
    ("data", "columns", "rows"),
    [
        (pd.DataFrame({"a": [1], 2: [2]}), ["a", "2"], 1),
        (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])), ["a/1", "b/2"], 1),
        (pd.Series([1, 2], name="s"), ["s"], 2),
        (pd.Series([1, 2]), ["x0"], 2),
        (np.zeros((3, 2)), ["x0", "x1"], 3),
        (np.zeros(3), ["x0"], 3),
        ({"a": [1, 2]}, ["a"], 2),
        ([{"a": 1, "b": 2}], ["a", "b"], 1),
        ([[1, 2], [3, 4]], ["x0", "x1"], 2),
    ],
)
def test_it_becomes_a_frame(data: Any, columns: list[str], rows: int) -> None:
    frame = as_frame(data)
    assert list(frame.columns) == columns
    assert len(frame) == rows


def test_a_frame_is_not_changed() -> None:
    given = pd.DataFrame({1: [1]})
    as_frame(given)
    assert list(given.columns) == [1]


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,x\n")
    assert as_frame(str(path)).to_dict("list") == {"a": [1], "b": ["x"]}
    with pytest.raises(NotFoundError):
        as_frame(tmp_path / "b.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(UsageError, match="can't be read as a table"):
        as_frame(tmp_path / "empty.csv")


@pytest.mark.parametrize("data", [None, 5, object(), {1, 2}])
def test_what_is_no_data(data: Any) -> None:
    with pytest.raises(TypeError):
        as_frame(data)


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame(),
        np.zeros((2, 2, 2)),
        {"a": [1], "b": [1, 2]},
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame([[1, 2]], columns=["1", 1]),
    ],
)
def test_what_is_no_table(data: Any) -> None:
    with pytest.raises(UsageError):
        as_frame(data)
