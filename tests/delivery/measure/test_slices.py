"""Slices against scikit-learn by hand."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from mlops_console.core.datasets import DatasetVersion
from mlops_console.delivery.measure import slices
from mlops_console.delivery.measure.dataset import Answers, Evaluation


def measured(frame: pd.DataFrame, answers: Answers, *columns: str) -> dict[str, Any]:
    version = DatasetVersion("holdout", 3, "", len(frame), 1, {}, {}, None, 0.0)
    found: dict[str, Any] = slices.measure(Evaluation(version, frame, "y", columns, ()), answers)["columns"]
    return found


def test_two_classes() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"country": ["AT"] * 100 + ["CH"] * 50 + ["LI"] * 29 + [None] * 40})
    true = rng.integers(0, 2, len(frame))
    chance = np.clip(true * 0.3 + rng.random(len(frame)) * 0.7, 0, 1)
    predicted = (chance > 0.5).astype(int)
    answers = Answers(frame, true, predicted, np.column_stack([1 - chance, chance]), 2)
    found = measured(frame, answers, "country")["country"]
    assert found["problem"] == ""
    assert {name: part["rows"] for name, part in found["slices"].items()} == {
        "AT": 100, "CH": 50, "LI": 29, "(missing)": 40
    }  # fmt: skip
    for name, begin, end in (("AT", 0, 100), ("CH", 100, 150), ("(missing)", 179, 219)):
        t, p = true[begin:end], predicted[begin:end]
        assert found["slices"][name]["metrics"] == pytest.approx(
            {
                "accuracy": (t == p).mean(),
                "recall": metrics.recall_score(t, p),
                "precision": metrics.precision_score(t, p),
                "f1": metrics.f1_score(t, p),
                "roc_auc": metrics.roc_auc_score(t, chance[begin:end]),
            }
        )
    assert found["slices"]["LI"]["metrics"] == {}
    assert found["slices"]["LI"]["undefined"]["recall"] == "29 rows, at least 30 are needed"


def test_what_is_not_defined_in_a_slice_is_left_out() -> None:
    frame = pd.DataFrame({"country": ["AT"] * 30 + ["CH"] * 30})
    true = np.array([0] * 30 + [1] * 30)
    answers = Answers(frame, true, np.zeros(60, dtype=int), None, 2)
    found = measured(frame, answers, "country")["country"]["slices"]
    assert found["AT"]["metrics"] == {"accuracy": 1.0}
    assert found["AT"]["undefined"]["recall"] == "no row is positive"
    assert found["CH"]["metrics"] == {"accuracy": 0.0, "recall": 0.0, "f1": 0.0}
    assert found["CH"]["undefined"]["precision"] == "no row is predicted positive"
    assert found["CH"]["undefined"]["roc_auc"] == "the model gives no probabilities"
    assert found["CH"]["undefined"]["mae"] == "the model is for classification"


def test_three_classes_are_the_mean_of_each() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": [1.0] * 90})
    true = rng.integers(0, 3, 90)
    chances = rng.dirichlet([1, 1, 1], 90)
    predicted = chances.argmax(axis=1)
    found = measured(frame, Answers(frame, true, predicted, chances, 3), "x")["x"]["slices"]["1"]["metrics"]
    assert found == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(true, predicted),
            "recall": metrics.recall_score(true, predicted, average="macro"),
            "precision": metrics.precision_score(true, predicted, average="macro"),
            "f1": metrics.f1_score(true, predicted, average="macro"),
            "roc_auc": metrics.roc_auc_score(true, chances, multi_class="ovr"),
        }
    )


def test_regression() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"store": [True] * 40 + [False] * 40})
    true = np.concatenate([rng.normal(size=40), np.ones(40)])
    predicted = true + rng.normal(size=80)
    found = measured(frame, Answers(frame, true, predicted, None, 0), "store")["store"]["slices"]
    t, p = true[:40], predicted[:40]
    assert found["True"]["metrics"] == pytest.approx(
        {
            "mae": metrics.mean_absolute_error(t, p),
            "rmse": math.sqrt(metrics.mean_squared_error(t, p)),
            "r2": metrics.r2_score(t, p),
        }
    )
    assert found["False"]["undefined"]["r2"] == "its target is the same in all rows"
    assert found["False"]["undefined"]["recall"] == "the model is for regression"


def test_a_column_that_is_not_there_or_is_no_category() -> None:
    frame = pd.DataFrame({"id": range(1001)})
    answers = Answers(frame, np.zeros(1001, dtype=int), np.zeros(1001, dtype=int), None, 2)
    found = measured(frame, answers, "id", "country")
    assert found["id"]["problem"] == "id has 1,001 values; at most 1,000 are looked at"
    assert found["country"]["problem"] == "holdout:3 has no column country"
