"""The statistics agree with scipy's and with published figures, and keep their promises on any data."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.spatial import distance

from mlops_console.drift.statistics import distances


@st.composite
def samples(draw: st.DrawFn) -> np.ndarray:
    """Sorted, with ties or without, from one row up to some hundreds."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = rng.standard_cauchy(draw(st.integers(1, 300)))
    return np.sort(values.round(draw(st.sampled_from([-1, 0, 1, 12]))))


pairs_of_counts = st.integers(2, 12).flatmap(
    lambda k: st.tuples(*[hnp.arrays(np.int64, k, elements=st.integers(0, 500)) for _ in range(2)])
)


def filled(pair: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """With a row in each bin."""
    return pair[0] + 1, pair[1] + 1


@settings(deadline=None)
@given(samples(), samples())
def test_ks_and_wasserstein_agree_with_scipy(reference: np.ndarray, current: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the p-value, which is not looked at
        expected = stats.ks_2samp(reference, current, method="exact").statistic
    assert distances.kolmogorov_smirnov(reference, current) == pytest.approx(expected, abs=1e-9)
    expected = stats.wasserstein_distance(reference, current)
    assert distances.wasserstein(reference, current) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("n", "m"), [(70_000, 66_001), (100_000, 333)])
def test_many_rows_agree_with_scipy_too(n: int, m: int) -> None:
    """More than are reckoned at once, and ties between the samples."""
    rng = np.random.default_rng(n)
    reference, current = np.sort(rng.normal(size=n).round(4)), np.sort(rng.normal(0.02, size=m).round(4))
    assert distances.kolmogorov_smirnov(reference, current) == pytest.approx(
        stats.ks_2samp(reference, current, method="asymp").statistic, abs=1e-12
    )
    expected = stats.wasserstein_distance(reference, current)
    assert distances.wasserstein(reference, current) == pytest.approx(expected, abs=1e-12)


@given(pairs_of_counts)
def test_counts_agree_with_scipy(pair: tuple[np.ndarray, np.ndarray]) -> None:
    reference, current = filled(pair)
    expected = stats.chi2_contingency(np.vstack([reference, current]), correction=False).statistic
    assert distances.chi_squared(reference, current) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert distances.jensen_shannon(reference, current) == pytest.approx(
        distance.jensenshannon(reference, current), abs=1e-7
    )
    positions = np.arange(len(reference)) ** 2.0
    assert distances.wasserstein_of_counts(reference, current, positions) == pytest.approx(
        stats.wasserstein_distance(positions, positions, reference, current), abs=1e-9
    )
    rows = [np.repeat(np.arange(float(len(side))), side) for side in (reference, current)]
    assert distances.ks_of_counts(reference, current) == pytest.approx(distances.kolmogorov_smirnov(*rows), abs=1e-12)


@given(pairs_of_counts)
def test_distances_are_between_nothing_and_everything(pair: tuple[np.ndarray, np.ndarray]) -> None:
    reference, current = filled(pair)
    variation = float(distances.total_variation(reference, current))
    hellinger = float(distances.hellinger(reference, current))
    assert hellinger**2 - 1e-9 <= variation <= np.sqrt(2) * hellinger + 1e-9  # Le Cam's inequality
    assert float(distances.ks_of_counts(reference, current)) <= variation + 1e-9
    apart = np.array([10, 0]), np.array([0, 7])
    assert [float(f(*apart)) for f in (distances.total_variation, distances.hellinger)] == [1.0, 1.0]
    assert float(distances.jensen_shannon(*apart)) == pytest.approx(np.sqrt(np.log(2)))


@pytest.mark.parametrize(
    "measure",
    [
        distances.chi_squared,
        distances.population_stability,
        distances.jensen_shannon,
        distances.hellinger,
        distances.total_variation,
        distances.ks_of_counts,
    ],
)
def test_many_tables_at_once_are_as_one_by_one(measure: object) -> None:
    rng = np.random.default_rng(0)
    reference, current = rng.integers(0, 9, (2, 5, 4)) + 1
    assert callable(measure)
    together = measure(reference, current)
    assert together == pytest.approx([float(measure(r, c)) for r, c in zip(reference, current, strict=True)])
    assert measure(reference, reference) == pytest.approx(np.zeros(5), abs=1e-7)


def test_chi_squared_of_a_published_table() -> None:
    """Agresti, "Categorical Data Analysis", table 3.2 on aspirin and heart attacks: X² = 25.01 (placebo, aspirin)."""
    found = distances.chi_squared(np.array([189, 10_845]), np.array([104, 10_933]))
    assert float(found) == pytest.approx(25.01, abs=0.01)


def test_psi_of_hand_reckoned_shares() -> None:
    """(0.6 - 0.5) ln(0.6 / 0.5) + (0.4 - 0.5) ln(0.4 / 0.5)."""
    found = distances.population_stability(np.array([50, 50]), np.array([60, 40]))
    assert float(found) == pytest.approx(0.0405465, abs=1e-7)


@settings(deadline=None)
@given(samples(), samples())
def test_psi_on_quantile_bins_is_finite_and_counts_every_row(reference: np.ndarray, current: np.ndarray) -> None:
    ref_counts, cur_counts = distances.quantile_counts(reference, current)
    assert (ref_counts.sum(), cur_counts.sum()) == (len(reference), len(current))
    psi = distances.population_stability(ref_counts, cur_counts)
    assert np.isfinite(psi)
    assert psi >= 0
    assert distances.population_stability(ref_counts, ref_counts) == 0


def test_psi_without_drift_is_distributed_as_theory_says() -> None:
    """(1/n + 1/m) chi-squared(B - 1): at n = m = 1000 and 10 bins its mean is 0.018, its 99 % quantile 0.0433."""
    rng = np.random.default_rng(5)
    found = [
        distances.population_stability(*distances.quantile_counts(*np.sort(rng.normal(size=(2, 1000)), axis=1)))
        for _ in range(500)
    ]
    assert np.mean(found) == pytest.approx(0.018, rel=0.1)
    assert np.quantile(found, 0.99) == pytest.approx(0.0433, rel=0.25)


def test_a_constant_reference_sees_values_below_and_above_it() -> None:
    for moved in (2.0, 4.0):
        counts = distances.quantile_counts(np.full(50, 3.0), np.full(50, moved))
        assert distances.population_stability(*counts) > 1


@given(samples(), st.lists(st.floats(0, 1), min_size=1, max_size=5).map(np.array))
def test_quantiles_are_numpys(values: np.ndarray, shares: np.ndarray) -> None:
    assert distances.quantiles(values, shares) == pytest.approx(np.quantile(values, shares), rel=1e-9, abs=1e-9)


@given(pairs_of_counts)
def test_only_what_is_rare_is_pooled(pair: tuple[np.ndarray, np.ndarray]) -> None:
    reference, current = filled(pair)
    pooled = np.vstack(distances.pool_rare(reference, current))
    assert pooled.sum() == reference.sum() + current.sum()
    expected = pooled.sum(axis=0) * pooled.sum(axis=1).min() / pooled.sum()
    assert (expected[1:] >= 5 - 1e-9).all()


def test_a_new_category_is_not_pooled_with_a_frequent_one() -> None:
    before, after = distances.pool_rare(np.array([3_000, 7_000, 0, 1]), np.array([14, 23, 13, 0]))
    assert before.tolist() == [1, 3_000, 7_000]
    assert after.tolist() == [13, 14, 23]
