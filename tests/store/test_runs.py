"""Runs, their params, tags and metrics, as they are written and found again."""

import math
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.filters import (
    FilterError,
    parse_filter,
    parse_order,
)
from mlops_console.core.runs import RunStatus
from mlops_console.store import changes, runs, series
from mlops_console.store.runs import RunQuery
from mlops_console.store.workspace import Workspace

NAN = float("nan")
INF = float("inf")


def make(workspace: Workspace, name: str = "otter", **values: object) -> str:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name=name, experiment=str(values.pop("experiment", "first")))
        runs.set_params(tx, run_id, values.pop("params", {}))  # type: ignore[arg-type]
        runs.set_tags(tx, run_id, values.pop("tags", {}))  # type: ignore[arg-type]
        points = values.pop("metrics", {})
        series.ingest(tx, run_id, [(metric, 0, value, 1.0) for metric, value in points.items()])  # type: ignore[attr-defined]
    return run_id


def names(workspace: Workspace, text: str = "", order_by: str = "name") -> list[str]:
    with workspace.store.read() as db:
        return [run.name for run in runs.page(db, RunQuery(filter=text, order_by=order_by)).runs]


def test_params_keep_their_types(workspace: Workspace) -> None:
    params = {"lr": 0.1, "depth": 3, "kind": "adam", "flag": True, "none": None, "list": [1, "a"], "huge": 10**400}
    run_id = make(workspace, params=params)
    with workspace.store.read() as db:
        assert runs.get(db, run_id).params == params


def test_a_run_is_found_by_the_beginning_of_its_id_or_its_name(workspace: Workspace) -> None:
    run_id = make(workspace, name="calm-otter-42")
    make(workspace, name="other")
    with workspace.store.read() as db:
        assert runs.get(db, run_id[:6]).id == run_id
        assert runs.get(db, "calm-otter-42").id == run_id
        with pytest.raises(NotFoundError, match="no run 'nothing'"):
            runs.get(db, "nothing")
        with pytest.raises(NotFoundError):
            runs.get(db, "%")


def test_a_run_ends_once(workspace: Workspace) -> None:
    run_id = make(workspace)
    with workspace.store.write() as tx:
        assert runs.finish(tx, run_id, RunStatus.FAILED, error="boom")
        assert not runs.finish(tx, run_id, RunStatus.SUCCEEDED)
        found = runs.get(tx, run_id)
    assert (found.status, found.error) == (RunStatus.FAILED, "boom")


def test_a_run_is_lost_only_if_no_heartbeat_came_in_between(workspace: Workspace) -> None:
    run_id = make(workspace)
    with workspace.store.write() as tx:
        seen = runs.get(tx, run_id).heartbeat_at
        assert seen is not None
        tx.execute("UPDATE runs SET heartbeat_at = heartbeat_at + 1")
        assert not runs.finish(tx, run_id, RunStatus.LOST, heartbeat_before=seen)
        assert runs.finish(tx, run_id, RunStatus.LOST, heartbeat_before=seen + 1)


def test_the_trash(workspace: Workspace) -> None:
    run_id = make(workspace)
    with workspace.store.write() as tx:
        with pytest.raises(UsageError, match="has not ended"):
            runs.delete(tx, run_id)
        runs.finish(tx, run_id, RunStatus.SUCCEEDED)
        runs.delete(tx, run_id)
    assert names(workspace) == []
    with workspace.store.write() as tx:
        runs.restore(tx, run_id)
    assert names(workspace) == ["otter"]


def test_filters(workspace: Workspace) -> None:
    make(workspace, "a", params={"lr": 0.1, "opt": "adam"}, metrics={"val/auc": 0.9}, tags={"team": "risk"})
    make(workspace, "b", params={"lr": 0.01, "opt": "sgd"}, metrics={"val/auc": 0.95, "odd key": 1.0})
    make(workspace, "c", experiment="second")
    assert names(workspace, "metrics.val/auc > 0.92") == ["b"]
    assert names(workspace, "metrics.val/auc.max >= 0.9 and params.lr < 0.05") == ["b"]
    assert names(workspace, "params.opt = adam or experiment = 'second'") == ["a", "c"]
    assert names(workspace, "not params.opt = adam") == ["b", "c"]
    assert names(workspace, "params.opt in (adam, sgd) and not tags.team = risk") == ["b"]
    assert names(workspace, "metrics.`odd key` = 1") == ["b"]
    assert names(workspace, "name ~ A") == ["a"]
    assert names(workspace, "started > 2d ago and duration < 90s") == ["a", "b", "c"]
    assert names(workspace, "started > 2099-01-01") == []
    assert names(workspace, order_by="-metrics.val/auc") == ["b", "a", "c"]
    assert names(workspace, order_by="params.lr") == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("metrics.loss >", 15),
        ("los > 1", 1),
        ("status = failed and", 20),
        ("status = failed or or", 20),
        ("metrics.loss > abc", 16),
        ("(status = failed", 17),
        ("status & failed", 8),
        ("status in failed", 11),
        ("'x' = 1", 1),
        ("started > 2026-13-01", 11),
    ],
)
def test_an_error_in_a_filter_points_at_its_column(text: str, column: int) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text, time.time())
    assert caught.value.column == column


