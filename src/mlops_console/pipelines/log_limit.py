"""The bound on the log of a stage: its beginning and its newest end stay, and the log says what is missing."""

import ctypes
import os
import sys
from pathlib import Path

from mlops_console.core.text import size

LIMIT = 100_000_000  # bytes
_LEFT = 5  # of what is too large a fifth stays from the beginning, and a fifth from the end
_ROUNDS = 100
_PUNCH_HOLE = 0x03  # linux/falloc.h: FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE


def bound(log: Path, *, written: bool, limit: int = LIMIT) -> None:
    """Free the middle of a log that is larger than `limit`. No log is no error.

    Args:
        written: whether a stage still prints into it. Then the middle becomes a hole, where the file system has such:
            nothing that comes meanwhile is lost. Without that, the file is cut.
    """
    try:
        with log.open("r+b", buffering=0) as file:
            length = os.fstat(file.fileno()).st_size
            part = limit // _LEFT
            if length <= limit or (written and _punched(file.fileno(), part, length - 2 * part)):
                return
            begin = _whole_lines(file.read(part), from_end=False)
            file.seek(-part, os.SEEK_END)
            end = _whole_lines(file.read(), from_end=True)
            for _ in range(_ROUNDS):  # what came meanwhile must not go with the middle: it may be why a stage failed
                more = file.read()
                if not more:
                    break
                end += more
            os.truncate(file.fileno(), len(begin))
        with log.open("ab") as file:  # as what prints into it does
            told = f"── mlops-console: a log keeps {size(limit)} at the most: lines of the middle are missing here ──\n"
            file.write(told.encode() + end)
    except FileNotFoundError:  # the stage has taken it away
        return


def _punched(descriptor: int, begin: int, length: int) -> bool:
    """Give the blocks of this part of a file back, which keeps its size; False where that can't be done."""
    if sys.platform != "linux":
        return False
    fallocate = ctypes.CDLL(None).fallocate
    fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return bool(fallocate(descriptor, _PUNCH_HOLE, begin, length) == 0)


def _whole_lines(block: bytes, *, from_end: bool) -> bytes:
    """Without the line that is cut; all of a block that is one line."""
    if from_end:
        return block[block.find(b"\n") + 1 :]
    return block[: block.rfind(b"\n") + 1] or block + b"\n"
