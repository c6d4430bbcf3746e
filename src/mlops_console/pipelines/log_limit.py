"""The bound on the log of a stage: its beginning and its newest end stay, and the log says what is missing."""

import os
from pathlib import Path

from mlops_console.core.text import size

LIMIT = 100_000_000  # bytes
_LEFT = 5  # of what is too large a fifth stays from the beginning, and a fifth from the end


def bound(log: Path, limit: int = LIMIT) -> None:
    """Cut a log that is larger than `limit`; what writes to its end goes on with that. None there is not an error."""
    try:
        with log.open("r+b") as file:
            if os.fstat(file.fileno()).st_size <= limit:
                return
            part = limit // _LEFT
            begin = _whole_lines(file.read(part), from_end=False)
            file.seek(-part, os.SEEK_END)
            end = _whole_lines(file.read(part), from_end=True)
            os.truncate(file.fileno(), len(begin))
        with log.open("ab") as file:  # as what prints into it does
            told = f"── mlops-console: a log keeps {size(limit)} at the most: lines of the middle are missing here ──\n"
            file.write(told.encode() + end)
    except FileNotFoundError:  # the stage has taken it away
        return


def _whole_lines(block: bytes, *, from_end: bool) -> bytes:
    """Without the line that is cut; all of a block that is one line."""
    if from_end:
        return block[block.find(b"\n") + 1 :]
    return block[: block.rfind(b"\n") + 1] or block + b"\n"
