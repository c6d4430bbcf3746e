"""Windows of served rows that a pipeline is run with: what people write, and what the stages are told."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mlops_console.core.errors import UsageError
from mlops_console.core.moments import moment

LEAST_LABELLED = 100  # rows with a label that a retraining takes at least

VARIABLES = ENVIRONMENT, START, END, LABELLED = (
    "MLOPS_WINDOW_ENVIRONMENT",
    "MLOPS_WINDOW_START",
    "MLOPS_WINDOW_END",
    "MLOPS_WINDOW_LABELLED",
)
_EPOCH = re.compile(r"\d{9,}(\.\d+)?")  # of fewer digits it is a date, as 20260303
_END_OF_TIME = 253_402_300_800.0  # the year 10000, which no calendar of Python's has


@dataclass(frozen=True, slots=True)
class RetrainingWindow:
    """The rows with `start` < at <= `end` that an environment has answered.

    Attributes:
        start, end: seconds since the epoch.
        rows: that were answered, as far as the prediction log has them. `labelled`: of them, those with a label.
        reason: which rows these are and why: "the 4,120 labelled rows since 12:04, the start of the window in which
            vicprice began to move; 380 have no label yet and are left out".
    """

    environment: str
    start: float
    end: float
    rows: int
    labelled: int
    reason: str

    @property
    def refused(self) -> str | None:
        """Why nothing can be trained on it, as one sentence; None where it can."""
        if self.labelled >= LEAST_LABELLED:
            return None
        return f"A retraining takes at least {LEAST_LABELLED} labelled rows, and it would have {self.reason}."

    @property
    def text(self) -> str:
        """As `--served` reads it back."""
        return f"{self.environment}:{_iso(self.start)}..{_iso(self.end)}"

    @property
    def variables(self) -> dict[str, str]:
        """What a stage that reads served rows finds in its environment: all that its outs depend on."""
        values = (self.environment, repr(self.start), repr(self.end), str(self.labelled))
        return dict(zip(VARIABLES, values, strict=True))


def parse_served(text: str) -> tuple[str, float | None, float | None]:
    """Read `production`, `production:START..END` or `production:START..`: the environment, start and end.

    A time is ISO's, in this machine's time zone where it names none, or seconds since the epoch. None is what is left
    open.

    Raises:
        UsageError: it is of none of these forms, or the window is empty.
    """
    environment, colon, span = text.partition(":")
    if not colon:
        return environment, None, None
    first, dots, last = span.partition("..")
    if not (environment and dots and first):
        raise UsageError(
            f"--served {text!r} names no window.", "Write ENVIRONMENT:START..END, or the environment alone."
        )
    start, end = point(first, "--served"), point(last, "--served") if last else None
    if end is not None and end <= start:
        raise UsageError(f"--served {text!r} ends before it starts.", "Write ENVIRONMENT:START..END.")
    return environment, start, end


def point(written: str, option: str) -> float:
    """Seconds since the epoch of an ISO time, or of a number of them.

    Raises:
        UsageError: it is neither.
    """
    is_epoch = _EPOCH.fullmatch(written) and float(written) < _END_OF_TIME
    return float(written) if is_epoch else moment(written, option)


def of_variables(environment: Mapping[str, str]) -> tuple[str, float, float] | None:
    """The window that a process was started with: environment, start and end; None without one."""
    if not environment.get(ENVIRONMENT):
        return None
    return environment[ENVIRONMENT], float(environment[START]), float(environment[END])


def _iso(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