@pytest.mark.parametrize(
    "text", ["not " * 5000 + "status = lost", "(" * 5000, " or ".join(["status = lost"] * 5000)], ids=["not", "(", "or"]
)
def test_a_filter_without_end_is_refused(text: str) -> None:
    with pytest.raises(FilterError, match="at most"):
        parse_filter(text, 0.0)


def test_the_largest_filter_is_no_trouble(workspace: Workspace) -> None:
    make(workspace)
    assert names(workspace, " or ".join(["name = otter"] * 200)) == ["otter"]
    assert names(workspace, "status = lost or (name = otter and (" * 10 + "name = otter" + "))" * 10) == ["otter"]
    assert names(workspace, "not " * 20 + "params.x = 1 or name = otter") == ["otter"]


def test_numbers_and_texts_may_stand_in_one_list(workspace: Workspace) -> None:
    for name, value in (("one", 1), ("adam", "adam"), ("two", 2)):
        make(workspace, name=name, params={"x": value})
    assert names(workspace, "params.x in (1, adam)") == ["adam", "one"]
    assert names(workspace, "params.x not in (1, adam)") == ["two"]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_a_filter_error(text: str) -> None:
    for read in (lambda: parse_filter(text, 0.0), lambda: parse_order(text)):
        try:
            read()
        except FilterError as error:
            assert 1 <= error.column <= len(text) + 1


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(-3, 6), st.one_of(st.sampled_from([NAN, INF, -INF]), st.floats(-5, 5))),
            min_size=1,
            max_size=5,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_summaries_agree_with_the_points_in_any_order(
    workspace: Workspace, batches: list[list[tuple[int, float]]]
) -> None:
    run_id = make(workspace)
    expected: dict[int, float] = {}
    for batch in batches:
        with workspace.store.write() as tx:
            series.ingest(tx, run_id, [("loss", step, value, 1.0) for step, value in batch])
        expected |= dict(batch)
    with workspace.store.read() as db:
        [summary] = series.summaries(db, run_id)
        points = series.points(db, run_id, "loss")
    finite = {step: value for step, value in expected.items() if not math.isnan(value)}
    assert [point.step for point in points] == sorted(expected)
    assert summary.count == len(expected)
    assert (summary.first_step, summary.last_step) == (min(expected), max(expected))
    assert repr(summary.last) == repr(expected[max(expected)] + 0.0)
    if finite:
        assert (summary.min, summary.max) == (min(finite.values()), max(finite.values()))
        assert summary.mean == pytest.approx(sum(finite.values()) / len(finite), abs=1e-9, nan_ok=True)
        assert finite[summary.min_step] == summary.min
        assert finite[summary.max_step] == summary.max
    else:
        assert math.isnan(summary.min)
        assert math.isnan(summary.mean)


def test_a_long_series_keeps_its_extremes_when_it_is_reduced(workspace: Workspace) -> None:
    run_id = make(workspace)
    values = [math.sin(i / 50) for i in range(10_000)]
    values[1234], values[5678] = 9.0, -9.0
    with workspace.store.write() as tx:
        series.ingest(tx, run_id, [("loss", i, value, float(i)) for i, value in enumerate(values)])
    with workspace.store.read() as db:
        curve = series.curve(db, run_id, "loss", buckets=100)
    assert curve is not None
    assert len(curve.points) <= 400
    assert {point.value for point in curve.points} >= {9.0, -9.0}
    assert [point.step for point in curve.points] == sorted({point.step for point in curve.points})


def test_the_feed_tells_what_has_changed(workspace: Workspace) -> None:
    with workspace.store.read() as db:
        before = changes.latest(db)
    run_id = make(workspace)
    with workspace.store.read() as db:
        items = changes.since(db, before)
    assert {item.topic for item in items} == {changes.Topic.RUNS, changes.Topic.SERIES}
    assert {item.ref for item in items} == {run_id}


def test_a_clock_that_is_put_back_makes_no_negative_duration(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="calm-otter", experiment="e", started_at=2000.0)
        runs.finish(tx, run_id, RunStatus.SUCCEEDED, ended_at=1000.0)
    with workspace.store.read() as db:
        assert runs.get(db, run_id).duration(0.0) == 0.0
        assert runs.page(db, runs.RunQuery("duration >= 0")).runs
        assert not runs.page(db, runs.RunQuery("duration < 0")).runs
