"""The tests of significance, against scipy's."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from mlops_console.delivery.significance import (
    fisher_greater,
    mann_whitney,
    mann_whitney_values,
    p_greater,
    p_two_sided,
)

requests = st.integers(1, 5_000)
few = st.integers(0, 40)


@st.composite
def errors_of_two(draw: st.DrawFn) -> tuple[int, int, int, int]:
    n, m = draw(requests), draw(requests)
    return draw(st.integers(0, n)), n, draw(st.integers(0, m)), m


@given(errors_of_two())
def test_fisher_says_what_scipy_says(table: tuple[int, int, int, int]) -> None:
    errors, n, others, m = table
    right = stats.fisher_exact(np.array([[errors, n - errors], [others, m - others]]), alternative="greater").pvalue
    assert fisher_greater(*table) == pytest.approx(right, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    "table",
    [
        (60, 1_000_000, 10, 1_000_000),
        (10_300, 1_000_000, 10_000, 1_000_000),
        (5, 100, 900_000, 20_000_000),
        (3, 20_000_000, 0, 100),
        (1_000, 1_000, 0, 100_000),
    ],
)
def test_fisher_of_many_requests(table: tuple[int, int, int, int]) -> None:
    errors, n, others, m = table
    right = stats.hypergeom.sf(errors - 1, n + m, errors + others, n)
    assert fisher_greater(*table) == pytest.approx(right, rel=1e-4, abs=1e-300)


@pytest.mark.parametrize("table", [(0, 0, 0, 0), (0, 10, 5, 10), (0, 0, 5, 10), (5, 10, 0, 0), (10, 10, 10, 10)])
def test_fisher_of_nothing_to_compare_finds_nothing(table: tuple[int, int, int, int]) -> None:
    assert fisher_greater(*table) == pytest.approx(1.0)


@settings(deadline=None)
@given(st.lists(st.tuples(few, few), min_size=2, max_size=12))
def test_mann_whitney_says_what_scipy_says_of_ties_too(pairs: list[tuple[int, int]]) -> None:
    counts, others = [a for a, _ in pairs], [b for _, b in pairs]
    values = np.repeat(np.arange(len(counts)), counts)
    other_values = np.repeat(np.arange(len(others)), others)
    effect, z = mann_whitney(counts, others)
    if not len(values) or not len(other_values) or len({*values, *other_values}) < 2:
        assert z == 0.0
        assert effect == 0.0
        return
    agrees_with_scipy(values, other_values, effect, z)


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
)
def test_mann_whitney_of_the_values_themselves(values: list[float], others: list[float]) -> None:
    effect, z = mann_whitney_values(values, others)
    if len({*values, *others}) < 2:
        assert (effect, z) == (0.0, 0.0)
        return
    agrees_with_scipy(np.array(values), np.array(others), effect, z)


def test_mann_whitney_of_many_requests() -> None:
    rng = np.random.default_rng(3)
    values, others = rng.poisson(20.0, 200_000), rng.poisson(20.02, 300_000)
    edge = int(max(values.max(), others.max())) + 1
    counts, other_counts = np.bincount(values, minlength=edge), np.bincount(others, minlength=edge)
    agrees_with_scipy(values, others, *mann_whitney(counts.tolist(), other_counts.tolist()))


def test_the_effect_is_one_where_every_value_is_larger() -> None:
    assert mann_whitney([0, 0, 5], [4, 3, 0])[0] == 1.0
    assert mann_whitney([4, 3, 0], [0, 0, 5])[0] == -1.0
    assert mann_whitney([1, 2, 1], [10, 20, 10]) == (0.0, 0.0)
    assert mann_whitney([], []) == mann_whitney_values([], [1.0]) == (0.0, 0.0)


@given(st.floats(-12, 12))
def test_the_tails_of_the_normal_distribution(z: float) -> None:
    assert p_greater(z) == pytest.approx(stats.norm.sf(z), rel=1e-9)
    assert p_two_sided(z) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)


def agrees_with_scipy(values: NDArray[Any], others: NDArray[Any], effect: float, z: float) -> None:
    right = stats.mannwhitneyu(values, others, alternative="greater", method="asymptotic", use_continuity=False)
    assert effect == pytest.approx(2 * right.statistic / (len(values) * len(others)) - 1, abs=1e-9)
    assert p_greater(z) == pytest.approx(right.pvalue, rel=1e-6, abs=1e-12)
    assert math.isfinite(z)
