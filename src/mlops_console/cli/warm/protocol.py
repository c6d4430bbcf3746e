"""What client and server know of each other; with the least of imports, as every command begins with it.

The client connects, and a child that is forked for it says hello: a line of its pid and of what interpreter it is. Only
then does the client send its standard streams and its request: so a command is either performed there or not begun. At
the end the child sends a line with the exit status; its death ends the connection without one.
"""

import os
import sys
from collections.abc import Mapping, Sequence

from mlops_console._version import __version__

SOCKET = "commands.sock"  # in `.mlops/`
# The others wait for a terminal, or start what outlives them.
WARM = {"status", "train", "sweep", "deploy", "rollback", "history", "run", "experiment", "model", "dataset", "drift"}
WARM |= {"feedback", "job", "trigger", "ledger", "approve", "promote", "abort", "freeze", "unfreeze", "token", "why"}


def identity() -> str:
    """What must be the same for a command to be performed by another process: the rest is handed over."""
    settings = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("PYTHON"))
    flags = [sys.flags.optimize, sys.flags.dev_mode, sys.flags.utf8_mode, *sys.warnoptions]
    streams = [(stream.encoding, stream.errors) for stream in (sys.__stdin__, sys.__stdout__) if stream]
    return ascii((__version__, __file__, sys.prefix, sys.version, flags, streams, settings))


def packed(arguments: Sequence[str], folder: str, mask: int, environment: Mapping[str, str]) -> bytes:
    """A request: its length as a line, and its texts with NUL between them, which none of them can hold."""
    pairs = [f"{name}={value}" for name, value in environment.items()]
    texts = [folder, str(mask), str(len(arguments)), *arguments, *pairs]
    request = b"\0".join(map(os.fsencode, texts))
    return b"%d\n%b" % (len(request), request)


def unpacked(request: bytes) -> tuple[list[str], str, int, dict[str, str]]:
    """Arguments, folder, umask and environment of a request without its first line."""
    folder, mask, count, *texts = map(os.fsdecode, request.split(b"\0"))
    pairs = (text.partition("=") for text in texts[int(count) :])
    return texts[: int(count)], folder, int(mask), {name: value for name, _, value in pairs}
