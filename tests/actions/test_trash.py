"""The trash: delete, restore, purge; experiments; and what a purge must never touch."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from mlops_console import actions
from mlops_console.core.errors import NotFoundError, RefusedError
from mlops_console.core.runs import RunStatus
from mlops_console.store import artifacts, experiments, runs, series
from mlops_console.store.objects import SETTLED
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client


def _run(workspace: Workspace, name: str, experiment: str = "fraud", content: bytes = b"") -> str:
    sha256 = workspace.objects.put_bytes(content) if content else ""
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name=name, experiment=experiment)
        series.ingest(tx, run_id, [("loss", step, 0.5, 1.0) for step in range(3000)])
        if sha256:
            artifacts.add(tx, run_id, "model.bin", sha256, len(content))
        runs.finish(tx, run_id, RunStatus.SUCCEEDED)
    return run_id


def _age(workspace: Workspace, content_of: str) -> Path:
    path = workspace.objects.path(content_of)
    os.utime(path, (time.time() - 2 * SETTLED,) * 2)
    return path


def _do(workspace: Workspace, action: str, **request: Any) -> Any:
    return client.execute(workspace, action, request).result


def _listed(workspace: Workspace, *, deleted: bool = False) -> list[str]:
    with workspace.store.read() as db:
        return sorted(run.name for run in runs.page(db, runs.RunQuery(deleted=deleted)).runs)


def test_several_runs_go_to_the_trash_and_come_back(workspace: Workspace) -> None:
    ids = [_run(workspace, name) for name in ("a", "b", "c")]
    assert _do(workspace, "delete_runs", runs=ids[:2])["names"] == ["a", "b"]
    assert (_listed(workspace), _listed(workspace, deleted=True)) == (["c"], ["a", "b"])
    _do(workspace, "restore_runs", runs=ids[:1])
    assert (_listed(workspace), _listed(workspace, deleted=True)) == (["a", "c"], ["b"])


def test_a_purge_frees_what_nobody_else_needs(workspace: Workspace) -> None:
    alone = _run(workspace, "alone", content=b"x" * 1000)
    shared = _run(workspace, "shared", content=b"y" * 500)
    _run(workspace, "living", content=b"y" * 500)
    with workspace.store.read() as db:
        objects = {name: artifacts.listing(db, run)[0].sha256 for name, run in (("x", alone), ("y", shared))}
    files = {name: _age(workspace, sha256) for name, sha256 in objects.items()}
    _do(workspace, "delete_runs", runs=[alone, shared])
    plan = actions.plan(workspace, "purge_runs", {})
    assert plan.title == "Delete 2 runs for ever"
    assert any("1.0 kB" in change.after or "1000 B" in change.after for change in plan.changes)
    assert _do(workspace, "purge_runs") == {"runs": 2, "kept": 0, "freed": 1000}
    assert (files["x"].exists(), files["y"].exists()) == (False, True)
    assert _listed(workspace, deleted=True) == []
    with workspace.store.read() as db:
        assert db.execute("SELECT count(DISTINCT series_key) FROM chunks").fetchone()[0] == 1
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_an_object_whose_record_is_on_its_way_stays(workspace: Workspace) -> None:
    """A run that is purged had the same file that another process stores right now."""
    run = _run(workspace, "old", content=b"same")
    with workspace.store.read() as db:
        path = _age(workspace, artifacts.listing(db, run)[0].sha256)
    _do(workspace, "delete_runs", runs=[run])
    workspace.objects.put_bytes(b"same")  # its record is still in the other process's spool
    assert _do(workspace, "purge_runs")["freed"] == 0
    assert path.exists()


def test_only_what_was_deleted_long_ago_is_purged(workspace: Workspace) -> None:
    run = _run(workspace, "recent")
    _do(workspace, "delete_runs", runs=[run])
    assert _do(workspace, "purge_runs", older_than=3600)["runs"] == 0
    assert _listed(workspace, deleted=True) == ["recent"]


def test_a_run_that_a_version_came_from_is_never_purged(workspace: Workspace) -> None:
    run = _run(workspace, "ancestor")
    with workspace.store.write() as tx:
        tx.execute("INSERT INTO models (key, name, created_at) VALUES (1, 'fraud', 0)")
        tx.execute(
            "INSERT INTO model_versions (model_key, version, created_at, sha256, size, estimator, signature, run_key) "
            "SELECT 1, 1, 0, 'x', 1, 'E', '{}', key FROM runs WHERE id = ?",
            (run,),
        )
    _do(workspace, "delete_runs", runs=[run])
    plan = actions.plan(workspace, "purge_runs", {})
    assert any("ancestor" in note for note in plan.notes)
    assert _do(workspace, "purge_runs") == {"runs": 0, "kept": 1, "freed": 0}
    assert _listed(workspace, deleted=True) == ["ancestor"]


def test_the_name_of_a_deleted_experiment_is_free_again(workspace: Workspace) -> None:
    _run(workspace, "first", "fräud ✓")
    _do(workspace, "delete_experiment", experiment="fräud ✓")
    assert _listed(workspace) == []
    _run(workspace, "second", "fräud ✓")
    with workspace.store.read() as db:
        assert [(e.name, e.runs) for e in experiments.listing(db)] == [("fräud ✓", 1)]
        assert [(e.name, e.runs) for e in experiments.listing(db, deleted=True)] == [("fräud ✓", 1)]
    _do(workspace, "restore_experiment", experiment="fräud ✓")
    assert _listed(workspace) == ["first", "second"]
    with workspace.store.read() as db:
        assert [(e.name, e.runs) for e in experiments.listing(db)] == [("fräud ✓", 2)]


def test_a_run_of_a_deleted_experiment_brings_it_back(workspace: Workspace) -> None:
    first, _ = _run(workspace, "first"), _run(workspace, "second")
    _do(workspace, "delete_experiment", experiment="fraud")
    _do(workspace, "restore_runs", runs=[first])
    assert _listed(workspace) == ["first"]
    with workspace.store.read() as db:
        assert [e.name for e in experiments.listing(db)] == ["fraud"]


def test_a_purge_takes_experiments_without_runs(workspace: Workspace) -> None:
    _run(workspace, "first")
    _do(workspace, "delete_experiment", experiment="fraud")
    _do(workspace, "purge_runs")
    with workspace.store.read() as db:
        assert experiments.listing(db, deleted=True) == []


def test_what_still_runs_is_refused(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        run = runs.create(tx, name="live", experiment="fraud")
    for action, request in (("delete_runs", {"runs": [run]}), ("delete_experiment", {"experiment": "fraud"})):
        with pytest.raises(RefusedError):
            client.execute(workspace, action, request)
    with pytest.raises(NotFoundError):
        _do(workspace, "delete_experiment", experiment="nothing")
