"""What is not committed becomes artifacts of the run: against git itself, in trees of all kinds."""

import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from mlops_console.core.runs import RunStatus
from mlops_console.store import artifacts
from mlops_console.store.objects import Objects
from mlops_console.store.workspace import Workspace
from mlops_console.tracking import git, patch
from mlops_console.tracking.recover import recover
from tests.support import wait_for
from tests.tracking import programs


def _git(folder: Path, *arguments: str) -> bytes:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout


def _commit(folder: Path) -> None:
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", "some")


def _make_tree(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    _git(folder, "init", "-q", "-b", "main")
    (folder / "a.txt").write_text("one\n")
    _commit(folder)
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return _make_tree(tmp_path / "tree")


def _kept(folder: Path) -> dict[str, bytes]:
    """The artifacts as they are kept, by path."""
    objects = Objects(folder.parent / "objects")
    found = patch.keep(folder, git.status(folder), objects)
    contents = {file.path: objects.read_checked(file.sha256) for file in found}
    assert [len(content) for content in contents.values()] == [file.size for file in found]
    return contents


def test_nothing_of_a_clean_tree_or_none(tree: Path, tmp_path: Path) -> None:
    assert _kept(tree) == {}
    assert _kept(tmp_path) == {}


def test_a_patch_brings_the_tree_back(tree: Path) -> None:
    below = tree / "deep"
    below.mkdir()
    (below / "b.txt").write_text("b\n")
    _commit(tree)
    (tree / "a.txt").write_text("two\n")
    (below / "b.txt").unlink()
    (tree / "staged ünï.txt").write_text("new\n")
    _git(tree, "add", "staged ünï.txt")
    below.mkdir(exist_ok=True)
    kept = _kept(below)
    assert set(kept) == {"git/dirty.patch"}
    second = tree.parent / "second"
    _git(tree, "worktree", "add", "-q", str(second), "HEAD")
    subprocess.run(["git", "apply"], cwd=second, input=kept["git/dirty.patch"], check=True)
    assert (second / "a.txt").read_text() == "two\n"
    assert (second / "staged ünï.txt").read_text() == "new\n"
    assert not (second / "deep" / "b.txt").exists()


def test_untracked_files_are_listed_by_name(tree: Path) -> None:
    (tree / "new.py").write_text("password = 'secret'")
    (tree / "data").mkdir()
    for number in range(3):
        (tree / "data" / f"{number}.csv").touch()
    (tree / ".gitignore").write_text("*.log\n")
    (tree / "x.log").touch()
    assert _kept(tree) == {"git/untracked.txt": b".gitignore\ndata/\nnew.py\n"}


def test_hostile_names(tree: Path) -> None:
    for name in ("HEAD", "-p", "--output=stolen", "new\nline", "\x1b[31mred", "?? x", 'quo"te', "ünï"):
        (tree / name).write_text("a\n")
    listed = _kept(tree)["git/untracked.txt"].decode().splitlines()
    assert len(listed) == 8
    assert {"HEAD", "-p", "--output=stolen", r'"new\nline"', r'"\033[31mred"', r'"quo\"te"', "ünï"} <= set(listed)
    _commit(tree)
    (tree / "--output=stolen").write_text("b\n")
    (tree / "HEAD").write_text("b\n")
    kept = _kept(tree)
    assert kept["git/dirty.patch"].count(b"diff --git") == 2
    assert not (tree / "stolen").exists()


def test_a_huge_patch_is_told_of_and_not_kept(tree: Path) -> None:
    (tree / "b.txt").write_text("b\n")
    _commit(tree)
    (tree / "a.txt").write_text("a line of some length\n" * 100_000)
    (tree / "b.txt").write_text("c\n")
    kept = _kept(tree)
    assert set(kept) == {"git/dirty.txt"}
    text = kept["git/dirty.txt"].decode()
    assert text.startswith("The patch is larger than 1 MiB")
    assert "a.txt" in text
    assert "2 files changed, 100001 insertions(+), 2 deletions(-)" in text


def test_huge_lists_are_bounded(tree: Path) -> None:
    for number in range(1500):
        (tree / f"{number}-{'x' * 100}").write_text("a" * 1000 + "\n")
    untracked = _kept(tree)["git/untracked.txt"]
    assert len(untracked) <= patch.LIST
    assert untracked.endswith(b"more)\n")
    _commit(tree)
    for path in tree.iterdir():
        if path.is_file():
            path.write_text("b" * 1000 + "\n")
    kept = _kept(tree)
    assert set(kept) == {"git/dirty.txt"}
    assert len(kept["git/dirty.txt"]) <= patch.LIST
    assert b"1501 files changed" in kept["git/dirty.txt"]


def test_a_binary_file_is_told_by_name(tree: Path) -> None:
    (tree / "model.bin").write_bytes(bytes(range(256)) * 10)
    _commit(tree)
    (tree / "model.bin").write_bytes(os.urandom(3_000_000))
    kept = _kept(tree)["git/dirty.patch"]
    assert b"Binary files a/model.bin and b/model.bin differ" in kept
    assert len(kept) < 300


def test_no_program_that_the_repository_names_is_run(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = tree.parent / "trap.sh"
    trap.write_text(f'#!/bin/sh\ntouch {tree.parent / "sprung"}\nexec cat "$1"\n')
    trap.chmod(trap.stat().st_mode | stat.S_IXUSR)
    (tree / ".gitattributes").write_text("*.txt diff=trap\n")
    _commit(tree)
    for key in (
        "diff.external",
        "diff.trap.textconv",
        "diff.trap.command",
        "core.fsmonitor",
        "core.pager",
        "pager.diff",
    ):
        _git(tree, "config", key, str(trap))
    for key, value in (("color.ui", "always"), ("diff.noprefix", "true"), ("diff.relative", "true")):
        _git(tree, "config", key, value)
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(trap))
    (tree / "a.txt").write_text("two\n")
    (tree / "sub").mkdir()
    kept = _kept(tree / "sub")["git/dirty.patch"]
    assert kept.startswith(b"diff --git a/a.txt b/a.txt\n")
    assert kept.endswith(b"-one\n+two\n")
    assert not (tree.parent / "sprung").exists()


def test_no_commit_yet(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    _git(folder, "init", "-q")
    (folder / "a.txt").write_text("a")
    assert _kept(folder) == {}
    _git(folder, "add", ".")
    assert _kept(folder) == {}


def test_a_submodule(tree: Path, tmp_path: Path) -> None:
    inner = _make_tree(tmp_path / "inner")
    _git(tree, "submodule", "--quiet", "add", str(inner), "part")
    _commit(tree)
    assert _kept(tree) == {}
    (tree / "part" / "a.txt").write_text("two\n")
    assert b"-dirty" in _kept(tree)["git/dirty.patch"]
    assert b"+two" in _kept(tree / "part")["git/dirty.patch"]


def test_a_worktree(tree: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    _git(tree, "worktree", "add", "-q", "-b", "other", str(second))
    (second / "a.txt").write_text("two\n")
    assert _kept(tree) == {}
    assert b"+two" in _kept(second)["git/dirty.patch"]


@pytest.mark.parametrize("script", ["exit 3", "sleep 60", "cat", "kill -9 $$"])
def test_a_git_that_fails_or_hangs(tree: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    programs_folder = tree.parent / "bin"
    programs_folder.mkdir()
    (tree / "a.txt").write_text("two\n")
    status = git.status(tree)
    fake = programs_folder / "git"
    fake.write_text(f"#!/bin/sh\nexec {script}\n" if script.startswith("sleep") else f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs_folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(git, "PATIENCE", 0.3)
    assert set(patch._contents(tree, status)) in (set(), {("git/dirty.patch", b""), ("git/untracked.txt", b"")})  # type: ignore[arg-type]
    monkeypatch.setenv("PATH", str(tree))
    assert _kept(tree) == {}


def _artifacts(workspace: Workspace) -> dict[str, bytes]:
    run = programs.only_run(workspace)
    with workspace.store.read() as db:
        return {a.path: workspace.objects.read_checked(a.sha256) for a in artifacts.listing(db, run.id)}


@pytest.fixture
def dirty(workspace: Workspace) -> Workspace:
    """A workspace in a tree that is."""
    _make_tree(workspace.root)
    (workspace.root / "a.txt").write_text("two\n")
    return workspace


def test_a_run_keeps_it(dirty: Workspace) -> None:
    done = programs.run(dirty, "with mlops.start_run('a') as run: run.log({'x': 1.0})")
    assert (done.returncode, done.stderr) == (0, "")
    kept = _artifacts(dirty)
    assert set(kept) == {"git/dirty.patch", "git/untracked.txt"}
    assert b"+two" in kept["git/dirty.patch"]
    assert programs.only_run(dirty).provenance.git_dirty is True


def test_it_survives_kill_9(dirty: Workspace) -> None:
    process = programs.start(dirty, "run = mlops.start_run('a')\ninput()")
    wait_for(lambda: programs.all_runs(dirty) and _artifacts(dirty))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    recover(dirty, now=2e9)
    assert set(_artifacts(dirty)) == {"git/dirty.patch", "git/untracked.txt"}
    run = programs.only_run(dirty)
    assert (run.status, run.provenance.git_dirty) == (RunStatus.LOST, True)


def test_many_short_runs_ask_git_once(dirty: Workspace) -> None:
    body = """
    from mlops_console.tracking import git
    asked = []
    original = git.status
    git.status = lambda folder: asked.append(folder) or original(folder)
    for number in range(20):
        mlops.start_run().finish()
    assert len(asked) == 1, asked
    """
    done = programs.run(dirty, body)
    assert (done.returncode, done.stderr) == (0, "")
    for run in programs.all_runs(dirty):
        with dirty.store.read() as db:
            assert len(artifacts.listing(db, run.id)) == 2


def test_a_run_without_git(workspace: Workspace) -> None:
    _make_tree(workspace.root)
    (workspace.root / "a.txt").write_text("two\n")
    done = programs.run(workspace, "mlops.start_run('a').finish()", env={"PATH": ""})
    assert (done.returncode, done.stderr) == (0, "")
    assert _artifacts(workspace) == {}
    assert programs.only_run(workspace).provenance.git_dirty is None
