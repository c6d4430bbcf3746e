"""Fairness figures agree with fairlearn's."""

import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_console.core.datasets import DatasetVersion
from mlops_console.delivery.gate_names import FAIRNESS
from mlops_console.delivery.measure import fairness
from mlops_console.delivery.measure.dataset import Answers, Evaluation


def measured(true: Any, predicted: Any, groups: list[object], classes: int = 2) -> dict[str, Any]:
    frame = pd.DataFrame({"gender": groups})
    version = DatasetVersion("holdout", 1, "", len(frame), 1, {}, {}, None, 0.0)
    answers = Answers(frame, true, predicted, None, classes)
    evaluation = Evaluation(version, frame, "is_fraud", (), ("gender", "nothing"))
    found: dict[str, Any] = fairness.measure(evaluation, answers)["columns"]
    return found


row = st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from(["f", "m", "x", "long name"]))
rows = st.lists(row, min_size=1, max_size=40)


@given(rows)
@settings(deadline=None, max_examples=40)
def test_every_figure_is_fairlearns(rows: list[tuple[int, int, str]]) -> None:
    """Also of groups with one row, without a positive or negative one, and of a single group."""
    true, predicted = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    groups = [r[2] for r in rows]
    found = measured(true, predicted, list(groups))["gender"]["figures"]
    assert set(found) == set(FAIRNESS)
    for name in FAIRNESS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = float(getattr(metrics, name)(true, predicted, sensitive_features=groups))
        if math.isnan(expected):
            assert found[name] is None, name
        else:
            assert found[name] == pytest.approx(expected, abs=1e-12), name


@pytest.mark.parametrize("seed", range(5))
def test_many_rows_agree_with_fairlearn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 2, 5_000)
    predicted = np.where(rng.random(5_000) < 0.8, true, 1 - true)
    groups = rng.choice(list("abcde"), 5_000, p=[0.6, 0.2, 0.1, 0.09, 0.01]).tolist()
    found = measured(true, predicted, groups)["gender"]["figures"]
    for name in FAIRNESS:
        expected = getattr(metrics, name)(true, predicted, sensitive_features=groups)
        assert found[name] == pytest.approx(expected, abs=1e-12), name


def test_rows_without_a_group_are_a_group() -> None:
    true, predicted = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])
    found = measured(true, predicted, [3.0, 3.0, None, math.nan])["gender"]
    assert {name: group["rows"] for name, group in found["groups"].items()} == {"3": 2, "(missing)": 2}
    assert found["figures"]["demographic_parity_difference"] == 0.5


def test_what_can_not_be_judged_is_said() -> None:
    true = np.array([0, 1, 2])
    assert measured(true, true, ["f", "m", "m"], classes=3)["gender"]["problem"] == (
        "fairness is for models with two classes"
    )
    assert measured(true, true, ["f", "m", "m"])["nothing"]["problem"] == "holdout:1 has no column nothing"
