"""Params that count for a metric."""

import math
import random
from typing import Any

import pytest

from mlops_console.data import importance
from mlops_console.data.importance import Importance, ParamImportance, caveats, from_result, importances, to_result


def runs(count: int) -> tuple[list[dict[str, Any]], list[float]]:
    """The metric falls with lr, grows a little with depth, is better with adam, and knows nothing of seed."""
    chance = random.Random(1)
    rows: list[dict[str, Any]] = [
        {
            "seed": chance.randrange(1000),
            "lr": chance.uniform(0, 1),
            "depth": chance.randint(1, 8),
            "optimizer": chance.choice(["adam", "sgd"]),
            "fixed": 3,
        }
        for _ in range(count)
    ]
    values = [-3 * row["lr"] + 0.1 * row["depth"] - 0.5 * (row["optimizer"] == "sgd") for row in rows]
    return rows, values


def test_the_param_that_drives_the_metric_is_first() -> None:
    rows, values = runs(120)
    told: list[float] = []
    found = importances(rows, values, told.append)
    names = [param.param for param in found.params]
    assert names[0] == "lr"
    assert set(names) == {"lr", "depth", "optimizer", "seed"}  # what is fixed can't count
    assert names[-1] == "seed"
    by_name = {param.param: param for param in found.params}
    assert by_name["lr"].direction == "-"
    assert by_name["depth"].direction == "+"
    assert by_name["optimizer"].direction == "-"  # adam, then sgd
    assert by_name["lr"].importance > 10 * abs(by_name["seed"].importance)
    assert found.runs == 120
    assert found.score > 0.8
    assert told == sorted(told)
    assert caveats(found) == ()


def test_it_agrees_with_permutation_importance_on_runs_left_out() -> None:
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    rows, values = runs(400)
    found = {param.param: param.importance for param in importances(rows, values).params}
    names = ["lr", "depth", "seed", "optimizer"]
    x = np.array([[row["lr"], row["depth"], row["seed"], row["optimizer"] == "sgd"] for row in rows], dtype=float)
    y = np.array(values)
    forest = RandomForestRegressor(200, random_state=7).fit(x[:200], y[:200])
    theirs = permutation_importance(forest, x[200:], y[200:], n_repeats=10, random_state=7).importances_mean
    for name, wanted in zip(names, theirs, strict=True):
        assert found[name] == pytest.approx(wanted, rel=0.15, abs=0.03)


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it does not matter how well the forest has learnt."""
    monkeypatch.setattr(importance, "_TREES", 20)


@pytest.mark.usefixtures("few_trees")
def test_it_is_the_same_each_time() -> None:
    rows, values = runs(20)
    assert importances(rows, values) == importances(rows, values)


@pytest.mark.usefixtures("few_trees")
def test_odd_params_are_taken() -> None:
    rows, values = runs(20)
    odd: list[Any] = [None, math.nan, math.inf, -1e300, True, "text", [1, 2], {"a": 1}]
    for at, row in enumerate(rows):
        row["mixed"] = odd[at % len(odd)]
        row["number"] = [1, 2.5, math.nan, math.inf, -1e300][at % 5]
        if at % 3:
            row["some"] = at
        if at % 2:
            row["there"] = "yes"
    names = {param.param for param in importances(rows, values).params}
    assert {"mixed", "number", "some", "there"} <= names


@pytest.mark.usefixtures("few_trees")
def test_a_metric_that_never_changes_has_no_important_params() -> None:
    rows, _ = runs(12)
    found = importances(rows, [0.5] * 12)
    assert {param.importance for param in found.params} == {0.0}
    assert caveats(found)[0].startswith("12 runs are few")


def test_results_survive_the_way_through_a_job() -> None:
    found = Importance(12, (ParamImportance("lr", 0.5, 0.1, "+"),), math.nan)
    result = to_result(found, "metrics.auc")
    assert result["score"] is None
    back = from_result(result)
    assert (back.runs, back.params) == (found.runs, found.params)
    assert math.isnan(back.score)
    assert len(caveats(back)) == 2
    assert importance.LEAST < importance.FEW
