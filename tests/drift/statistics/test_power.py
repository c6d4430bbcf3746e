"""The shift that is told as seen in 80 % of windows is found in about so many."""

import numpy as np
import pytest

from mlops_console.drift import verdicts
from mlops_console.drift.statistics import nulls, power
from mlops_console.drift.statistics.measuring import measure_bins, measure_categories, measure_numbers
from mlops_console.drift.statistics.nulls import Demand
from mlops_console.drift.verdicts import sigmas

DEMAND = Demand(0.05, 1)
REFERENCE, WINDOWS = 2_000, 80
ABOUT = (0.65, 0.95)  # 80 of 100 windows, with three standard errors

HALVES = {2: np.array([0.5, 0.5]), 3: np.array([0.5, 0.25, 0.25]), 20: np.full(20, 0.05)}


def found(tested: verdicts.Tested | None, least: float) -> bool:
    assert tested is not None
    return tested.p_value <= DEMAND.level and tested.effect >= least


@pytest.mark.parametrize(("rows", "least"), [(200, 0.0), (300, 0.2)])
@pytest.mark.parametrize("test", ["ks", "psi", "jensen_shannon", "hellinger"])
def test_of_normal_numbers(test: str, rows: int, least: float) -> None:
    rng = np.random.default_rng(rows)

    def tested(shift: float) -> verdicts.Tested:
        reference, window = np.sort(rng.normal(size=REFERENCE)), np.sort(rng.normal(shift, size=rows))
        return measure_numbers(test, reference, window, DEMAND)

    visible = tested(0.0).visible
    assert visible is not None
    shift = visible(DEMAND.level, least)
    assert shift is not None
    share = np.mean([found(tested(sigmas(shift)), least) for _ in range(WINDOWS)])
    assert ABOUT[0] <= share <= ABOUT[1]


@pytest.mark.parametrize(("rows", "least"), [(200, 0.0), (1_000, 0.15)])
@pytest.mark.parametrize("bins", HALVES)
@pytest.mark.parametrize("test", ["chi2", "psi", "jensen_shannon", "hellinger", "total_variation"])
def test_of_categories_of_which_half_grow(test: str, bins: int, rows: int, least: float) -> None:
    rng = np.random.default_rng(rows)
    shares = HALVES[bins]
    grows = np.where(np.arange(bins) < bins / 2 if bins != 3 else np.arange(3) == 0, 1, -1)

    def tested(shift: float) -> verdicts.Tested:
        window = rng.multinomial(rows, shares * (1 + 2 * shift * grows))
        known = measure_categories(test, rng.multinomial(REFERENCE, shares), window, DEMAND)
        assert known is not None
        return known

    visible = tested(0.0).visible
    assert visible is not None
    shift = visible(DEMAND.level, least)
    if shift is None:  # so few rows in each bin that it can't be told
        assert (test in ("psi", "hellinger"), bins, rows) == (True, 20, 200)
        return
    share = np.mean([found(tested(shift), least) for _ in range(WINDOWS)])
    assert ABOUT[0] <= share <= ABOUT[1]


def test_of_wasserstein_nothing_is_told_as_it_depends_on_the_tails_of_the_data() -> None:
    rng = np.random.default_rng(0)
    values = np.sort(rng.normal(size=100))
    rows = measure_numbers("wasserstein", values, values, DEMAND)
    counts = np.full(10, 30)
    bins = measure_bins("wasserstein", counts, counts, np.arange(10.0), DEMAND, fixed=False)
    for tested in (rows, bins):
        assert tested.visible is not None
        assert tested.visible(0.01, 0.1) is None


@pytest.mark.parametrize("bins", [2, 5, 40])
def test_the_demand_of_a_total_variation_distance_is_what_shuffling_asks(bins: int) -> None:
    """The 99th percentile of shuffled ones, to 5 %."""
    rng = np.random.default_rng(bins)
    totals = rng.multinomial(2_500, np.full(bins, 1 / bins))
    dealt = rng.multivariate_hypergeometric(totals, 500, size=20_000, method="marginals")
    distances = np.abs(dealt / 500 - (totals - dealt) / 2_000).sum(axis=1) / 2
    demanded = nulls.variation_demand(0.01, totals / 2_500, 2_000, 500)
    assert demanded == pytest.approx(np.quantile(distances, 0.99), rel=0.05)


def test_more_rows_see_less() -> None:
    shares = np.array([0.5, 0.3, 0.2])
    for seen in zip(
        *(
            (
                power.distance(nulls.ks_demand(0.01, n, n), n, n),
                power.tenths(0.01, 10, n, n),
                power.categories(0.01, 3, n, n),
                power.variation(nulls.variation_demand(0.01, shares, n, n), shares, n, n),
            )
            for n in (30, 100, 1_000, 100_000)
        ),
        strict=True,
    ):
        assert list(seen) == sorted(seen, reverse=True)
        assert 0 < seen[-1] < seen[0] <= 1
