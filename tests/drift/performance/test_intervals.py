"""Intervals hold their figure and stay between 0 and 1."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.drift.performance.intervals import Z, of_odds

SHARES = st.floats(0, 1)


@given(SHARES, st.floats(0, 2), st.floats(-0.5, 1.5))
def test_the_value_is_in_its_interval(value: float, deviation: float, centre: float) -> None:
    found = of_odds("accuracy", value, deviation, centre)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_it_is_normal_in_the_middle_and_leans_inwards_at_the_ends() -> None:
    half = of_odds("accuracy", 0.5, 0.01, 0.5)
    assert half.high - 0.5 == pytest.approx(0.5 - half.low)
    assert half.high - 0.5 == pytest.approx(Z * 0.01, rel=0.01)
    high = of_odds("accuracy", 0.95, 0.02, 0.95)
    assert high.high < 1
    assert 0.95 - high.low > high.high - 0.95
    low = of_odds("accuracy", 0.05, 0.02, 0.05)
    assert (low.low, low.high) == pytest.approx((1 - high.high, 1 - high.low))


def test_it_holds_the_truth_of_a_share_of_few_rows_more_often_than_the_normal_one() -> None:
    """0.9 of 40 rows, drawn 2,000 times."""
    found = np.random.default_rng(0).binomial(40, 0.9, 2_000) / 40
    deviations = np.sqrt(found * (1 - found) / 40)
    held = [
        figure.low <= 0.9 <= figure.high
        for figure in (
            of_odds("accuracy", *pair, pair[0]) for pair in zip(found.tolist(), deviations.tolist(), strict=True)
        )
    ]
    normal = np.abs(found - 0.9) <= Z * deviations
    assert np.mean(held) >= 0.93 >= np.mean(normal)
