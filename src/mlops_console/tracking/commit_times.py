"""When commits were made, as git says."""

import re
from collections.abc import Iterable
from pathlib import Path

from mlops_console.tracking import git

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_AT_ONCE = 200  # commits in one command
_ARGUMENTS = ("log", "--no-walk=unsorted", "--ignore-missing", "--no-show-signature", "--format=%H %ct")
_LINE = 100  # bytes of one answer at the most


def commit_times(folder: Path, commits: Iterable[str]) -> dict[str, float]:
    """Seconds since the epoch of those commits that the repository knows which `folder` lies in.

    Args:
        commits: full hashes; anything else is passed over.
    """
    wanted = sorted({commit for commit in commits if _COMMIT.fullmatch(commit)})
    found: dict[str, float] = {}
    for first in range(0, len(wanted), _AT_ONCE):
        part = wanted[first : first + _AT_ONCE]
        told = git.ask(folder, *_ARGUMENTS, *part, "--", most=_AT_ONCE * _LINE)
        lines = told.text.decode().splitlines() if told is not None else []
        found |= {commit: float(at) for commit, at in (line.split() for line in lines)}
    return found
