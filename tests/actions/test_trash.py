"""The trash: delete, restore, purge; experiments; and what a purge must never touch."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mlops_console import actions
from mlops_console.core.errors import NotFoundError, RefusedError, UsageError
from mlops_console.core.runs import RunStatus
from mlops_console.store import artifacts, experiments, objects, runs, series, trash
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
    assert _do(workspace, "purge_runs") == {"runs": 2, "kept": [], "freed": 1000}
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


def test_an_object_that_is_put_while_it_is_swept_stays(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at its age and its removal another process puts it again, and trusts it to stay."""
    path = _age(workspace, workspace.objects.put_bytes(b"same"))
    removed = objects._removed

    def put_first(path: Path) -> int:
        workspace.objects.put_bytes(b"same")
        return removed(path)

    monkeypatch.setattr(objects, "_removed", put_first)
    assert _do(workspace, "purge_runs")["freed"] == 0
    assert path.read_bytes() == b"same"
    monkeypatch.undo()
    _age(workspace, path.parent.name + path.name)
    assert _do(workspace, "purge_runs")["freed"] == 4
    assert list(path.parent.iterdir()) == []


def test_what_versions_and_datasets_need_is_never_swept(workspace: Workspace) -> None:
    model, example, sample = (workspace.objects.put_bytes(content) for content in (b"model", b"example", b"sample"))
    with workspace.store.write() as tx:
        tx.execute("INSERT INTO models (key, name, created_at) VALUES (1, 'fraud', 0)")
        tx.execute(
            "INSERT INTO model_versions (model_key, version, created_at, sha256, size, estimator, signature, "
            "input_example) VALUES (1, 1, 0, ?, 1, 'E', '{}', ?)",
            (model, example),
        )
        tx.execute("INSERT INTO datasets (key, name) VALUES (1, 'd')")
        tx.execute("INSERT INTO dataset_versions VALUES (1, 1, 1, 'f', 1, 1, '{}', '{}', ?, 0, NULL)", (sample,))
    files = [_age(workspace, sha256) for sha256 in (model, example, sample)]
    assert _do(workspace, "purge_runs")["freed"] == 0
    assert all(path.exists() for path in files)


def test_a_purge_that_was_killed_is_finished_by_the_next(workspace: Workspace) -> None:
    run = _run(workspace, "half", content=b"gone")
    with workspace.store.read() as db:
        path = _age(workspace, artifacts.listing(db, run)[0].sha256)
        key = db.execute("SELECT key FROM runs").fetchone()[0]
    _do(workspace, "delete_runs", runs=[run])
    with workspace.store.write() as tx:
        assert trash.condemn(tx, key, time.time())
        trash.shrink(tx, key)
    assert _listed(workspace, deleted=True) == ["half"]
    with pytest.raises(UsageError, match="being purged"):
        _do(workspace, "restore_runs", runs=[run])
    left = workspace.logs_dir / "0123456789abcdef"
    left.mkdir()
    os.utime(left, (0, 0))
    assert _do(workspace, "purge_runs", older_than=3600) == {"runs": 1, "kept": [], "freed": 4}
    assert (path.exists(), left.exists()) == (False, False)


def test_no_transaction_of_a_purge_is_long(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trash, "_PORTION", 3)
    with workspace.store.write() as tx:
        run = runs.create(tx, name="long", experiment="fraud")
        for name in "abcd":
            series.ingest(tx, run, [(name, step, 0.5, 1.0) for step in range(3000)])
        runs.finish(tx, run, RunStatus.SUCCEEDED)
    _do(workspace, "delete_runs", runs=[run])
    portions = []
    shrink = trash.shrink

    def counted(tx: Any, key: int) -> bool:
        before = tx.total_changes
        more = shrink(tx, key)
        portions.append(tx.total_changes - before)
        return more

    monkeypatch.setattr(trash, "shrink", counted)
    assert _do(workspace, "purge_runs")["runs"] == 1
    assert (max(portions), sum(portions)) == (3, 16)
    with workspace.store.read() as db:
        assert [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("chunks", "series")] == [0, 0]


