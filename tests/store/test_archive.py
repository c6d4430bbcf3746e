"""Backup and restore of a workspace."""

import os
from pathlib import Path

import pytest

from mlops_console.core.errors import NotFoundError, RefusedError, StoreError
from mlops_console.core.jobs import JobState
from mlops_console.core.predictions import Prediction
from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.store import archive, deploying, deployments, jobs, runs, server_processes, stages
from mlops_console.store.identity import current_process
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace, open_workspace
from tests.answered import log_rows


def names(workspace: Workspace) -> list[str]:
    with workspace.store.read() as db:
        return [run.name for run in runs.page(db, runs.RunQuery()).runs]


def fill(workspace: Workspace) -> str:
    with workspace.store.write() as tx:
        runs.create(tx, name="kept", experiment="first")
    log_rows(workspace, "production", [Prediction(1.0, 1, {"x": 1}, {"predict": 0})])
    return workspace.objects.put_bytes(b"model")


def test_a_backup_brings_everything_back(workspace: Workspace, tmp_path: Path) -> None:
    sha256 = fill(workspace)
    file = tmp_path / "backup.tar.gz"
    assert archive.save(workspace, file) == file.stat().st_size
    (tmp_path / "elsewhere").mkdir()
    assert archive.restore(tmp_path / "elsewhere", file) is None
    restored = open_workspace(tmp_path / "elsewhere")
    assert names(restored) == ["kept"]
    assert restored.objects.read_checked(sha256) == b"model"
    assert PredictionLog(restored.predictions_path).count("production", 0, 2) == 1
    assert restored.home.stat().st_mode & 0o777 == 0o700


def test_what_ran_at_the_time_of_the_backup_is_not_taken_over(workspace: Workspace, tmp_path: Path) -> None:
    with workspace.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", 1)
        server_processes.started(tx, "production", 0, current_process())
        running = jobs.enqueue(tx, "train", "train", {}, "ann")
        jobs.claim(tx, running)
        jobs.take(tx, running, current_process())
        queued = jobs.enqueue(tx, "train", "train", {}, "ann")
        run = runs.create(tx, name="calm-otter", experiment="e", process=current_process(), job_id=running)
        stages.plan_stages(tx, run, [StageRun("fit", 0, RunStatus.QUEUED, "true", "", (), cpus=2.0)])
        stages.start(tx, run, "fit")
    archive.save(workspace, tmp_path / "backup.tar.gz")
    (tmp_path / "elsewhere").mkdir()
    archive.restore(tmp_path / "elsewhere", tmp_path / "backup.tar.gz")
    with open_workspace(tmp_path / "elsewhere").store.read() as db:
        assert jobs.worker(db) is None
        assert [found.processes for found in deployments.environments(db)] == [()]
        assert [jobs.get(db, job).state for job in (running, queued)] == [JobState.LOST, JobState.QUEUED]
        assert runs.get(db, run).status is RunStatus.LOST
        assert stages.taken(db)[0] == 0


def test_the_store_that_was_there_is_kept(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    archive.save(workspace, file)
    fill(workspace)
    before = archive.restore(workspace.root, file)
    assert before is not None
    assert (before / "console.db").is_file()
    assert names(open_workspace(workspace.root)) == []


def test_a_backup_with_one_wrong_byte_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    workspace.objects.put_bytes(os.urandom(200_000))
    archive.save(workspace, tmp_path / "backup.tar.gz")
    fill(workspace)
    content = bytearray((tmp_path / "backup.tar.gz").read_bytes())
    for position in range(200, len(content), 20_000):
        content[position] ^= 255
        (tmp_path / "wrong.tar.gz").write_bytes(content)
        content[position] ^= 255
        with pytest.raises(StoreError, match="no whole backup"):
            archive.restore(workspace.root, tmp_path / "wrong.tar.gz")
    assert names(workspace) == ["kept"]


@pytest.mark.parametrize("content", [b"", b"no tar", b"\x1f\x8b\x08\x00"])
def test_nonsense_changes_nothing(workspace: Workspace, tmp_path: Path, content: bytes) -> None:
    fill(workspace)
    file = tmp_path / "broken.tar.gz"
    file.write_bytes(content)
    with pytest.raises(StoreError, match="no whole backup"):
        archive.restore(workspace.root, file)
    assert names(workspace) == ["kept"]
    with pytest.raises(NotFoundError):
        archive.restore(workspace.root, tmp_path / "missing")


def test_it_is_refused_while_a_worker_is_at_work(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    archive.save(workspace, file)
    with workspace.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")
    with pytest.raises(RefusedError, match="worker"):
        archive.restore(workspace.root, file)


def test_a_backup_that_cannot_be_written(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't be written"):
        archive.save(workspace, tmp_path / "missing" / "backup.tar.gz")


def test_a_damaged_store_is_no_reason_against_a_restore(workspace: Workspace, tmp_path: Path) -> None:
    fill(workspace)
    file = tmp_path / "backup.tar.gz"
    archive.save(workspace, file)
    workspace.store.close()
    for path in workspace.home.glob("console.db*"):
        path.unlink()
    (workspace.home / "console.db").write_bytes(b"damaged" * 1000)
    assert archive.restore(workspace.root, file) is not None
    assert names(open_workspace(workspace.root)) == ["kept"]


def test_a_backup_of_a_damaged_database_is_one_sentence_and_no_file(workspace: Workspace, tmp_path: Path) -> None:
    fill(workspace)
    workspace.predictions_path.write_bytes(b"damaged" * 1000)
    with pytest.raises(StoreError, match="damaged"):
        archive.save(workspace, tmp_path / "backup.tar.gz")
    assert list(tmp_path.glob("backup*")) == []
