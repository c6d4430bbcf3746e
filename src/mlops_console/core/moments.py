"""Points and spans of time as people write them. Training scripts import it: no pydantic here."""

import datetime as dt
import re

from mlops_console.core.errors import UsageError

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def seconds(span: str) -> float:
    """`"90s"`, `"30m"`, `"1h"`, `"2d"` in seconds.

    Raises:
        ValueError: the text is not a span.
    """
    match = _SPAN.fullmatch(span.strip())
    if match is None:
        raise ValueError(f"{span!r} is not a time span such as 90s, 30m, 1h or 2d")
    return float(match.group(1)) * _SECONDS[match.group(2)]


def moment(written: str, option: str, now: float | None = None) -> float:
    """Seconds since the epoch of an ISO date or time, in this machine's time zone where it names none.

    Args:
        option: what the text was given as, for the error.
        now: with it, a span such as `2h` means so much later.

    Raises:
        UsageError: it is neither.
    """
    try:
        return dt.datetime.fromisoformat(written).astimezone().timestamp()
    except ValueError:
        pass
    try:
        if now is not None:
            return now + seconds(written)
    except ValueError:
        pass
    later = ", or as a span from now: 90s, 2h" if now is not None else ""
    raise UsageError(
        f"{option} {written!r} is no time.", f"Write it as ISO does: 2026-03-03 or 2026-03-03T12:00{later}."
    )
