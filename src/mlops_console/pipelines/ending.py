"""How a process has ended, in words: its exit code, and the last line that it has written."""

import os
import signal
from pathlib import Path

from mlops_console.core.text import safe_line

LONGEST = 300  # characters of a line that go into an error
_TAIL = 64 * 1024  # bytes of a log that are searched for its last line


def last_line(log: Path) -> str:
    """The last line of a log that is not empty, safe to show; "" if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((safe_line(line.strip(), LONGEST) for line in reversed(lines) if line.strip()), "")


def describe_exit(code: int) -> str:
    """`exit code 1`, or `signal SIGKILL` for a process that a signal ended, also if its shell says it as 128 + n."""
    number = -code if code < 0 else code - 128
    if code < 0 or code > 128:
        try:
            return f"signal {signal.Signals(number).name}"
        except ValueError:
            pass
    return f"exit code {code}"
