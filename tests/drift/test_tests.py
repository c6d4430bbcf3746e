"""The statistics agree with scipy's and with published figures, and keep their promises on any data."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from mlops_console.drift import tests as drift_tests

floats = hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6))
counts = st.integers(2, 12).flatmap(
    lambda k: st.tuples(*[hnp.arrays(np.int64, k, elements=st.integers(0, 500)) for _ in range(2)])
)


@given(floats, floats)
def test_ks_agrees_with_scipy(reference: np.ndarray, current: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy's exact method may fail on ties, and says so
        expected = stats.ks_2samp(reference, current)
    found = drift_tests.kolmogorov_smirnov(reference, current)
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-9)
    assert found.effect == found.statistic


def test_ks_on_large_samples_gives_no_warning() -> None:
    rng = np.random.default_rng(1)
    found = drift_tests.kolmogorov_smirnov(rng.normal(size=10_000), rng.normal(0.3, size=9_973))
    assert 0.08 < found.statistic < 0.16
    assert found.p_value < 1e-9


@given(counts)
def test_chi_squared_agrees_with_scipy_where_no_category_is_rare(pair: tuple[np.ndarray, np.ndarray]) -> None:
    table = np.vstack([pair[0] + 60, pair[1] + 60])  # at least 60 in each cell
    if not np.array_equal(drift_tests.pool_rare(table).sum(axis=1), table.sum(axis=1)):
        raise AssertionError("pooling lost rows")
    expected = stats.chi2_contingency(drift_tests.pool_rare(table), correction=False)
    found = drift_tests.chi_squared(table[0], table[1])
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-9)


@given(counts)
def test_pooling_leaves_no_cell_that_expects_less_than_five(pair: tuple[np.ndarray, np.ndarray]) -> None:
    reference, current = pair[0] + 1, pair[1] + 1
    table = drift_tests.pool_rare(np.vstack([reference, current]))
    assert table.sum() == reference.sum() + current.sum()
    if table.shape[1] > 1:
        expected = table.sum(axis=0) * table.sum(axis=1).min() / table.sum()
        assert expected.min() >= 5 - 1e-9


def test_chi_squared_of_one_category_is_no_drift() -> None:
    found = drift_tests.chi_squared(np.array([100, 0]), np.array([70, 0]))
    assert (found.statistic, found.p_value, found.effect) == (0.0, 1.0, 0.0)


def test_chi_squared_of_a_published_table() -> None:
    """Agresti, "Categorical Data Analysis", table 3.2 on aspirin and heart attacks: X² = 25.01 (placebo, aspirin)."""
    found = drift_tests.chi_squared(np.array([189, 10_845]), np.array([104, 10_933]))
    assert found.statistic == pytest.approx(25.01, abs=0.01)


def test_psi_of_hand_reckoned_shares() -> None:
    """(0.6 - 0.5) ln(0.6 / 0.5) + (0.4 - 0.5) ln(0.4 / 0.5)."""
    assert drift_tests.population_stability(np.array([50, 50]), np.array([60, 40])) == pytest.approx(
        0.0405465, abs=1e-7
    )


@settings(deadline=None)
@given(floats, floats)
def test_psi_on_quantile_bins_is_finite_and_counts_every_row(reference: np.ndarray, current: np.ndarray) -> None:
    ref_counts, cur_counts = drift_tests.quantile_counts(reference, current)
    assert (ref_counts.sum(), cur_counts.sum()) == (len(reference), len(current))
    psi = drift_tests.population_stability(ref_counts, cur_counts)
    assert np.isfinite(psi)
    assert psi >= 0
    assert drift_tests.population_stability(ref_counts, ref_counts) == 0


def test_psi_without_drift_is_distributed_as_theory_says() -> None:
    """(1/n + 1/m) chi-squared(B - 1): at n = m = 1000 and 10 bins its mean is 0.018, its 99 % quantile 0.0433."""
    rng = np.random.default_rng(5)
    found = [
        drift_tests.population_stability(*drift_tests.quantile_counts(rng.normal(size=1000), rng.normal(size=1000)))
        for _ in range(500)
    ]
    assert np.mean(found) == pytest.approx(0.018, rel=0.1)
    assert np.quantile(found, 0.99) == pytest.approx(0.0433, rel=0.25)


def test_a_constant_reference_sees_values_below_and_above_it() -> None:
    for moved in (2.0, 4.0):
        psi = drift_tests.population_stability(*drift_tests.quantile_counts(np.full(50, 3.0), np.full(50, moved)))
        assert psi > 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.sampled_from([0.001, 0.01, 0.05, 0.2]))
def test_benjamini_hochberg_agrees_with_scipy(p_values: list[float], level: float) -> None:
    adjusted = stats.false_discovery_control(p_values)
    clear = np.abs(adjusted - level) > 1e-12  # the two may round an exact tie differently
    found = np.array(drift_tests.benjamini_hochberg(p_values, level))
    assert (found[clear] == (adjusted <= level)[clear]).all()


def test_benjamini_hochberg_example_of_its_paper() -> None:
    """The 15 p-values of Benjamini and Hochberg 1995, section 3.2: four are rejected at 0.05."""
    p_values = [
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240),
        *(0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
    ]
    assert drift_tests.benjamini_hochberg(p_values, 0.05) == [True] * 4 + [False] * 11
