"""Plots: what is kept is what was given, bounded; what is read was checked."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core import plots
from mlops_console.core.plots import Bars, Lines, Matrix, Plot, PlotError, from_json, reduced, to_json

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
POINTS = st.lists(st.tuples(FINITE, FINITE), min_size=1, max_size=20).map(
    lambda points: tuple(zip(*points, strict=True))
)
LINES = st.builds(
    Lines,
    TEXT,
    TEXT,
    TEXT,
    st.lists(st.tuples(TEXT, POINTS).map(lambda line: (line[0], *line[1])), min_size=1, max_size=8),
    st.booleans(),
)
BARS = st.builds(Bars, TEXT, st.lists(st.tuples(TEXT, FINITE), min_size=1, max_size=50))
MATRICES = st.integers(1, 6).flatmap(
    lambda count: st.builds(
        Matrix,
        TEXT,
        st.lists(TEXT, min_size=count, max_size=count),
        st.lists(st.lists(st.integers(0, 2**53), min_size=count, max_size=count), min_size=count, max_size=count),
    )
)
LINE = ("a", [0, 1], [0.5, 1])


@given(st.one_of(LINES, BARS, MATRICES))
def test_a_plot_survives_its_file(plot: Plot) -> None:
    assert from_json(to_json(plot)) == plot


@given(st.binary(max_size=200))
def test_any_bytes_are_a_plot_or_a_plot_error(content: bytes) -> None:
    with pytest.raises(PlotError):
        from_json(content)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=8,
)


@given(
    st.sampled_from(["lines", "matrix", "bars", "pie"]),
    st.dictionaries(
        st.sampled_from(["title", "x_label", "y_label", "lines", "diagonal", "labels", "rows", "bars"]), JSON
    ),
)
def test_any_content_is_a_plot_or_a_plot_error(kind: str, content: dict[str, Any]) -> None:
    try:
        found = from_json(json.dumps({"kind": kind, **content}).encode())
    except PlotError as error:
        assert error.message.endswith(".")
    else:
        assert from_json(to_json(found)) == found


@pytest.mark.parametrize(
    "make",
    [
        lambda: Lines("t", "x", "y", [LINE] * 9),
        lambda: Lines("t", "x", "y", []),
        lambda: Lines("t", "x", "y", [("a", range(201), range(201))]),
        lambda: Lines("t", "x", "y", [("a", [1, 2], [1])]),
        lambda: Lines("t", "x", "y", [("a", [math.nan], [1])]),
        lambda: Lines("t", "x", "y", [("a", [10**400], [1])]),
        lambda: Matrix("t", ["a", "b"], [[1, 2]]),
        lambda: Matrix("t", ["a"], [[-1]]),
        lambda: Matrix("t", ["a"] * 31, [[1] * 31] * 31),
        lambda: Bars("t", [("a", math.inf)]),
        lambda: Bars("t", [("a", 1.0)] * 51),
    ],
)
def test_what_can_not_be_drawn_is_refused(make: Any) -> None:
    with pytest.raises(PlotError) as found:
        make()
    assert found.value.hint


@pytest.mark.parametrize(
    "make",
    [
        lambda: Lines("t", "x", "y", ["abc"]),  # type: ignore[list-item]
        lambda: Lines(1, "x", "y", [LINE]),  # type: ignore[arg-type]
        lambda: Matrix("t", ["a"], [[1.5]]),  # type: ignore[list-item]
        lambda: Bars("t", [("a", "1")]),  # type: ignore[list-item]
        lambda: to_json("plot"),  # type: ignore[arg-type]
    ],
)
def test_wrong_types_raise_type_error(make: Any) -> None:
    with pytest.raises(TypeError):
        make()


def test_large_and_deep_files_are_refused() -> None:
    with pytest.raises(PlotError, match="more than"):
        from_json(b" " * (plots.SIZE + 1))
    with pytest.raises(PlotError):
        from_json(b"[" * 100_000)


def test_long_labels_are_cut() -> None:
    assert Bars("t" * 300, [("a", 1)]).title == "t" * 199 + "…"


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=600), st.integers(2, 200))
def test_reducing_keeps_the_ends_the_order_and_the_bound(points: list[tuple[float, float]], most: int) -> None:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    found = list(zip(*reduced(xs, ys, most), strict=True))
    assert len(found) <= max(min(most, len(points)), 1)
    assert (found[0], found[-1]) == (points[0], points[-1])
    rest = iter(points)
    assert all(point in rest for point in found)


def test_reducing_keeps_the_steep_part() -> None:
    xs = [at / 10_000 for at in range(10_001)]
    ys = [min(x * 1000, 1.0) for x in xs]  # all of the rise is in the first 10 points
    kept = [x for x in reduced(xs, ys)[0] if x <= 0.001]
    assert len(kept) >= 10


def test_names_and_paths() -> None:
    assert plots.artifact_path("test/roc") == "plots/test/roc.json"
    assert plots.plot_name("plots/test/roc.json") == "test/roc"
    assert plots.plot_name("plots/.json") is None
    assert plots.plot_name("roc.json") is None
