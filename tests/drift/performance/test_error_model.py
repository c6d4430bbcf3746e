"""The expected errors of a regressor."""

import numpy as np
import pytest

from mlops_console.core.models import Column
from mlops_console.core.performance import Figure
from mlops_console.drift.performance.error_model import ErrorEstimator
from mlops_console.drift.performance.measure import measure
from mlops_console.drift.performance.outcomes import of_held_out, of_live
from tests.drift.answered import NUMBER, Answers, numbers


def figures(then: Answers, now: Answers) -> dict[str, tuple[Figure, Figure]]:
    """Estimated and realised."""
    found = measure(NUMBER, then.held_out(NUMBER), now.live())
    return {e.metric: (e, r) for e, r in zip(found.estimated, found.realised, strict=True)}


def test_a_window_of_harder_rows_is_seen_without_labels() -> None:
    found = figures(numbers(1_500, 1), numbers(1_000, 2, shift=1.0))
    for metric in ("mae", "rmse"):
        estimated, realised = found[metric]
        assert estimated.low <= realised.value <= estimated.high
    easy = figures(numbers(1_500, 1), numbers(1_000, 3))
    assert easy["mae"][0].high < found["mae"][0].low


def test_an_interval_has_what_the_labels_show_in_95_of_100_windows() -> None:
    within = []
    for seed in range(5):
        found = figures(numbers(300, seed), numbers(200, 100 + seed))
        within += [estimated.low <= realised.value <= estimated.high for estimated, realised in found.values()]
    assert np.mean(within) >= 0.8


def test_it_learns_from_categories_and_not_from_what_the_window_does_not_have() -> None:
    rng = np.random.default_rng(1)
    country = rng.choice(["NO", "SE", "DK"], 900)
    errors = rng.normal(size=900) * np.where(country == "SE", 5.0, 0.5)
    then = Answers(rng.normal(size=900), None, [0.0] * 900, errors.tolist()).held_out(NUMBER)
    inputs = {"country": tuple(country.tolist()), "x": then.inputs["x"], "secret": tuple(errors.tolist())}
    now = Answers(rng.normal(size=60), None, [0.0] * 60, [None] * 60).live(country=["SE", "NO"] * 29 + ["FI", None])
    columns = (*NUMBER.inputs, Column("secret", "float64", "numeric"))
    live_inputs = {**now.inputs, "secret": np.full(60, np.nan)}
    live = of_live(NUMBER, now)
    estimator = ErrorEstimator(inputs, of_held_out(NUMBER, then), columns, live_inputs, live)
    is_se = np.array([name == "SE" for name in now.inputs["country"]])
    hard, easy = estimator.main_figure(is_se), estimator.main_figure(~is_se)
    assert hard is not None
    assert easy is not None
    assert hard.value == pytest.approx(4.0, rel=0.2)  # 5 times the mean of |normal|
    assert easy.value == pytest.approx(0.4, abs=0.3)
    assert estimator.figures(np.zeros(60, dtype=bool)) == ()


def test_a_model_without_errors_is_expected_to_make_none() -> None:
    then = Answers(np.arange(200.0), None, [1.0] * 200, [1.0] * 200)
    found = measure(NUMBER, then.held_out(NUMBER), Answers(np.arange(50.0), None, [1.0] * 50, [None] * 50).live())
    assert [(f.value, f.low, f.high) for f in found.estimated] == [(0.0, 0.0, 0.0)] * 2


def test_rows_without_an_answer_are_not_estimated() -> None:
    then, now = numbers(300, 1), numbers(100, 2)
    some = measure(NUMBER, then.held_out(NUMBER), now.live([None] * 100))
    now.predicted[:10] = [None] * 5 + ["high"] * 5
    fewer = measure(NUMBER, then.held_out(NUMBER), now.live([None] * 100))
    assert fewer.rows == 100
    assert fewer.estimated[0].value == pytest.approx(some.estimated[0].value, rel=0.2)
