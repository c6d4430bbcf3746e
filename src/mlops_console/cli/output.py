"""What commands print: tables for people, one JSON document for programs, one sentence for an error."""

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlops_console.core.errors import MlopsError
from mlops_console.core.text import safe_line, safe_text


def console() -> Console:
    """Standard output for people; wide where it is no terminal, so that nothing is cut in a pipe."""
    width = None if sys.stdout.isatty() else 200
    return Console(width=width, highlight=False, emoji=False, markup=False, soft_wrap=not sys.stdout.isatty())


def show(text: str = "") -> None:
    """One line, or several, of text that may hold anything."""
    sys.stdout.write(safe_text(text) + "\n")


def show_json(document: Any) -> None:
    """One JSON document. JSON has no NaN and no infinities: they become null, "inf" and "-inf"."""
    sys.stdout.write(json.dumps(_plain(document), indent=2, ensure_ascii=True) + "\n")


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str] = ()) -> None:
    """A table; the columns named in `right` are aligned to the right."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    numeric = set(right)
    for column in columns:
        table.add_column(Text(safe_line(column)), justify="right" if column in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(safe_line(cell)) for cell in row))
    console().print(table)


def show_error(error: MlopsError, *, as_json: bool) -> None:
    """One sentence on standard error; with `--json` a document on standard output too."""
    sys.stderr.write(f"mlops-console: {safe_line(error)}\n")
    if as_json:
        show_json({"error": {"message": error.message, "hint": error.hint, "exit_status": error.exit_code}})


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
