"""Calibrated probabilities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from mlops_console.drift.performance.calibration import calibrate, isotonic, needs_calibration, replicas
from tests.drift.answered import two_classes


@given(st.lists(st.tuples(st.sampled_from([k / 16 for k in range(17)]), st.booleans()), min_size=1, max_size=80))
@settings(deadline=None)
def test_isotonic_regression_is_that_of_scikit_learn(rows: list[tuple[float, bool]]) -> None:
    scores, members = np.array([s for s, _ in rows]), np.array([m for _, m in rows])
    asked = np.linspace(-0.1, 1.1, 50)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, members).predict(asked)
    np.testing.assert_allclose(isotonic(scores, members)(asked), theirs, atol=1e-12)


def test_an_overconfident_model_is_calibrated() -> None:
    answers = two_classes(4_000, seed=1)
    assert answers.chances is not None
    calibration = calibrate(answers.chances, np.array(answers.true))
    found = calibration(np.array([[0.2, 0.8], [0.5, 0.5]]))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found[0, 1] == pytest.approx(2 / 3, abs=0.05)  # so many of them are of the class
    assert found[1, 1] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("rows", "seeds"), [(100, {1, 3, 5, 7}), (200, {0, 1, 5, 6}), (400, {0, 2, 7})])
def test_whether_calibration_helps_is_decided_as_by_nannyml(rows: int, seeds: set[int]) -> None:
    """For these seeds of the first 8 `nannyml.calibration.needs_calibration` of NannyML 0.13.1 is False."""
    helpless = set()
    for seed in range(8):
        rng = np.random.default_rng(seed)
        chances = rng.random(rows)
        if not needs_calibration(chances, rng.random(rows) < chances):
            helpless.add(seed)
    assert helpless == seeds


def test_probabilities_are_taken_as_they_are_where_calibration_does_not_help() -> None:
    rng = np.random.default_rng(1)
    chances = rng.random(100)
    true = rng.random(100) < chances
    both = np.column_stack([1 - chances, chances])
    np.testing.assert_allclose(calibrate(both, true.astype(np.int64))(both), both)


@pytest.mark.parametrize("members", [[False] * 20, [True] * 20, [True] + [False] * 19, [False] * 10 + [True] * 10])
def test_nothing_is_calibrated_from_one_class_or_classes_that_are_apart(members: list[bool]) -> None:
    assert not needs_calibration(np.linspace(0, 1, 20), np.array(members))


def test_several_classes_are_divided_by_their_sum_and_equal_where_all_are_0() -> None:
    rng = np.random.default_rng(4)
    chances = rng.dirichlet(np.ones(3), 600)
    true = np.array([rng.choice(3, p=row**2 / (row**2).sum()) for row in chances])
    calibration, *_ = replicas(chances, true, 1, seed=0)
    np.testing.assert_allclose(calibration(chances).sum(axis=1), 1)
    np.testing.assert_allclose(calibration(np.zeros((1, 3))), [[1 / 3] * 3])


def test_replicas_are_what_other_rows_would_have_taught() -> None:
    answers = two_classes(1_000, seed=5)
    assert answers.chances is not None
    own, *others = replicas(answers.chances, np.array(answers.true), 50, seed=0)
    asked = np.array([[0.3, 0.7]])
    found = [other(asked)[0, 1] for other in others]
    assert len(set(found)) > 40
    assert abs(np.mean(found) - own(asked)[0, 1]) < 0.03
    again = [other(asked)[0, 1] for other in replicas(answers.chances, np.array(answers.true), 50, seed=0)][1:]
    assert found == again
