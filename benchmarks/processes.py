"""The processes that a chaos has left behind."""

import time
from pathlib import Path

import psutil


def processes_in(folder: Path) -> list[psutil.Process]:
    """Those that work in a folder or below it, or name it."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder) or str(folder) in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def check_none_is_left(folder: Path) -> None:
    """Raises `AssertionError` if one is still there after a while."""
    deadline = time.monotonic() + 10
    while (left := processes_in(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, [process.cmdline() for process in left]
