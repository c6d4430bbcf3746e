"""`python -m mlops_console.cli.warm.server WORKSPACE`: it has imported all commands, and forks a child for each.

The worker starts it, and it ends when its standard input does: with the worker, however that ends.
"""

import atexit
import fcntl
import gc
import importlib
import os
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path

from mlops_console.cli.app import build, run
from mlops_console.cli.warm.protocol import SOCKET, identity, unpacked
from mlops_console.store.location import HOME

_PATIENCE = 2.0  # seconds for a request
_FLUSH_FAILED = 120  # the exit status of Python where the last of the output can't be written
# What commands import when they are performed.
_LATER = ("mlops_console.actions.train", "mlops_console.tracking.recover", "psutil", "rich.console", "rich.table")


def main(home: Path) -> int:
    """Answer until the standard input ends. Each child returns from here too, with the exit status of its command."""
    build(_open_console)
    for name in _LATER:
        importlib.import_module(name)
    listener = _listen(home)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    gc.freeze()  # what is there by now is not looked through, and so not copied, by each child
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return 0
        connection, _ = listener.accept()
        with connection:
            if os.fork() == 0:
                listener.close()
                return _perform(connection)


def _open_console(*_: object, **__: object) -> None:
    raise RuntimeError("no command that is performed here opens the console")


def _listen(home: Path) -> socket.socket:
    """The socket under its name at once, in the place of one that was left behind."""
    os.chdir(home)  # as the path of a socket may not be long
    own = f"{SOCKET}.{os.getpid()}"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(own)
    listener.listen()
    Path(own).rename(SOCKET)
    os.chdir("/")
    return listener


def _perform(connection: socket.socket) -> int:
    """In the child: be the process of the command that is asked for."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    request = _request(connection)
    if request is None:
        return 0
    arguments, folder, mask, environment = unpacked(request)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.umask(mask)
    os.chdir(folder)
    _open_streams()
    sys.argv = ["mlops-console", *arguments]
    _end_with(connection)
    status = [1]
    atexit.register(_tell, connection.dup(), status)  # as the first, so that it comes last
    try:
        status[0] = run(_open_console)
    except SystemExit as end:
        status[0] = end.code if isinstance(end.code, int) else int(end.code is not None)
    return status[0]


def _request(connection: socket.socket) -> bytes | None:
    """What the client asks for, its standard streams in the place of these; None if it has thought better of it."""
    connection.settimeout(_PATIENCE)
    try:
        if not _is_own(connection):
            return None
        connection.sendall(f"{os.getpid()} {identity()}\n".encode())
        _, streams, _, _ = socket.recv_fds(connection, 1, 3)
        if len(streams) != 3:
            return None
        with connection.makefile("rb") as sent:
            length = int(sent.readline())
            request = sent.read(length)
    except (OSError, ValueError):  # the client went away, or is too slow and performs it itself
        return None
    if len(request) < length:
        return None
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    return request


def _is_own(connection: socket.socket) -> bool:
    """Whether the same user asks; elsewhere than on Linux the folder's permissions alone see to it."""
    if sys.platform != "linux":
        return True
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", found)[1] == os.geteuid())


def _open_streams() -> None:
    """Anew, as a terminal is written to line by line and a pipe is not."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        before = getattr(sys, name)
        lines = 1 if name == "stderr" or os.isatty(number) or before.write_through else -1
        mode = "r" if name == "stdin" else "w"
        stream = open(number, mode, lines, before.encoding, before.errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _end_with(connection: socket.socket) -> None:
    """Be ended by SIGIO when the client ends: all that can come from it by now is the end."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(connection, fcntl.F_SETFL, fcntl.fcntl(connection, fcntl.F_GETFL) | os.O_ASYNC)
    readable, _, _ = select.select([connection], [], [], 0)
    if readable:  # it ended before
        os._exit(0)


def _tell(connection: socket.socket, status: list[int]) -> None:
    """The exit status, once all is written."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status[0] = _FLUSH_FAILED
    connection.setblocking(True)
    connection.sendall(b"%d\n" % status[0])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) / HOME))
