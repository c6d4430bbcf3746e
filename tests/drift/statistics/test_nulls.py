"""P-values agree with scipy's where those are exact, and are never too small elsewhere."""

import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlops_console.drift.statistics import distances, nulls
from mlops_console.drift.statistics.measuring import measure_bins, measure_categories, measure_numbers
from mlops_console.drift.statistics.nulls import Demand

ONE = Demand(0.01, 1)


@settings(deadline=None)
@given(st.data())
def test_ks_agrees_with_scipy(data: st.DataObject) -> None:
    n, m = data.draw(st.integers(1, 400)), data.draw(st.integers(1, 400))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    reference, current = np.sort(rng.normal(size=n)), np.sort(rng.normal(0.3, size=m))
    i, j = distances.furthest_apart(reference, current)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy's exact method may fail, and says so
        expected = stats.ks_2samp(reference, current).pvalue
    assert nulls.kolmogorov_smirnov(i, n, j, m) == pytest.approx(expected, abs=1e-9)


def test_ks_of_many_rows_agrees_with_scipy() -> None:
    rng = np.random.default_rng(1)
    reference, current = np.sort(rng.normal(size=20_000)), np.sort(rng.normal(0.03, size=12_000))
    i, j = distances.furthest_apart(reference, current)
    expected = stats.ks_2samp(reference, current).pvalue
    assert nulls.kolmogorov_smirnov(i, 20_000, j, 12_000) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_missing_values_are_tested_exactly(n: int, m: int, data: st.DataObject) -> None:
    """By enumeration: the chance of a difference as large as this one, whatever its sign."""
    a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    possible = np.arange(max(0, a + b - n), min(m, a + b) + 1)
    chances = stats.hypergeom.pmf(possible, n + m, a + b, m)
    differences = np.abs((a + b - possible) / n - possible / m)
    expected = chances[differences >= abs(a / n - b / m) - 1e-12].sum()
    assert nulls.difference_of_shares(a, n, b, m) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@settings(deadline=None)
@given(st.integers(0, 20), st.integers(0, 20))
def test_nearly_all_missing_of_many_rows_is_as_exact_as_hardly_any(present: int, present_too: int) -> None:
    n, m = 3_000_017, 900_001
    hardly = nulls.difference_of_shares(present, n, present_too, m)
    assert nulls.difference_of_shares(n - present, n, m - present_too, m) == pytest.approx(hardly, rel=1e-6)


def test_chi_squared_agrees_with_scipy_where_its_size_is_beyond_doubt() -> None:
    for current in ([105, 196, 301], [300, 100, 50]):
        before, after = np.array([1_000, 2_000, 3_000]), np.array(current)
        found = measure_categories("chi2", before, after, ONE)
        expected = stats.chi2_contingency(np.vstack([before, after]), correction=False)
        assert found is not None
        assert found.p_value == pytest.approx(expected.pvalue, abs=1e-9)


def test_shuffling_finds_the_exact_p_value() -> None:
    """Of a 2 x 2 table by Fisher's test: 20 of 60 against 8 of 60."""
    before, after = np.array([20, 40]), np.array([8, 52])
    found = nulls.shuffle(distances.chi_squared, before, after, Demand(0.0001, 1))
    assert found == pytest.approx(stats.fisher_exact([before, after]).pvalue, rel=0.5)
    assert found == nulls.shuffle(distances.chi_squared, before, after, Demand(0.0001, 1))  # every time alike


def test_shuffles_suffice_for_the_level_of_many_tests() -> None:
    apart = np.array([50, 0]), np.array([0, 50])
    demand = Demand(0.01, 100)
    assert nulls.shuffle(distances.total_variation, *apart, demand) <= demand.least


def test_a_rare_category_is_not_believed_too_soon() -> None:
    """5 of 50 rows in a category of 1.5 % of the reference: the chi-squared formula says 3e-6, the truth is 1e-3."""
    before, after = np.array([150, 9_850]), np.array([5, 45])
    assert stats.chi2_contingency(np.vstack([before, after]), correction=False).pvalue < 1e-5
    found = measure_categories("chi2", before, after, Demand(0.01, 50))
    exact = stats.hypergeom.sf(4, 10_050, 155, 50)
    assert found is not None
    assert found.p_value == pytest.approx(exact, rel=0.5)


TESTS = ["ks", "wasserstein", "psi", "jensen_shannon", "hellinger"]
CATEGORICAL = ["chi2", "psi", "jensen_shannon", "hellinger", "total_variation"]


@pytest.mark.parametrize("test", TESTS)
def test_numbers_without_drift_are_not_believed_more_often_than_the_level(test: str) -> None:
    """200 windows of 40 to 100 rows at 0.05, of numbers with heavy tails or with ties, by rows and in bins."""
    rng = np.random.default_rng(7)
    demand = Demand(0.05, 1)
    believed = 0
    for at in range(100):
        draw = partial(rng.poisson, 2.0) if at % 2 else rng.standard_cauchy
        reference, current = (np.sort(np.asarray(draw(size=size), dtype=float)) for size in (300, 40 + at % 60))
        believed += measure_numbers(test, reference, current, demand).p_value <= 0.05
        edges = np.unique(reference[2::3])
        before, after = (
            np.bincount(np.searchsorted(edges, side), minlength=len(edges) + 1) for side in (reference, current)
        )
        positions = np.concatenate([edges, [edges[-1]]])
        found = measure_bins(test, before, after, positions, demand, fixed=len(edges) > 50)
        believed += found.p_value <= 0.05
    assert believed <= 20  # of 200: more than that has a chance of 0.1 % where two in a pair go together


@pytest.mark.parametrize("test", CATEGORICAL)
def test_categories_without_drift_are_not_believed_more_often_than_the_level(test: str) -> None:
    rng = np.random.default_rng(8)
    shares = np.array([0.9, 0.05, 0.02, 0.01, 0.01, 0.01])
    believed = 0
    for _ in range(200):
        found = measure_categories(test, rng.multinomial(1_000, shares), rng.multinomial(50, shares), Demand(0.05, 1))
        believed += found is not None and found.p_value <= 0.05
    assert believed <= 20


def test_shuffles_come_to_an_end_whatever_the_level() -> None:
    """What they can't prove is not believed."""
    reference, current = np.array([40, 60]), np.array([90, 10])
    impatient = Demand(1e-18, 1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(nulls, "_MOST_SHUFFLES", 1_000)
        p = nulls.shuffle(distances.chi_squared, reference, current, impatient)
    assert p == 1 / 1_001 > impatient.least
