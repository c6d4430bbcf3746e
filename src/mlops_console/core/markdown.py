"""Foreign text in Markdown: it is read as it is, and makes no heading, link, table or HTML of its own."""

import re
from collections.abc import Iterable, Sequence

from mlops_console.core.text import safe_line, safe_text

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\|`*[_~"} | {"&": "&amp;", "<": "&lt;"})
_AT_BEGINNING = re.compile(r"^(?:([#>+=:-])|(\d+)([.)]))")


def inline(value: object) -> str:
    """Text within a line, or in a cell of a table."""
    return safe_line(value).translate(_SPECIAL)


def paragraph(text: str) -> str:
    """Text of several lines as a quotation: who reads it knows that it is somebody's own words."""
    return "\n".join(f"> {_line(line)}".rstrip() for line in safe_text(text).strip().splitlines())


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; every cell is foreign text."""
    lines = [[inline(title) for title in titles], ["---" for _ in titles], *([inline(c) for c in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(text: str) -> str:
    return _AT_BEGINNING.sub(lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", inline(text.strip()))
