"""The one judge: what it believes, what it demands, and the sentences it says."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlops_console.core.drift import DriftSettings
from mlops_console.drift import verdicts
from mlops_console.drift.statistics import nulls
from mlops_console.drift.verdicts import Measured, benjamini_hochberg, judge, sigmas

SETTINGS = DriftSettings()


def a_test(p: float, effect: float, n: int = 10_000, m: int = 1_240, subject: str = "values") -> verdicts.Tested:
    return verdicts.Tested("ks", subject, effect, p, effect, partial(nulls.ks_demand, n=n, m=m), n, m)  # type: ignore[arg-type]


def a_feature(name: str, *tests: verdicts.Tested, importance: float | None = None) -> Measured:
    return Measured(name, "numeric", 10_000, 1_240, tests, importance=importance)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.sampled_from([0.001, 0.01, 0.05, 0.2]))
def test_benjamini_hochberg_agrees_with_scipy(p_values: list[float], level: float) -> None:
    adjusted = stats.false_discovery_control(p_values)
    clear = np.abs(adjusted - level) > 1e-12  # the two may round an exact tie differently
    found = np.array(benjamini_hochberg(p_values, level)[0])
    assert (found[clear] == (adjusted <= level)[clear]).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_what_is_demanded_is_what_would_have_been_believed(p_values: list[float]) -> None:
    _, demanded = benjamini_hochberg(p_values, 0.05)
    for at, needed in enumerate(demanded):
        moved = [*p_values[:at], needed, *p_values[at + 1 :]]
        assert benjamini_hochberg(moved, 0.05)[0][at]


def test_benjamini_hochberg_example_of_its_paper() -> None:
    """The 15 p-values of Benjamini and Hochberg 1995, section 3.2: four are rejected at 0.05."""
    p_values = [
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240),
        *(0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
    ]
    assert benjamini_hochberg(p_values, 0.05)[0] == [True] * 4 + [False] * 11


def test_a_p_value_at_the_threshold_counts() -> None:
    assert (
        benjamini_hochberg([0.01 * 3 / 7, 0.01 * 2 / 7, 0.01 * 1 / 7, 1, 1, 1, 1], 0.01)[0] == [True] * 3 + [False] * 4
    )
    assert benjamini_hochberg([], 0.01) == ([], [])


@given(st.floats(0, 1))
def test_sigmas_are_the_shift_of_a_normal_distribution(distance: float) -> None:
    shift = sigmas(distance)
    assert 0 <= shift <= 6
    if shift < 6:
        assert 2 * stats.norm.cdf(shift / 2) - 1 == pytest.approx(distance, abs=1e-9)


def test_both_significance_and_size_are_needed() -> None:
    sure_and_large, sure_and_small, large_by_chance = judge(
        [a_feature("a", a_test(1e-9, 0.2)), a_feature("b", a_test(1e-9, 0.05)), a_feature("c", a_test(0.2, 0.3, m=40))],
        SETTINGS,
    )
    assert (sure_and_large.name, sure_and_large.drifted) == ("a", True)
    assert {sure_and_small.drifted, large_by_chance.drifted} == {False}


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 1), st.floats(0, 0.95), st.integers(30, 10**6), st.integers(30, 10**6), st.floats(0, 0.9))
def test_a_drifted_feature_is_at_its_threshold_or_above(p: float, effect: float, n: int, m: int, least: float) -> None:
    """What a chart of effect and threshold shows is the verdict."""
    (found,) = judge([a_feature("a", a_test(p, effect, n, m))], replace(SETTINGS, least_effect=least))
    assert found.effect is not None
    assert found.threshold is not None
    assert found.smallest_shift is not None
    assert found.smallest_shift >= found.threshold
    if abs(effect - least) > 1e-9:
        assert found.drifted == (found.effect >= found.threshold)


def test_the_smallest_shift_is_seen_in_four_of_five_windows() -> None:
    """A normal distribution that has moved by it, in windows of 60 rows."""
    from mlops_console.core.models import Column
    from mlops_console.drift.features import compare

    rng = np.random.default_rng(0)
    column = [Column("amount", "float64", "numeric")]
    reference = {"amount": rng.normal(size=5_000)}
    shift = compare(reference, {"amount": rng.normal(size=60)}, column, SETTINGS)[0].smallest_shift
    assert shift is not None
    seen = [compare(reference, {"amount": rng.normal(shift, size=60)}, column, SETTINGS)[0].drifted for _ in range(100)]
    assert sum(seen) >= 70


def test_drift_times_importance_comes_first() -> None:
    found = judge(
        [
            a_feature("stable", a_test(0.5, 0.02), importance=0.9),
            a_feature("far", a_test(1e-9, 0.6), importance=0.01),
            a_feature("matters", a_test(1e-9, 0.2), importance=0.5),
            Measured("unknown", "numeric", 0, 0, untested="nothing"),
        ],
        SETTINGS,
    )
    assert [f.name for f in found] == ["matters", "far", "stable", "unknown"]
    without = judge([a_feature("near", a_test(1e-9, 0.2)), a_feature("far", a_test(1e-9, 0.6))], SETTINGS)
    assert [f.name for f in without] == ["far", "near"]


def missing(p: float, before: float, after: float) -> verdicts.Tested:
    demand = partial(nulls.share_demand, share=(before + after) / 2, n=10_000, m=1_240)
    return verdicts.Tested(
        "missing", "missing", after - before, p, abs(after - before), demand, 10_000, 1_240, before, after
    )


@pytest.mark.parametrize(
    ("tests", "sentence"),
    [
        ((a_test(1e-9, 0.2),), "amount has moved by 0.51 σ; 1,240 rows; a shift of 0.28 σ would have been seen"),
        (
            (a_test(1.0, 0.01),),
            "amount shows no shift beyond chance; 1,240 rows; a shift of 0.28 σ would have been seen",
        ),
        (
            (a_test(1.0, 0.1, m=1),),
            "amount shows no shift beyond chance; 1 row; a shift of more than 6 σ would have been seen",
        ),
        ((a_test(0.0, 1.0),), "amount has moved by more than 6 σ; 1,240 rows; a shift of 0.28 σ would have been seen"),
        (
            (a_test(1e-9, 0.05),),
            "amount has moved by 0.13 σ, less than the 0.25 σ that count; 1,240 rows; a shift of 0.28 σ would have been"
            " seen",
        ),
        (
            (a_test(1e-9, 0.12, subject="categories"),),
            "amount: 12 % of its rows are in other categories; 1,240 rows; a shift of 11 % would have been seen",
        ),
        (
            (a_test(0.4, 0.02), missing(1e-9, 0.0, 0.5)),
            "amount: 50 % of its values are missing, 0 % of the reference's; 1,240 rows; a shift of 11 % would have"
            " been seen",
        ),
    ],
)
def test_the_sentences(tests: tuple[verdicts.Tested, ...], sentence: str) -> None:
    assert judge([a_feature("amount", *tests)], SETTINGS)[0].verdict == sentence


def test_missing_values_that_do_not_decide_are_a_finding() -> None:
    (found,) = judge([a_feature("amount", a_test(1e-9, 0.5), missing(1e-9, 0.01, 0.05))], SETTINGS)
    assert found.test == "ks"
    assert found.findings == ("5.0 % of its values are missing, 1.0 % of the reference's",)


def test_a_sentence_is_one_line_without_escape_sequences_whatever_the_column_is_called() -> None:
    name = "a\x1b[2J\nb has drifted"
    found = judge(
        [a_feature(name, a_test(1e-9, 0.3)), Measured(name, "numeric", 0, 0, untested="no verdict")], SETTINGS
    )
    for feature in found:
        assert feature.name == name
        assert not {"\n", "\x1b"} & set(feature.verdict)
