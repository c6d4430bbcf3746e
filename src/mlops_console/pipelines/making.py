"""One maker at a time: of stages with the same inputs one runs, the others wait and take what it has made."""

import fcntl
import hashlib
import os
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_console.core.errors import JobStopped
from mlops_console.store.workspace import Workspace

_LOOK = 0.05  # seconds between two looks whether the other one has ended


@contextmanager
def making(
    workspace: Workspace, fingerprint: str, stopping: Callable[[], bool], note: Callable[[str], None]
) -> Iterator[bool]:
    """While the block runs nobody else, in this process or another, makes what has this fingerprint.

    The lock is the kernel's, on a byte of a file that stands for the fingerprint: it ends with its process. Where the
    system has none (macOS), two may make the same at once, as they would without a cache.

    Args:
        note: told that another one is waited for.

    Yields:
        Whether another one was at it when the block was come to.

    Raises:
        JobStopped: a stop was asked for while another one was at it.
    """
    if sys.platform != "linux":
        yield False
        return
    waited = False
    with (workspace.home / "making.lock").open("a+b") as file:
        while not _locked(file.fileno(), _place(fingerprint)):
            if stopping():
                raise JobStopped("It was stopped while another run made the same.")
            if not waited:
                waited = True
                note("another stage makes the same just now: this one waits for it")
            time.sleep(_LOOK)
        yield waited


@contextmanager
def writing(
    workspace: Workspace, folder: Path, outs: Iterable[str], stopping: Callable[[], bool], note: Callable[[str], None]
) -> Iterator[None]:
    """While the block runs no stage of another job writes these outs, or what is below or above them.

    The locks are those of `making`: of an out for one alone, of the folders above it for all that write below them.

    Args:
        folder: where the outs are.
        note: told that another one is waited for.

    Raises:
        JobStopped: a stop was asked for while another one wrote them.
    """
    wanted = dict[int, tuple[int, str]]()
    for out in outs:
        path = Path(os.path.normpath(out))
        for above in path.parents:
            wanted.setdefault(_place_of(folder / above), (fcntl.F_RDLCK, out))
        wanted[_place_of(folder / path)] = (fcntl.F_WRLCK, out)
    if sys.platform != "linux" or not wanted:
        yield
        return
    with (workspace.home / "writing.lock").open("a+b") as file:
        for place, (kind, out) in sorted(wanted.items()):  # in one order for all: so none waits for another in a circle
            told = False
            while not _locked(file.fileno(), place, kind):
                if stopping():
                    raise JobStopped(f"It was stopped while another run wrote {out}.")
                if not told:
                    told = True
                    note(f"another run writes {out} just now: this one waits for it")
                time.sleep(_LOOK)
        yield


def _place(sha256: str) -> int:
    return int(sha256[:15], 16)


def _place_of(path: Path) -> int:
    return _place(hashlib.sha256(os.fsencode(path)).hexdigest())


def _locked(descriptor: int, place: int, kind: int = fcntl.F_WRLCK) -> bool:
    lock = struct.pack("hhqqi4x", kind, 0, place, 1, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock)
    except BlockingIOError:
        return False
    return True
