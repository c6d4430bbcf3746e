"""Names and spans of time, as mlops.toml has them."""

import re
from typing import Annotated

from pydantic import AfterValidator

from mlops_console.core.models import NAME

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


def _is_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError("a name has letters, digits, '_', '.' and '-', and starts with a letter or digit")
    return name


def _is_span(span: str) -> str:
    seconds(span)
    return span


Name = Annotated[str, AfterValidator(_is_name)]
Span = Annotated[str, AfterValidator(_is_span)]
