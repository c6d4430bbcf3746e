"""The action that reckons which params count."""

import random
from typing import Any

import pytest

from mlops_console import actions
from mlops_console.actions.base import JobContext
from mlops_console.core.errors import RefusedError, UsageError
from mlops_console.core.runs import RunStatus
from mlops_console.store import runs, series
from mlops_console.store.workspace import Workspace


def add_runs(workspace: Workspace, count: int, status: RunStatus = RunStatus.SUCCEEDED) -> list[str]:
    """The greatest AUC grows with depth; the last one is always the same."""
    chance = random.Random(count)
    ids = []
    with workspace.store.write() as tx:
        for at in range(count):
            depth = chance.randint(1, 9)
            ids.append(runs.create(tx, name=f"otter-{at}", experiment="fraud"))
            runs.set_params(tx, ids[-1], {"depth": depth, "noise": chance.random(), "fixed": 1})
            series.ingest(tx, ids[-1], [("val/auc", 0, depth / 10, 1.0), ("val/auc", 1, 0.0, 1.0)])
            if status.is_final:
                runs.finish(tx, ids[-1], status)
    return ids


def reckon(workspace: Workspace, **request: Any) -> dict[str, Any]:
    action = actions.get("importance")
    context = JobContext(workspace, "importance", "metrics.val/auc.max")
    result: dict[str, Any] = action.perform(
        workspace, action.check({"metric": "metrics.val/auc.max", **request}), context
    )
    return result


def test_the_param_that_drives_the_metric_is_first(workspace: Workspace) -> None:
    add_runs(workspace, 40)
    add_runs(workspace, 3, RunStatus.RUNNING)  # has not ended: its figures may still change
    with workspace.store.write() as tx:
        runs.finish(tx, runs.create(tx, name="without", experiment="fraud"), RunStatus.FAILED)
    found = reckon(workspace)
    assert found["metric"] == "metrics.val/auc.max"
    assert found["runs"] == 40
    assert [param["param"] for param in found["params"]] == ["depth", "noise"]
    assert found["params"][0]["direction"] == "+"
    assert found["params"][0]["importance"] > 10 * abs(found["params"][1]["importance"])
    assert found["score"] > 0.8


def test_runs_are_chosen_by_a_filter_or_by_name(workspace: Workspace) -> None:
    ids = add_runs(workspace, 20)
    assert reckon(workspace, runs=ids[:12])["runs"] == 12
    matching = sum(int(run.params["depth"]) > 3 for run in _all(workspace, ids))
    assert reckon(workspace, filter="params.depth > 3 or params.depth > 90")["runs"] == matching
    assert {param["importance"] for param in reckon(workspace, metric="metrics.val/auc")["params"]} == {0.0}


def _all(workspace: Workspace, ids: list[str]) -> list[Any]:
    with workspace.store.read() as db:
        return runs.of_ids(db, ids)


def test_too_few_runs_are_refused_in_the_plan(workspace: Workspace) -> None:
    ids = add_runs(workspace, 12)
    request = {"metric": "metrics.val/auc.max", "runs": ids[:9]}
    plan = actions.plan(workspace, "importance", request)
    assert plan.refused == "Importance takes at least 10 ended runs with this metric, and there are 9."
    with pytest.raises(RefusedError, match="at least 10"):
        actions.check(workspace, "importance", request)
    with pytest.raises(RefusedError, match="at least 10"):
        reckon(workspace, runs=ids[:9])


def test_params_that_never_change_are_refused(workspace: Workspace) -> None:
    ids = add_runs(workspace, 10)
    with workspace.store.write() as tx:
        for run_id in ids:
            tx.execute("DELETE FROM params WHERE run_key = (SELECT key FROM runs WHERE id = ?)", (run_id,))
    plan = actions.plan(workspace, "importance", {"metric": "metrics.val/auc.max"})
    assert plan.refused == "The 10 runs have no param in which they differ."


def test_the_plan_tells_how_many(workspace: Workspace) -> None:
    add_runs(workspace, 12)
    plan = actions.plan(workspace, "importance", {"metric": "metrics.val/auc.max", "filter": "name ~ otter"})
    assert plan.refused is None
    assert plan.changes[0].after == "2 params, from 12 runs"
    assert plan.command == "mlops-console run importance metrics.val/auc.max --filter 'name ~ otter'"
    assert len(plan.notes) == 2


@pytest.mark.parametrize(
    "request_",
    [
        {"metric": "params.lr"},
        {"metric": "nonsense"},
        {"metric": "metrics.auc", "filter": "los >"},
        {"metric": "metrics.auc", "runs": ["x"] * 2_001},
        {},
    ],
)
def test_wrong_requests_are_refused(request_: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        actions.get("importance").check(request_)
