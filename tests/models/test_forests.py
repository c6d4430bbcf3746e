"""Forests that are asked tree by tree answer, bit by bit, what scikit-learn's own methods do."""

import gc
import weakref
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlops_console.models.forests import tree_by_tree

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(200, 4))
CLASSES = np.array(["a", "b", "c"])[(ROWS.sum(axis=1) > 0).astype(int) + (ROWS[:, 0] > 1)]
FORESTS = [
    RandomForestClassifier(20, random_state=0),
    ExtraTreesClassifier(20, random_state=0, n_jobs=1),
    RandomForestRegressor(20, random_state=0),
    ExtraTreesRegressor(20, random_state=0),
]


def fitted(estimator: Any, rows: Any = ROWS) -> Any:
    is_classifier = hasattr(estimator, "predict_proba")
    return estimator.fit(rows, CLASSES if is_classifier else ROWS[:, 0] ** 2)


def ask(estimator: Any, rows: Any) -> list[Any]:
    methods = [name for name in ("predict", "predict_proba") if hasattr(estimator, name)]
    return [getattr(estimator, name)(rows).tolist() for name in methods]


@pytest.mark.parametrize("forest", FORESTS, ids=lambda forest: type(forest).__name__)
@pytest.mark.parametrize("rows", [1, 7, 300])
def test_the_answers_are_the_same(forest: Any, rows: int) -> None:
    estimator = make_pipeline(StandardScaler(), forest)
    fitted(estimator)
    asked = RNG.normal(size=(rows, 4))
    before = ask(estimator, asked)
    assert tree_by_tree(estimator, lambda: True)
    assert vars(forest).keys() & {"predict", "predict_proba"}
    assert ask(estimator, asked) == before


def test_a_forest_that_nobody_holds_is_gone() -> None:
    """At once, and not when the garbage is collected next: what is frozen then is never looked at."""
    forest = fitted(RandomForestClassifier(5, random_state=0))
    tree_by_tree(forest, lambda: True)
    seen = weakref.ref(forest)
    gc.disable()
    try:
        del forest
        assert seen() is None
    finally:
        gc.enable()


def test_where_they_are_not_nothing_is_changed() -> None:
    forest = fitted(RandomForestClassifier(5, random_state=0))
    assert not tree_by_tree(forest, lambda: False)
    assert not vars(forest).keys() & {"predict", "predict_proba"}


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_what_scikit_learn_refuses_is_refused() -> None:
    forest = fitted(ExtraTreesRegressor(5, random_state=0))
    tree_by_tree(forest, lambda: True)
    for wrong in (np.zeros((1, 3)), np.full((1, 4), 1e300), np.array([["a"] * 4])):
        with pytest.raises(ValueError) as theirs:
            type(forest).predict(forest, wrong)
        with pytest.raises(ValueError) as ours:
            forest.predict(wrong)
        assert str(ours.value) == str(theirs.value)


def test_missing_values_are_answered_as_before() -> None:
    rows = ROWS.copy()
    rows[::7, 1] = np.nan
    forest = fitted(RandomForestClassifier(10, random_state=0), rows)
    before = ask(forest, rows[:20])
    tree_by_tree(forest, lambda: True)
    assert ask(forest, rows[:20]) == before


def test_sparse_rows_and_frames_go_to_scikit_learn() -> None:
    frame = pd.DataFrame({"c": CLASSES})
    estimator = make_pipeline(OneHotEncoder(), RandomForestClassifier(5, random_state=0)).fit(frame, CLASSES)
    before = ask(estimator, frame)
    tree_by_tree(estimator, lambda: True)
    assert ask(estimator, frame) == before


def test_other_estimators_and_several_outputs_are_left_alone() -> None:
    several = RandomForestRegressor(5, random_state=0).fit(ROWS, ROWS[:, :2])
    boosted = GradientBoostingClassifier(n_estimators=3).fit(ROWS, CLASSES)
    for estimator in (several, boosted):
        assert tree_by_tree(estimator, lambda: pytest.fail("nothing was changed"))
        assert not vars(estimator).keys() & {"predict", "predict_proba"}
