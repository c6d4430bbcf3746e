"""Foreign names and values, short and safe enough for a sentence."""

import math
from collections.abc import Sequence
from typing import Any

from mlops_console.core.text import safe_line, shorten

_SHOWN = 40  # characters of a name or a wrong value
_NAMED = 5  # of a long list


def quoted(name: str) -> str:
    return f"'{safe_line(shorten(name, _SHOWN))}'"


def columns_are(names: Sequence[str]) -> str:
    """`Column 'a' is`, `Columns 'a', 'b' are`."""
    shown = ", ".join(quoted(name) for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"Columns {shown}{more} are" if len(names) > 1 else f"Column {shown} is"


def show(value: Any) -> str:
    """A JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return f"the text {quoted(value)}"
        case int() | float():
            return "an infinite number" if abs(value) == math.inf else f"the number {shorten(repr(value), _SHOWN)}"
        case list():
            return "a list"
        case _:
            return "an object"
