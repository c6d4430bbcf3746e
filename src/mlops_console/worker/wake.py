"""A nudge for a sleeping worker: a named pipe beside its lock. Without one it finds all news by itself, a bit later."""

import contextlib
import os
import select

from mlops_console.store.workspace import Workspace


def listen(workspace: Workspace) -> tuple[int, int]:
    """The worker's ends of the pipe, to read and to write. Only the holder of the lock may call this."""
    path = workspace.home / "worker.wake"
    try:
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o666)
        pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # as a writer too: so it never reports an end
        return pipe, pipe
    except OSError:  # a file system without named pipes: signals still wake the worker
        ends = os.pipe()
        os.set_blocking(ends[1], False)
        return ends


def sleep(pipe: int, seconds: float) -> None:
    """Sleep until a nudge comes, at most for so long."""
    if select.select([pipe], [], [], seconds)[0]:
        os.read(pipe, 4096)


def wake(workspace: Workspace) -> None:
    """Nudge the worker, if there is one."""
    with contextlib.suppress(OSError):  # none listens, or the pipe is full of nudges already
        pipe = os.open(workspace.home / "worker.wake", os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(pipe, b"!")
        finally:
            os.close(pipe)
