"""How much worse a figure is at least: against what is published, and how often it is wrong."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mlops_console.core.alert_settings import BOUNDS
from mlops_console.core.losses import LEVEL, least_loss
from mlops_console.core.performance import Figure
from mlops_console.drift.performance import intervals
from mlops_console.drift.performance.intervals import of_magnitude, wilson

DRAWS = 2_000
ENDS = st.floats(0, 1) | st.sampled_from([0.0, 1.0, 5e-324])


def share(hits: int, rows: int, metric: str = "accuracy") -> Figure:
    return Figure(metric, hits / rows, *wilson(hits / rows, rows))


@pytest.mark.parametrize(
    ("before", "after", "loss"),
    [  # Newcombe, Statistics in Medicine 17 (1998), 873, table II, method 10: the lower limits
        ((56, 70), (48, 80), 0.0524),
        ((9, 10), (3, 10), 0.1705),
        ((5, 56), (0, 29), -0.0381),
        ((10, 10), (0, 20), 0.6791),
    ],
)
def test_of_two_shares_it_is_newcombes_interval(before: tuple[int, int], after: tuple[int, int], loss: float) -> None:
    found = least_loss(share(*before), share(*after))
    assert found == pytest.approx(loss, abs=5e-5)


@given(st.integers(0, 200), st.integers(1, 200), st.integers(1, 9))
def test_at_another_level_wilsons_interval_is_told_exactly_by_its_bounds(hits: int, rows: int, looked_at: int) -> None:
    figure, certain = share(min(hits, rows), rows), Figure("accuracy", 0.5, 0.5, 0.5)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(intervals, "Z", -NormalDist().inv_cdf(LEVEL / looked_at))
        low, high = wilson(figure.value, rows)
    assert least_loss(figure, certain, looked_at) == pytest.approx(low - 0.5, abs=1e-9)
    assert least_loss(certain, figure, looked_at) == pytest.approx(0.5 - high, abs=1e-9)


def test_of_errors_it_is_a_share_on_the_scale_of_the_logarithm() -> None:
    before, after = of_magnitude("mae", 2.0, 0.1), of_magnitude("mae", 3.0, 0.3)
    spread = math.hypot(0.1 / 2, 0.3 / 3)
    assert least_loss(before, after) == pytest.approx(1.5 * math.exp(-1.959964 * spread) - 1, abs=1e-6)
    assert least_loss(before, after, 5) == pytest.approx(1.5 * math.exp(-2.575829 * spread) - 1, abs=1e-6)
    assert least_loss(Figure("mae", 0.0, 0.0, 0.0), after) is None
    assert least_loss(before, Figure("mae", 3.0, 0.0, 9.0)) == -1.0
    extreme = least_loss(Figure("mae", 5e-324, 5e-324, 5e-324), Figure("mae", 1e308, 1e308, 1e308))
    assert extreme is not None
    assert math.isfinite(extreme)


@given(ENDS, ENDS, ENDS, st.sampled_from(["accuracy", "mae"]), st.integers(1, 7))
def test_any_bounds_give_a_number_and_more_figures_no_greater_loss(
    a: float, b: float, c: float, metric: str, looked_at: int
) -> None:
    low, value, high = sorted((a, b, c))
    found = least_loss(Figure(metric, value, low, high), Figure(metric, c, min(b, c), max(b, c)), looked_at)
    alone = least_loss(Figure(metric, value, low, high), Figure(metric, c, min(b, c), max(b, c)))
    if found is not None and alone is not None:
        assert not math.isnan(found)
        assert found <= alone + 1e-9


def worst(before: list[Figure], after: list[Figure]) -> float:
    known = {figure.metric: figure for figure in before}
    pairs = [(known[figure.metric], figure) for figure in after if figure.metric in known]
    found = (least_loss(then, now, len(pairs)) for then, now in pairs)
    return max((loss for loss in found if loss is not None), default=-1.0)


def of_table(hits: int, false: int, missed: int, rest: int) -> list[Figure]:
    """Accuracy, precision, recall and F1 as `realised` has them."""
    rows, either = hits + false + missed + rest, hits + false + missed
    found = [share(hits + rest, rows)]
    found += [share(hits, hits + false, "precision")] if hits + false else []
    found += [share(hits, hits + missed, "recall")] if hits + missed else []
    if either:
        value, low, high = (2 * j / (1 + j) for j in (hits / either, *wilson(hits / either, either)))
        found.append(Figure("f1", value, low, high))
    return found


@pytest.mark.parametrize("table", [(0.25, 0.05, 0.05, 0.65), (0.02, 0.03, 0.03, 0.92), (0.08, 0.02, 0.02, 0.88)])
@pytest.mark.parametrize(("held_out", "rows"), [(100, 30), (100, 100), (100, 1_000), (50, 5_000), (1_000, 100)])
def test_a_classifier_that_has_not_changed_seldom_alarms(table: tuple[float, ...], held_out: int, rows: int) -> None:
    """By the default rule. By the held-out figures alone it did in up to 61 % of these reports."""
    rng = np.random.default_rng(20_240_229)
    before, after = (rng.multinomial(count, table, DRAWS).tolist() for count in (held_out, rows))
    pairs = zip(before, after, strict=True)
    wrong = [worst(of_table(*then), of_table(*now)) > BOUNDS["performance"] for then, now in pairs]
    assert np.mean(wrong) <= LEVEL


@pytest.mark.parametrize(("held_out", "rows"), [(100, 30), (100, 100), (100, 500)])
@pytest.mark.parametrize("errors", ["exponential", "heavy"])
def test_a_regressor_that_has_not_changed_seldom_alarms(errors: str, held_out: int, rows: int) -> None:
    """By its MAE: of errors with heavy tails, 100 rows tell too little of the RMSE."""
    rng = np.random.default_rng(20_240_229)

    def figures(count: int) -> list[Figure]:
        shape = (DRAWS, count)
        drawn: NDArray[np.float64] = (
            rng.exponential(size=shape) if errors == "exponential" else np.abs(rng.standard_t(3, shape))
        )
        spread = drawn.std(axis=1, ddof=1) / math.sqrt(count)
        means = drawn.mean(axis=1)
        return [of_magnitude("mae", mean, by) for mean, by in zip(means.tolist(), spread.tolist(), strict=True)]

    pairs = zip(figures(held_out), figures(rows), strict=True)
    wrong = [worst([then], [now]) > BOUNDS["performance"] for then, now in pairs]
    assert np.mean(wrong) <= LEVEL


def test_a_loss_that_is_there_is_found() -> None:
    rng = np.random.default_rng(20_240_229)
    before = rng.multinomial(1_000, (0.25, 0.05, 0.05, 0.65), 200).tolist()
    after = rng.multinomial(1_000, (0.15, 0.15, 0.15, 0.55), 200).tolist()
    found = [worst(of_table(*then), of_table(*now)) > 0.05 for then, now in zip(before, after, strict=True)]
    assert np.mean(found) >= 0.99
