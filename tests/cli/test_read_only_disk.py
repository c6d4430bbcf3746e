"""A workspace on a disk that can't be written: it can be read, and every action is one sentence."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_console.store import runs
from mlops_console.store.workspace import Workspace


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder unwritable: by its permissions, or for root, who may do all, by a mount."""
    if os.geteuid() != 0:
        modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*"))}
        for path in modes:
            path.chmod(0o500 if path.is_dir() else 0o400)
        yield
        for path, mode in modes.items():
            path.chmod(mode)
        return
    mounted = subprocess.run(["mount", "--bind", folder, folder], capture_output=True).returncode == 0
    if not mounted:
        pytest.skip("root may write anywhere here, and a read-only mount is not permitted on this machine")
    subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def console(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mlops_console", *arguments], cwd=cwd, capture_output=True, text=True, timeout=50
    )


def test_a_read_only_disk(workspace: Workspace) -> None:
    (workspace.root / "mlops.toml").write_text('[project]\nname = "x"\n[pipelines.train.stages.fit]\nrun = "true"\n')
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="calm-otter", experiment="x")
        runs.finish(tx, run_id, runs.RunStatus.SUCCEEDED)
    workspace.store.close()
    with read_only(workspace.root):
        listed = console("run", "list", cwd=workspace.root)
        assert listed.returncode == 0, listed
        assert "calm-otter" in listed.stdout
        for command in (["run", "delete", run_id], ["train"]):
            refused = console(*command, cwd=workspace.root)
            assert refused.returncode == 1, refused
            assert refused.stderr.count("\n") == 1
            assert "can't be written" in refused.stderr


def test_a_new_workspace_on_a_read_only_disk(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "mlops.toml").write_text('[project]\nname = "x"\n')
    with read_only(tmp_path / "project"):
        refused = console("status", cwd=tmp_path / "project")
        assert refused.returncode == 1
        assert "can't be made" in refused.stderr
        assert refused.stderr.count("\n") == 1
