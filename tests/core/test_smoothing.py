"""Smoothing as TensorBoard's."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core.smoothing import smoothed

VALUE = st.floats(-1e6, 1e6) | st.just(math.nan) | st.just(math.inf) | st.just(-math.inf)
WEIGHT = st.sampled_from([0.0, 0.3, 0.6, 0.9, 0.99])


def by_the_formula(values: list[float], weight: float) -> list[float]:
    """Slow: each value anew as the weighted mean of all finite ones up to it."""
    found = []
    for at, value in enumerate(values):
        past = [y for y in values[: at + 1] if math.isfinite(y)]
        weights = [weight ** (len(past) - 1 - index) for index in range(len(past))]
        mean = math.fsum(w * y for w, y in zip(weights, past, strict=True)) / math.fsum(weights) if past else 0.0
        found.append(mean if math.isfinite(value) else value)
    return found


def test_by_hand() -> None:
    # s: 0.5·0 + 0.5·1 = 0.5, then 0.25 + 1 = 1.25, then 0.625 + 2 = 2.625; divided by 1/2, 3/4 and 7/8.
    assert smoothed([1, 2, 4], 0.5) == pytest.approx([1, 1.25 / 0.75, 3.0])


def test_the_figures_of_tensorboards_own_test() -> None:
    """tensorboard/webapp/widgets/line_chart_v2/data_transformer_test.ts"""
    assert smoothed([1, 0.5, 0], 0.6) == pytest.approx([1, 0.6875, 0.264 / 0.784])
    assert smoothed([0, 0.5, 1], 0.6) == pytest.approx([0, 0.3125, 0.52 / 0.784])


def test_what_is_not_finite_counts_for_nothing() -> None:
    found = smoothed([1.0, math.nan, 2.0, math.inf, 4.0], 0.5)
    assert [found[0], found[2], found[4]] == pytest.approx(smoothed([1, 2, 4], 0.5))
    assert math.isnan(found[1])
    assert found[3] == math.inf


def test_a_constant_stays_exactly_that() -> None:
    assert smoothed([0.1] * 100, 0.99) == [0.1] * 100


@given(st.lists(VALUE, max_size=60), WEIGHT)
def test_it_is_the_formula(values: list[float], weight: float) -> None:
    assert smoothed(values, weight) == pytest.approx(by_the_formula(values, weight), rel=1e-9, abs=1e-7, nan_ok=True)


@pytest.mark.parametrize("weight", [-0.1, 1.0, math.nan])
def test_a_weight_outside_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="smoothing weight"):
        smoothed([1.0, 2.0], weight)
