"""Points in chunks: whatever is written, in whatever order, is read back, and a curve keeps every extreme."""

import itertools
import math
import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_console.core.runs import Point
from mlops_console.store import chunks, migrations, series
from mlops_console.store.chunks import Columns
from mlops_console.store.database import Store
from mlops_console.store.workspace import Workspace
from tests.store.test_runs import make

STEPS = st.one_of(st.integers(0, 60), st.integers(-(1 << 63), (1 << 63) - 1))
VALUES = st.one_of(st.floats(), st.integers(-3, 3).map(float))
BATCHES = st.lists(st.lists(st.tuples(STEPS, VALUES), min_size=1, max_size=30), min_size=1, max_size=8)


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(BATCHES)
def test_points_are_read_as_written_with_small_chunks(
    workspace: Workspace, batches: list[list[tuple[int, float]]]
) -> None:
    run_id = make(workspace)
    expected: dict[int, float] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "MOST", 8)
        for batch in batches:
            with workspace.store.write() as tx:
                series.ingest(tx, run_id, [("m", step, value, float(at)) for at, (step, value) in enumerate(batch)])
            expected |= dict(batch)
    with workspace.store.read() as db:
        points = series.points(db, run_id, "m")
        rows = db.execute(
            "SELECT c.first_step, c.last_step, c.count FROM chunks c JOIN series s ON s.key = c.series_key "
            "JOIN runs r ON r.key = s.run_key WHERE r.id = ? ORDER BY c.first_step",
            (run_id,),
        ).fetchall()
    assert [point.step for point in points] == sorted(expected)
    assert all(_same(point.value, expected[point.step]) for point in points)
    assert all(one["last_step"] < other["first_step"] for one, other in itertools.pairwise(rows))
    assert all(row["count"] <= 8 for row in rows)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=300), st.integers(1, 40), st.integers(1, 40), st.data())
def test_a_curve_keeps_the_extremes_of_its_stretch(
    workspace: Workspace, values: list[float], batch: int, buckets: int, data: st.DataObject
) -> None:
    run_id = make(workspace)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "MOST", 16)
        for begin in range(0, len(values), batch):
            with workspace.store.write() as tx:
                series.ingest(
                    tx,
                    run_id,
                    [("m", begin + at, value, 1.0) for at, value in enumerate(values[begin : begin + batch])],
                )
    first = data.draw(st.integers(0, len(values) - 1))
    last = data.draw(st.integers(first, len(values) - 1))
    with workspace.store.read() as db:
        curve = series.curve(db, run_id, "m", first_step=first, last_step=last, buckets=buckets)
    assert curve is not None
    assert (curve.first_step, curve.last_step) == (0, len(values) - 1)
    assert len(curve.points) <= 4 * buckets
    steps = [point.step for point in curve.points]
    assert steps == sorted(set(steps))
    assert all(_same(point.value, values[point.step]) for point in curve.points)
    finite = [value for value in values[first : last + 1] if not math.isnan(value)]
    assert curve.exact is False or curve.missing == last + 1 - first - len(finite)
    if finite:
        seen = [point.value for point in curve.points if not math.isnan(point.value)]
        assert min(seen) <= min(finite)
        assert max(seen) >= max(finite)
    if curve.exact:
        assert steps == list(range(first, last + 1))


def test_the_means_of_a_curve_are_those_of_its_points(workspace: Workspace) -> None:
    run_id = make(workspace)
    with workspace.store.write() as tx:
        series.ingest(tx, run_id, [("m", step, float(step % 7), 1.0) for step in range(50_000)])
    with workspace.store.read() as db:
        near = series.curve(db, run_id, "m", last_step=9_999, buckets=100)
        afar = series.curve(db, run_id, "m", buckets=20)
    assert near is not None
    assert afar is not None
    assert (near.count, len(near.means)) == (10_000, 100)
    assert [point.value for point in near.means] == pytest.approx(
        [sum(step % 7 for step in range(begin, begin + 100)) / 100 for begin in range(0, 10_000, 100)]
    )
    assert afar.count == 50_000
    assert sum(point.value for point in afar.means) / len(afar.means) == pytest.approx(3.0, abs=0.01)


def test_many_small_portions_become_few_chunks(workspace: Workspace) -> None:
    run_id = make(workspace)
    for step in range(600):
        with workspace.store.write() as tx:
            series.ingest(tx, run_id, [("m", step, 0.5, 1.0)])
    with workspace.store.read() as db:
        assert db.execute("SELECT count(*) FROM chunks").fetchone()[0] <= 12
        assert len(series.points(db, run_id, "m")) == 600


def test_a_store_of_format_1_keeps_its_points(workspace: Workspace) -> None:
    path = workspace.home / "old.db"
    with closing(sqlite3.connect(path)) as db:
        for statement in migrations._statements(migrations._scripts()[1].read_text(encoding="utf-8")):
            db.execute(statement)
        db.execute("INSERT INTO experiments (key, name, created_at) VALUES (1, 'e', 0)")
        db.execute(
            "INSERT INTO runs (key, id, experiment_key, name, status, created_at) VALUES (1, 'r', 1, 'r', 'failed', 0)"
        )
        db.execute("INSERT INTO series (key, run_key, name, count, first_step, last_step) VALUES (1, 1, 'm', 3, 0, 9)")
        db.executemany("INSERT INTO points VALUES (1, ?, ?, ?)", [(0, 0.5, 1.0), (4, None, 2.0), (9, 1.5, 3.0)])
        db.execute("PRAGMA user_version=1")
        db.commit()
    with Store(path).read() as db:
        first, second, third = series.points(db, "r", "m")
    assert (first, third) == (Point(0, 0.5, 1.0), Point(9, 1.5, 3.0))
    assert (second.step, second.at) == (4, 2.0)
    assert math.isnan(second.value)


def test_steps_at_both_ends_of_what_64_bits_hold(workspace: Workspace) -> None:
    run_id = make(workspace)
    ends = [-(1 << 63), 0, (1 << 63) - 1]
    with workspace.store.write() as tx:
        series.ingest(tx, run_id, [("m", step, 1.0, 1.0) for step in ends])
    with workspace.store.read() as db:
        assert [point.step for point in series.points(db, run_id, "m")] == ends


def test_figures_of_infinities_have_no_sum() -> None:
    found = chunks.figures([math.inf, -math.inf, math.nan])
    assert (found.count, found.finite, found.low, found.high) == (3, 2, 1, 0)
    assert math.isnan(found.total)


def test_merged_points_take_the_new_value() -> None:
    old, new = Columns([1, 3], [0.1, 0.3], [1.0, 1.0]), Columns([3, 2], [9.0, 0.2], [2.0, 2.0])
    assert chunks.merged(old, new) == Columns([1, 2, 3], [0.1, 0.2, 9.0], [1.0, 2.0, 2.0])
