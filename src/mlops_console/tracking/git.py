"""The state of the git tree that a run is started from. Commit and branch are read from files, without a process."""

import os
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 20.0  # seconds for one command on a big tree
_STATUS = 1 << 20  # bytes
# No monitor: it is a command of the repository's choosing. No optional locks: a commit beside us must not fail. Of the
# names only what a terminal could not show is quoted.
_GIT = ("git", "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")


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
    found = status(folder)
    return None if found is None else bool(found.text)


def status(folder: Path) -> "Told | None":
    """What differs from the commit, as `git status --porcelain` lists it; None if git can't say (soon enough)."""
    return ask(folder, "status", "--porcelain", most=_STATUS)


@dataclass(frozen=True, slots=True)
class Told:
    """What git has answered; `whole` unless there was more of it than anybody wants."""

    text: bytes
    whole: bool


def ask(folder: Path, *arguments: str, most: int) -> Told | None:
    """The first `most` bytes that a git command prints; None if it fails, or takes too long, or there is no git."""
    try:
        with subprocess.Popen(
            [*_GIT, *arguments],
            cwd=folder,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            alarm = threading.Timer(PATIENCE, process.kill)
            alarm.daemon = True
            alarm.start()
            assert process.stdout is not None
            text = process.stdout.read(most + 1)
            if len(text) > most:
                process.kill()
            process.wait()
            alarm.cancel()
    except OSError:
        return None
    if len(text) > most:
        return Told(text[:most], whole=False)
    return Told(text, whole=True) if process.returncode == 0 else None


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
