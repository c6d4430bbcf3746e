"""What the tree that a run is started in has that is not committed: kept as artifacts of the run.

`git/dirty.patch` is `git diff HEAD`, binary files told by name only; where it is larger than 1 MiB there is the list of
its files, `git/dirty.txt`, instead. `git/untracked.txt` lists the files that git does not know.
"""

import bisect
import itertools
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlops_console.core.errors import MlopsError
from mlops_console.store import artifacts
from mlops_console.store.database import Connection
from mlops_console.store.objects import Objects
from mlops_console.tracking import git

PATCH = 1 << 20  # bytes
LIST = 64 << 10  # bytes
_FRESH = 10.0  # seconds

# Whatever the repository's settings are, the same text comes of it, and no program of theirs is run.
_DIFF = (
    *("-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "-c", "diff.relative=false"),
    *("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short", "-O/dev/null"),
)
_TOO_LARGE = b"The patch is larger than 1 MiB and is not kept. What it changes:\n\n"


@dataclass(frozen=True, slots=True)
class Kept:
    """A file in the object store that is to be an artifact."""

    path: str
    sha256: str
    size: int


class Uncommitted:
    """Asked of git in a thread, beside everything else."""

    def __init__(self, folder: Path, objects: Objects) -> None:
        self.dirty: bool | None = None  # also None until git has answered
        self.files: tuple[Kept, ...] = ()
        self._folder, self._asked_at = folder, time.monotonic()
        self._thread = threading.Thread(target=self._ask, args=(folder, objects), daemon=True)
        self._thread.start()

    def is_fresh(self, folder: Path) -> bool:
        """Whether the answer will do for a run that starts now: many short ones after each other need not all ask."""
        return folder == self._folder and time.monotonic() - self._asked_at < _FRESH

    def wait(self, patience: float) -> bool:
        """Whether all is known after at most so many seconds."""
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _ask(self, folder: Path, objects: Objects) -> None:
        status = git.status(folder)
        self.dirty = None if status is None else bool(status.text)
        self.files = keep(folder, status, objects)


def keep(folder: Path, status: git.Told | None, objects: Objects) -> tuple[Kept, ...]:
    """Bring what is not committed into the object store; nothing where that fails, or where there is no commit yet."""
    if status is None or not status.text:
        return ()
    try:
        return tuple(
            Kept(path, objects.put_bytes(content), len(content))
            for path, content in _contents(folder, status)
            if content
        )
    except (MlopsError, OSError):
        return ()


def add(tx: Connection, run_id: str, files: Iterable[Kept]) -> None:
    """Make them artifacts of a run."""
    for file in files:
        artifacts.add(tx, run_id, file.path, file.sha256, file.size)


def _contents(folder: Path, status: git.Told) -> Iterable[tuple[str, bytes]]:
    patch = git.ask(folder, *_DIFF, "HEAD", "--", most=PATCH)
    if patch is not None and patch.whole:
        yield "git/dirty.patch", patch.text
    elif patch is not None:
        stat = git.ask(folder, *_DIFF, "--stat=200,160", "--stat-count=300", "HEAD", "--", most=LIST - len(_TOO_LARGE))
        yield "git/dirty.txt", _TOO_LARGE + (stat.text if stat else b"")
    if patch is not None:
        yield "git/untracked.txt", _untracked(status)


def _untracked(status: git.Told) -> bytes:
    """The names that git does not know, one a line, a folder of nothing else as one; odd ones as git quotes them."""
    lines = status.text.splitlines(keepends=True)[: None if status.whole else -1]
    names = [line.removeprefix(b"?? ") for line in lines if line.startswith(b"?? ")]
    ends = list(itertools.accumulate(map(len, names)))
    shown = bisect.bisect(ends, LIST - 100)
    text = b"".join(names[:shown])
    if shown == len(names) and status.whole:
        return text
    return text + f"({'' if status.whole else 'at least '}{len(names) - shown:,} more)\n".encode()
