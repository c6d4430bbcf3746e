"""What changed between two commits, as `git diff --stat` counts it."""

import re
from dataclasses import dataclass
from pathlib import Path

from mlops_console.tracking import git

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_MOST = 1 << 16  # bytes
# 100 cells wide, names up to 70, 100 files. No command of the repository's own is run.
_ARGUMENTS = ("diff", "--stat=100,70,100", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short")


@dataclass(frozen=True, slots=True)
class DiffStat:
    """`summary`: one line for people, which also says why there is nothing to tell; `files`: a line for each file."""

    summary: str
    files: tuple[str, ...] = ()


def between(folder: Path, one: str, other: str) -> DiffStat:
    """Count what `other` has changed against `one` in the tree that `folder` lies in; both are full commit hashes.

    It may take some seconds on a big tree.
    """
    if one == other:
        return DiffStat("same commit")
    for commit in (one, other):
        if not _COMMIT.fullmatch(commit) or git.ask(folder, "cat-file", "-e", f"{commit}^{{commit}}", most=1) is None:
            return DiffStat(_unknown(folder, commit))
    told = git.ask(folder, *_ARGUMENTS, one, other, "--", most=_MOST)
    if told is None:
        return DiffStat("git could not compare them")
    lines = told.text.decode(errors="replace").splitlines()
    if not told.whole:
        return DiffStat("more changes than can be listed", tuple(lines[:-1]))
    return DiffStat(lines[-1].strip(), tuple(line.strip() for line in lines[:-1])) if lines else DiffStat("no change")


def _unknown(folder: Path, commit: str) -> str:
    if git.ask(folder, "rev-parse", "--git-dir", most=_MOST) is None:
        return "no git tree here"
    return f"git does not know {commit[:12]} here"
