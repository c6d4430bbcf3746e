"""Points in time as people write them."""

import datetime as dt

from mlops_console.core.config import seconds
from mlops_console.core.errors import UsageError


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
