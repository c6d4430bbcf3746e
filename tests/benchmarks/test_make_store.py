"""The stores of the benchmarks hold what the product itself would have written."""

import dataclasses
import sqlite3
from pathlib import Path

import pytest

from benchmarks.make_store import EXPERIMENTS, MadeRun, made_run, make, store_of
from mlops_console.core.runs import Provenance, Run, RunStatus
from mlops_console.store import runs, series
from mlops_console.store.workspace import Workspace, open_workspace

SIZE = 60


def _write(workspace: Workspace, made: MadeRun) -> None:
    """As the clerk does it."""
    with workspace.store.write() as tx:
        runs.create(
            tx,
            name=made.name,
            experiment=EXPERIMENTS[made.experiment],
            run_id=made.id,
            started_at=made.started_at,
            provenance=Provenance(user="bench"),
        )
        runs.set_params(tx, made.id, made.params)
        runs.set_tags(tx, made.id, made.tags)
        points = [(name, 0, value, made.started_at + 60) for name, value in sorted(made.metrics.items())]
        series.ingest(tx, made.id, points)
        if made.status is not RunStatus.RUNNING:
            runs.finish(tx, made.id, made.status, ended_at=made.ended_at)


def _raw(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """The schema, and the rows below the runs."""
    db = sqlite3.connect(path)
    found = {"schema": sorted(db.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master"))}
    for table in ("params", "tags", "series", "chunks"):
        found[table] = db.execute(f"SELECT * FROM {table}").fetchall()
    found["state"] = [*db.execute("PRAGMA integrity_check"), *db.execute("PRAGMA journal_mode")]
    db.close()
    return found


def _runs(workspace: Workspace) -> list[Run]:
    with workspace.store.read() as db:
        found = runs.page(db, runs.RunQuery(order_by="started", limit=1000)).runs
    return [dataclasses.replace(run, heartbeat_at=None) for run in found]


def test_runs_made_in_bulk_are_those_that_the_product_writes(workspace: Workspace, tmp_path: Path) -> None:
    for number in range(1, SIZE + 1):
        _write(workspace, made_run(number, SIZE))
    make("runs", SIZE, tmp_path / "bulk")
    bulk = open_workspace(tmp_path / "bulk")
    assert _runs(bulk) == _runs(workspace)
    assert {run.status for run in _runs(bulk)} == set(RunStatus) - {RunStatus.QUEUED}
    bulk.store.close()
    assert _raw(bulk.store.path) == _raw(workspace.store.path)


def test_the_points_are_all_there(tmp_path: Path) -> None:
    make("points", 5_000, tmp_path)
    workspace = open_workspace(tmp_path)
    [run] = _runs(workspace)
    with workspace.store.read() as db:
        points = series.points(db, run.id, "train/loss")
    workspace.store.close()
    assert [point.step for point in points] == list(range(5_000))


def test_a_store_is_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_STORES", str(tmp_path))
    first = store_of("runs", 10)
    before = first.stat()
    assert store_of("runs", 10) == first
    assert first.stat().st_ino == before.st_ino
    assert [path.name for path in tmp_path.iterdir()] == [first.name]
