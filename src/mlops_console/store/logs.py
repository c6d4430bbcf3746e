"""Where logs are, and the end of a log file, however large the file and its lines are."""

from dataclasses import dataclass
from pathlib import Path

from mlops_console.store.location import HOME

LINE_LIMIT = 4_000  # characters of a line that are kept


@dataclass(frozen=True, slots=True)
class LogTail:
    """`skipped` bytes came before `lines`; the file had `size` bytes when it was read."""

    lines: tuple[str, ...]
    size: int
    skipped: int


def output_log(run_id: str) -> Path:
    """Where `start_run(capture_output=True)` keeps what a run prints; relative to the workspace."""
    return Path(HOME, "logs", run_id, "output.log")


def target_log(job: int | str) -> Path:
    """Where the commands of a job print that deploy to a target; relative to the workspace."""
    return Path(HOME, "logs", str(job), "target.log")


def probe_log(environment: str) -> Path:
    """Where a target's status command prints when the worker asks it; relative to the workspace."""
    return Path(HOME, "logs", f"target-{environment}.log")


def tail(path: Path, limit: int = 512_000) -> LogTail | None:
    """The last `limit` bytes of a log as lines, a half line at their beginning left out; None if there is no file.

    What is not UTF-8 becomes "�"; of longer lines the first 4,000 characters are kept, and how many were not is said.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = file.seek(max(0, size - limit))
            data = file.read(limit)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        return None
    if start and b"\n" in data[:-1]:
        first = data.index(b"\n") + 1
        start, data = start + first, data[first:]
    text = data.decode("utf-8", errors="replace").removesuffix("\n")
    return LogTail(tuple(_shortened(line) for line in text.split("\n")) if text else (), size, start)


def _shortened(line: str) -> str:
    """What a terminal would have kept of a line: after a carriage return it is written anew."""
    line = line.rstrip("\r").rpartition("\r")[2]
    if len(line) <= LINE_LIMIT:
        return line
    return f"{line[:LINE_LIMIT]}… ({len(line) - LINE_LIMIT:,} more characters)"
