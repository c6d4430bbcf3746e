"""Have a command performed by the process in waiting, if there is one."""

import os
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType

from mlops_console.cli.warm.protocol import SOCKET, WARM, identity, packed
from mlops_console.store.location import HOME, VARIABLE, nearest

_PATIENCE = 0.5  # seconds for an answer, before the command is performed here
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def perform(arguments: Sequence[str]) -> int | None:
    """The exit status of a command; None if it was not begun.

    Ctrl-C, Ctrl-Z and the like go to where it is performed, and the end of this process ends it there.
    """
    if not arguments or arguments[0] not in WARM:
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            folder = os.getcwd()
            pid = _greeted(connection, folder)
            if pid is None:
                return None
            socket.send_fds(connection, [b"\n"], [0, 1, 2])
            connection.sendall(packed(arguments, folder, _umask(), os.environ))
        except OSError:  # none listens, or it ended before it had all of the request
            return None
        return _status(connection, pid)


def _greeted(connection: socket.socket, folder: str) -> int | None:
    """The pid of the process that would perform the command; None if there is none that is as good as this one."""
    root = os.environ.get(VARIABLE) or nearest(folder)
    if root is None or os.stat(os.path.join(root, HOME, SOCKET)).st_uid != os.geteuid():
        return None
    connection.settimeout(_PATIENCE)
    os.chdir(os.path.join(root, HOME))  # as the path of a socket may not be long
    try:
        connection.connect(SOCKET)
    finally:
        os.chdir(folder)
    pid, _, found = _line(connection).decode().rstrip().partition(" ")
    return int(pid) if found == identity() else None


def _status(connection: socket.socket, pid: int) -> int:
    """Wait for the end of the command, and pass on the signals that are meant for it; its exit status."""
    sent: list[int] = []

    def send(number: int) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:  # it has just ended
            return

    def forward(number: int, frame: FrameType | None) -> None:
        sent.append(number)
        send(number)

    def pause(number: int, frame: FrameType | None) -> None:
        send(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        send(signal.SIGCONT)  # when this one goes on

    for number in _FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, forward)
    signal.signal(signal.SIGTSTP, pause)
    connection.settimeout(None)
    try:
        status = _line(connection)
    except OSError:
        status = b""
    if status:
        return int(status)
    if sent:  # it has died of the signal, and so does this one
        signal.signal(sent[-1], signal.SIG_DFL)
        os.kill(os.getpid(), sent[-1])
    sys.stderr.write(
        "mlops-console: The process of this command has died. What it did is in 'mlops-console job list'.\n"
    )
    return 1


def _line(connection: socket.socket) -> bytes:
    """Up to the end of the line; empty if the connection ends before."""
    found = b""
    while not found.endswith(b"\n"):
        part = connection.recv(4096)
        if not part:
            return b""
        found += part
    return found


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
