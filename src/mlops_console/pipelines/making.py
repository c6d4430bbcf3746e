"""One maker at a time: of stages with the same inputs one runs, the others wait and take what it has made."""

import fcntl
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlops_console.core.errors import JobStopped
from mlops_console.store.workspace import Workspace

_LOOK = 0.05  # seconds between two looks whether the other one has ended


@contextmanager
def making(workspace: Workspace, fingerprint: str, stopping: Callable[[], bool]) -> Iterator[bool]:
    """While the block runs nobody else, in this process or another, makes what has this fingerprint.

    The lock is the kernel's, on a byte of a file that stands for the fingerprint: it ends with its process. Where the
    system has none (macOS), two may make the same at once, as they would without a cache.

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
        while not _locked(file.fileno(), int(fingerprint[:15], 16)):
            if stopping():
                raise JobStopped("It was stopped while another run made the same.")
            waited = True
            time.sleep(_LOOK)
        yield waited


def _locked(descriptor: int, place: int) -> bool:
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, place, 1, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock)
    except BlockingIOError:
        return False
    return True
