"""What changed between two commits."""

import os
import subprocess
from pathlib import Path

import pytest

from mlops_console.tracking.diff_stat import between


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    names = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout


def commit(folder: Path, **files: str) -> str:
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "x", "--allow-empty")
    return git(folder, "rev-parse", "HEAD").strip()


def test_files_and_sums_are_told(tree: Path) -> None:
    one, other = commit(tree, a="1\n2\n"), commit(tree, a="1\n3\n", b="4\n")
    found = between(tree, one, other)
    assert found.summary == "2 files changed, 2 insertions(+), 1 deletion(-)"
    assert [file.split()[0] for file in found.files] == ["a", "b"]
    assert between(tree, one, one).summary == "same commit"
    assert between(tree, other, commit(tree)).summary == "no change"


def test_what_git_does_not_know_is_a_sentence(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    one = commit(tree, a="1\n")
    assert between(tree, one, "0" * 40).summary == "git does not know 000000000000 here"
    assert between(tree, "--output=stolen", one).summary.startswith("git does not know --output=")
    assert not (tree / "stolen").exists()
    assert between(tmp_path_factory.mktemp("bare"), one, "0" * 40).summary == "no git tree here"


def test_no_command_of_the_repository_is_run(tree: Path) -> None:
    trap = f"touch {tree}/trapped; cat"
    git(tree, "config", "diff.external", trap)
    git(tree, "config", "diff.trap.textconv", trap)
    git(tree, "config", "diff.trap.command", trap)
    one = commit(tree, a="1\n", **{".gitattributes": "* diff=trap\n"})
    assert between(tree, one, commit(tree, a="2\n")).files
    assert not (tree / "trapped").exists()