def test_the_logs_of_a_run_go_with_it_but_those_that_another_needs(workspace: Workspace) -> None:
    gone, living = _run(workspace, "gone"), _run(workspace, "living")
    (workspace.logs_dir / gone).mkdir()
    (workspace.logs_dir / gone / "output.log").write_text("hello")
    job = workspace.logs_dir / "7"
    job.mkdir()
    for name in ("own.log", "shared.log", "job.log"):
        (job / name).write_text("hello")
    with workspace.store.write() as tx:
        for run, stage in ((gone, "own"), (gone, "shared"), (living, "shared")):
            tx.execute(
                "INSERT INTO stage_runs (run_key, stage, position, status, command, log, deps) "
                "SELECT key, ?, 0, 'succeeded', '', ?, '[]' FROM runs WHERE id = ?",
                (stage, f".mlops/logs/7/{stage}.log", run),
            )
    _do(workspace, "delete_runs", runs=[gone])
    _do(workspace, "purge_runs")
    assert not (workspace.logs_dir / gone).exists()
    assert sorted(path.name for path in job.iterdir()) == ["job.log", "shared.log"]


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
    assert _do(workspace, "purge_runs") == {"runs": 0, "kept": ["ancestor"], "freed": 0}
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


def test_of_two_deleted_experiments_of_a_name_the_run_brings_back_its_own(workspace: Workspace) -> None:
    older = _run(workspace, "older")
    _do(workspace, "delete_experiment", experiment="fraud")
    _run(workspace, "newer")
    _do(workspace, "delete_experiment", experiment="fraud")
    with workspace.store.read() as db:
        own = experiments.of_run(db, older)
    _do(workspace, "restore_runs", runs=[older])
    with workspace.store.read() as db:
        assert [(e.key, e.runs) for e in experiments.listing(db)] == [(own, 1)]
    _do(workspace, "restore_experiment", experiment="fraud")
    assert _listed(workspace) == ["newer", "older"]


def test_a_run_that_was_in_the_trash_before_its_experiment_stays_there(workspace: Workspace) -> None:
    before, other = _run(workspace, "before"), _run(workspace, "with")
    _do(workspace, "delete_runs", runs=[before])
    _do(workspace, "delete_experiment", experiment="fraud")
    _do(workspace, "delete_runs", runs=[other])  # it is there already
    _do(workspace, "restore_experiment", experiment="fraud")
    assert (_listed(workspace), _listed(workspace, deleted=True)) == (["with"], ["before"])


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


def test_a_purge_that_is_killed_at_any_moment_leaves_all_consistent(workspace: Workspace) -> None:
    contents = [f"content {number}".encode() for number in range(40)]
    ids = [_run(workspace, f"run-{number}", content=content) for number, content in enumerate(contents)]
    with workspace.store.read() as db:
        files = [_age(workspace, artifacts.listing(db, run)[0].sha256) for run in ids]
    kept = ids.pop()
    _do(workspace, "delete_runs", runs=ids)
    program = (
        "import sys; from pathlib import Path; from mlops_console import actions; "
        "from mlops_console.store.workspace import open_workspace; print(flush=True); "
        "actions.perform(open_workspace(Path(sys.argv[1])), 'purge_runs', {})"
    )
    for round in range(4):
        child = subprocess.Popen([sys.executable, "-c", program, str(workspace.root)], stdout=subprocess.PIPE)
        with child:
            assert child.stdout is not None
            child.stdout.readline()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=0.02 + 0.03 * round)  # the moment of the kill, not a state to wait for
            child.kill()
        with workspace.store.read() as db:
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            for run in runs.of_ids(db, ids):
                assert workspace.objects.path(artifacts.listing(db, run.id)[0].sha256).exists()
    _do(workspace, "purge_runs")
    assert [path.exists() for path in files] == [False] * 39 + [True]
    with workspace.store.read() as db:
        assert [run.id for run in runs.of_ids(db, [*ids, kept])] == [kept]
        assert db.execute("SELECT count(DISTINCT series_key) FROM chunks").fetchone()[0] == 1
