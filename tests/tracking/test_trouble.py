"""Trouble with the store never reaches training: one warning, and a word at the end."""

from pathlib import Path

import pytest

from mlops_console.core.runs import RunStatus
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking.recover import recover
from tests.tracking import programs

TRAIN = """
import mlops_console.tracking.clerk as clerk
clerk.PATIENCE = 0.5
with mlops.start_run('brave', params={'lr': 0.1}) as run:
    for step in range(1000):
        run.log({'a': float(step)}, step)
    run.set_tags({'x': 1})
    print('trained')
"""


def _check_training_went_on(done: "programs.subprocess.CompletedProcess[str]") -> None:
    assert (done.returncode, done.stdout) == (0, "trained\n"), done.stderr
    assert done.stderr.count("TrackingWarning") == 1
    assert "Traceback" not in done.stderr


def test_a_workspace_that_can_not_be_made(workspace: Workspace) -> None:
    folder = workspace.root / "other"
    folder.mkdir()
    (folder / "mlops.toml").touch()
    (folder / ".mlops").write_text("in the way")
    done = programs.run(workspace, TRAIN, env={"MLOPS_WORKSPACE": str(folder)})
    _check_training_went_on(done)
    assert "run brave: 1,005 records are lost" in done.stderr


@pytest.fixture
def damaged(tmp_path: Path) -> Workspace:
    """A workspace whose store is no database."""
    folder = tmp_path / "damaged"
    folder.mkdir()
    workspace = open_workspace(folder)
    (workspace.home / "console.db").write_bytes(b"junk" * 1000)
    return workspace


def test_a_store_that_is_no_database(damaged: Workspace) -> None:
    done = programs.run(damaged, TRAIN)
    _check_training_went_on(done)
    assert "1,005 records wait in .mlops/spool" in done.stderr
    for path in damaged.home.glob("console.db*"):
        path.unlink()
    mended = open_workspace(damaged.root)
    recover(mended)
    run = programs.only_run(mended)
    assert (run.status, run.metrics["a"].count, run.params) == (RunStatus.SUCCEEDED, 1000, {"lr": 0.1})
    mended.store.close()


def test_a_locked_store(workspace: Workspace) -> None:
    with workspace.store.write():
        done = programs.run(workspace, TRAIN)
    assert (done.returncode, done.stdout) == (0, "trained\n")
    assert "wait in .mlops/spool" in done.stderr
    recover(workspace)
    run = programs.only_run(workspace)
    assert (run.status, run.metrics["a"].count) == (RunStatus.SUCCEEDED, 1000)


def test_a_full_disk(workspace: Workspace) -> None:
    """No file of this process may grow beyond 64 kB: neither the spool nor the store."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
    done = programs.run(workspace, limit + TRAIN)
    _check_training_went_on(done)
    assert "are lost" in done.stderr
    assert not [path for path in workspace.spool_dir.iterdir() if path.stat().st_size]


def test_warnings_that_are_errors_stop_nothing(damaged: Workspace) -> None:
    done = programs.run(damaged, TRAIN, env={"PYTHONWARNINGS": "error"})
    assert (done.returncode, done.stdout) == (0, "trained\n"), done.stderr


@pytest.mark.parametrize(
    "call",
    [
        "run.log_artifact(__file__)",
        "run.log_dataset('train', {'a': [1, 2]})",
        "assert run.log_model(model, 'm') is None",
    ],
)
def test_objects_that_can_not_be_stored(workspace: Workspace, call: str) -> None:
    body = f"""
    import shutil
    from sklearn.dummy import DummyClassifier
    model = DummyClassifier().fit([[1.0]], [0])
    with mlops.start_run('brave') as run:
        run.log({{'a': 1.0}})
        mlops.runs()
        folder = {str(workspace.objects.folder)!r}
        shutil.rmtree(folder)
        open(folder, 'w').close()
        {call}
    print('trained')
    """
    done = programs.run(workspace, body)
    _check_training_went_on(done)
    assert "run brave: not stored: " in done.stderr
    assert programs.only_run(workspace).status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("run_id", ["../../x", "*", "a/b", "\x1b[0m"])
def test_a_run_id_that_is_none(workspace: Workspace, run_id: str) -> None:
    done = programs.run(workspace, "mlops.start_run()", env={"MLOPS_RUN_ID": run_id})
    assert done.returncode == 1
    assert "MLOPS_RUN_ID" in done.stderr.splitlines()[-1]


def test_a_run_in_trouble_does_not_hold_up_another(workspace: Workspace) -> None:
    body = """
    import os
    import mlops_console.tracking.clerk as clerk
    clerk.PATIENCE = 0.5
    os.environ["MLOPS_RUN_ID"] = "feedbeef"  # a run that nobody has made
    nowhere = mlops.start_run(); nowhere.log({'a': 1.0})
    del os.environ["MLOPS_RUN_ID"]
    with mlops.start_run('fine') as run:
        run.log({'a': 1.0})
    """
    done = programs.run(workspace, body)
    assert done.returncode == 0
    run = programs.only_run(workspace)
    assert (run.name, run.status, run.metrics["a"].count) == ("fine", RunStatus.SUCCEEDED, 1)
    assert "run feedbeef: 2 records wait" in done.stderr
