"""The state of the git tree that a run is started from. Commit and branch are read from files, without a process."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 20.0  # seconds for `git status` on a big tree


@dataclass(frozen=True, slots=True)
class GitState:
    commit: str | None = None
    branch: str | None = None


def read_state(folder: Path) -> GitState:
    """Commit and branch of the tree that `folder` lies in; both None outside of one, branch None on a detached head."""
    try:
        git = _git_folder(folder)
        if git is None:
            return GitState()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return GitState(head)
        ref = head.removeprefix("ref: ")
        return GitState(_commit(git, ref), ref.removeprefix("refs/heads/"))
    except (OSError, UnicodeDecodeError):
        return GitState()


def is_dirty(folder: Path) -> bool | None:
    """Whether files differ from the commit, new ones included; None if git can't say (soon enough)."""
    # No monitor: it is a command of the repository's choosing. No optional locks: a commit beside us must not fail.
    command = ["git", "-c", "core.fsmonitor=false", "status", "--porcelain"]
    try:
        found = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return bool(found.stdout.strip())


def _git_folder(folder: Path) -> Path | None:
    for candidate in (folder, *folder.parents):
        git = candidate / ".git"
        if git.is_dir():
            return git
        if git.is_file():  # a worktree or a submodule: "gitdir: PATH"
            return (candidate / git.read_text().strip().removeprefix("gitdir: ")).resolve()
    return None


def _commit(git: Path, ref: str) -> str | None:
    shared = git / "commondir"
    common = (git / shared.read_text().strip()).resolve() if shared.is_file() else git
    for place in (git, common):
        if (place / ref).is_file():
            return (place / ref).read_text().strip()
    packed = common / "packed-refs"
    if packed.is_file():
        for line in packed.read_text().splitlines():
            commit, _, name = line.partition(" ")
            if name == ref:
                return commit
    return None
