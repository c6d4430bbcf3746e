"""Intervals of realised figures."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.drift.performance.intervals import of_magnitude, wilson
from mlops_console.drift.performance.outcomes import Outcomes
from mlops_console.drift.performance.realised import figures
from tests.drift.answered import numbers


def outcomes(predicted: list[int], true: list[int], chances: np.ndarray | None, classes: int) -> Outcomes:
    rows = np.ones(len(true), dtype=bool)
    return Outcomes(np.array(predicted), np.array(true), rows, chances, tuple(range(classes)))


def test_wilson_is_wilson() -> None:
    """Brown, Cai, DasGupta, Statistical Science 16 (2001): the interval solves (p - x)^2 = z^2 x (1 - x) / n."""
    low, high = wilson(0.9, 30)
    for bound in (low, high):
        assert (0.9 - bound) ** 2 == pytest.approx(1.959963984540054**2 * bound * (1 - bound) / 30)
    assert wilson(1.0, 10)[1] == 1


def test_the_error_of_roc_auc_is_that_of_delong() -> None:
    """By the definition: the variance of the placements of each class over its size (DeLong and others 1988)."""
    rng = np.random.default_rng(1)
    true = rng.integers(0, 2, 120)
    scores = np.round(np.clip(0.3 * true + 0.5 * rng.random(120), 0, 1), 2)  # with ties
    above = np.sign(scores[true == 1][:, None] - scores[true == 0][None, :]) / 2 + 0.5
    variance = above.mean(1).var(ddof=1) / (true == 1).sum() + above.mean(0).var(ddof=1) / (true == 0).sum()
    chances = np.column_stack([1 - scores, scores])
    found = {f.metric: f for f in figures(outcomes(true.tolist(), true.tolist(), chances, 2))}["roc_auc"]
    assert found.value == pytest.approx(above.mean())
    assert found.high - found.value == pytest.approx(1.959963984540054 * math.sqrt(variance))


def test_intervals_of_means_over_classes_have_the_truth_in_95_of_100_cases() -> None:
    """The truth is that of a million rows: each class is answered rightly in 70 %."""
    within = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        true = rng.integers(0, 3, 300)
        predicted = np.where(rng.random(300) < 0.7, true, (true + rng.integers(1, 3, 300)) % 3)
        found = {f.metric: f for f in figures(outcomes(predicted.tolist(), true.tolist(), None, 3))}
        within += [found[metric].low <= 0.7 <= found[metric].high for metric in ("precision", "recall", "f1")]
    assert 0.9 <= np.mean(within) <= 0.99


def test_intervals_of_errors_have_the_truth_in_95_of_100_cases() -> None:
    within = []
    truth = numbers(200_000, 99)
    errors = np.abs(np.array(truth.predicted) - np.array(truth.true))
    for seed in range(200):
        drawn = numbers(100, seed)
        rows = Outcomes(np.array(drawn.predicted), np.array(drawn.true), np.ones(100, dtype=bool), None, ())
        mae, rmse = figures(rows)
        within += [mae.low <= errors.mean() <= mae.high, rmse.low <= math.sqrt((errors**2).mean()) <= rmse.high]
    assert 0.9 <= np.mean(within) <= 0.98


def test_an_error_of_0_is_0() -> None:
    found = figures(Outcomes(np.ones(40), np.ones(40), np.ones(40, dtype=bool), None, ()))
    assert [(f.value, f.low, f.high) for f in found] == [(0, 0, 0)] * 2
    assert of_magnitude("mae", 0.0, 0.0).high == 0


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=60), st.integers(2, 4))
def test_every_value_is_in_its_interval(rows: list[tuple[int, int]], classes: int) -> None:
    predicted, true = ([min(code, classes - 1) for code in side] for side in zip(*rows, strict=True))
    for figure in figures(outcomes(predicted, true, None, classes)):
        assert 0 <= figure.low <= figure.value <= figure.high <= 1
