"""Commit, branch and dirty state, against git itself."""

import subprocess
from pathlib import Path

import pytest

from mlops_console.tracking.git import GitState, is_dirty, read_state


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    _git(folder, "init", "-q", "-b", "feature/x")
    (folder / "a.txt").write_text("a")
    _git(folder, "add", ".")
    _git(folder, "commit", "-q", "-m", "one")
    return folder


def test_commit_and_branch(tree: Path) -> None:
    below = tree / "deep" / "er"
    below.mkdir(parents=True)
    head = _git(tree, "rev-parse", "HEAD")
    assert read_state(below) == GitState(head, "feature/x")
    _git(tree, "pack-refs", "--all")
    assert read_state(tree) == GitState(head, "feature/x")
    _git(tree, "checkout", "-q", "--detach")
    assert read_state(tree) == GitState(head, None)


def test_a_worktree(tree: Path, tmp_path: Path) -> None:
    _git(tree, "worktree", "add", "-q", "-b", "other", str(tmp_path / "second"))
    assert read_state(tmp_path / "second") == GitState(_git(tree, "rev-parse", "HEAD"), "other")


def test_dirty(tree: Path) -> None:
    assert is_dirty(tree) is False
    (tree / "b.txt").write_text("b")
    assert is_dirty(tree) is True
    _git(tree, "add", ".")
    _git(tree, "commit", "-q", "-m", "two")
    assert is_dirty(tree) is False
    (tree / "a.txt").write_text("changed")
    assert is_dirty(tree) is True


def test_no_tree(tmp_path: Path) -> None:
    assert read_state(tmp_path) == GitState()
    assert is_dirty(tmp_path) is None


def test_a_branch_without_a_commit_and_a_broken_head(tmp_path: Path) -> None:
    _git(tmp_path, "init", "-q", "-b", "main")
    assert read_state(tmp_path) == GitState(None, "main")
    (tmp_path / ".git" / "HEAD").write_bytes(b"\xff\xfe")
    assert read_state(tmp_path) == GitState()
