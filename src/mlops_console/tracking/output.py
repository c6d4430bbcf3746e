"""What a program prints, kept in a file of its run: asked for by `start_run(capture_output=True)`.

`write` of the very objects `sys.stdout` and `sys.stderr` is put behind one that writes to the file first. So a handler
that was bound to them earlier is heard too, and everything else about them (terminal or not, encoding, descriptor)
stays as it was. What C code and other programs write past them, straight to the descriptors, is not heard: between
them and the terminal there would have to be a pipe and a thread, and no progress bar would know its terminal any more.

Each text goes to the file at once, by one system call: it survives `kill -9`, unlike what Python buffers for a pipe.
"""

import contextlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

LIMIT = 64 << 20  # bytes of a run's file
_FULL = b"\n(mlops-console: more than 64 MiB of output; the rest is not kept)\n"
_MISSING = b"\n(mlops-console: output is missing here, as the file could not be written)\n"


class Output:
    """Appends what is written to stdout and stderr of this process, and of children it forks, to a file."""

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        """Begin. `warn` is told once if the file can't be written.

        Raises:
            OSError: the file can't be opened.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = io.FileIO(path, "a", opener=lambda name, flags: os.open(name, flags, 0o666))
        self._path, self._warn, self._pid = path, warn, os.getpid()
        self._full = self._missing = self._warned = False
        self._streams = [_Tap(stream, self.write) for stream in _streams()]

    def write(self, text: str) -> None:
        """Append to the file only. Never raises."""
        data = str.encode(text, "utf-8", "backslashreplace")
        if self._full or not data:
            return
        try:
            room = LIMIT - self._file.seek(0, os.SEEK_END)  # others may write to it: forked children
            if self._missing:
                data = _MISSING + data
            if len(data) > room:
                self._full = True
                data = data[:room] + _FULL if room >= 0 else b""  # else another has said so
            while data:
                data = data[self._file.write(data) or 0 :]
            self._missing = False
        except (OSError, ValueError) as error:
            self._fail(error)

    def tell_error(self, error: BaseException, traceback: TracebackType | None) -> None:
        """Append the traceback of what ends the run: it is printed only after that."""
        import traceback as tracebacks

        self.write("".join(tracebacks.format_exception(type(error), error, traceback)))

    def close(self) -> None:
        """Give stdout and stderr back."""
        for tap in self._streams:
            tap.remove()
        with contextlib.suppress(OSError):
            self._file.close()

    def _fail(self, error: OSError | ValueError) -> None:
        if self._file.closed:  # by another thread just now
            return
        self._missing = True
        if not self._warned and os.getpid() == self._pid:
            self._warned = True
            self._warn(f"Output is not kept in {self._path}: {getattr(error, 'strerror', None) or error}.")


class _Tap:
    """One stream whose `write` tells another function too."""

    def __init__(self, stream: Any, tell: Callable[[str], None]) -> None:
        self._stream = stream
        self._own = vars(stream).get("write")  # mostly none: it is the class's
        self._tell: Callable[[str], None] | None = tell
        write = stream.write

        def told(text: Any, /, *args: Any, **kwargs: Any) -> Any:
            if self._tell is not None and isinstance(text, str):
                self._tell(text)
            return write(text, *args, **kwargs)

        self._write = vars(stream)["write"] = told

    def remove(self) -> None:
        self._tell = None
        attributes = vars(self._stream)
        if attributes.get("write") is not self._write:
            return  # somebody has put theirs before ours since
        if self._own is None:
            del attributes["write"]
        else:
            attributes["write"] = self._own


def _streams() -> list[Any]:
    """stdout and stderr: one where both are the same, none where there is none, or where it is of an unusual kind."""
    found = {id(stream): stream for stream in (sys.stdout, sys.stderr) if hasattr(stream, "__dict__")}
    return list(found.values())
