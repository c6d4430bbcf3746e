"""Windows of live data, as people write them: `1h`, or `5000 rows`."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from mlops_console.core.moments import seconds

MOST_ROWS = 1_000_000_000
_ROWS = re.compile(r"([\d,_]+)\s*rows?")


@dataclass(frozen=True, slots=True)
class Window:
    """Either the newest `seconds` of traffic, or its newest `rows`; the other one is None."""

    seconds: float | None = None
    rows: int | None = None

    def __str__(self) -> str:
        return f"{self.rows} rows" if self.rows is not None else f"{self.seconds:g}s"


def parse_window(text: str) -> Window:
    """Read `"30m"` or `"5000 rows"`.

    Raises:
        ValueError: it is neither, or it is a window of nothing, or of more than a billion rows.
    """
    match = _ROWS.fullmatch(text.strip())
    if match is not None:
        digits = re.sub("[,_]", "", match[1])
        if not digits.isdigit() or int(digits) == 0:
            raise ValueError(f"{text!r} is a window of nothing")
        if int(digits) > MOST_ROWS:
            raise ValueError(f"a window has up to {MOST_ROWS:,} rows")
        return Window(rows=int(digits))
    try:
        span = seconds(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a time span such as 30m or 1h nor a number of rows such as 5000 rows"
        ) from None
    if span <= 0:
        raise ValueError("a window has to be longer than nothing")
    return Window(seconds=span)


def _is_window(text: str) -> str:
    parse_window(text)
    return text


WindowText = Annotated[str, AfterValidator(_is_window)]
