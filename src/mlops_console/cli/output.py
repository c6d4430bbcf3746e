"""What commands print: tables for people, one JSON document for programs, one sentence for an error."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mlops_console.core.documents import to_json
from mlops_console.core.errors import MlopsError
from mlops_console.core.filters import FilterError
from mlops_console.core.text import safe_line, safe_text

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod
    from rich.table import Table

_GAP = 3  # cells between two columns
_NARROW = 24  # cells to which a wider column may be cut before it is left out
_INDENT = "      "  # of a text below its row
_WIDE = 40  # cells of a column where there is too little room for all


def show(text: str = "") -> None:
    """One line, or several, of text that may hold anything."""
    sys.stdout.write(safe_text(text) + "\n")


def show_aside(text: str) -> None:
    """A line for people beside what a program reads from standard output."""
    sys.stderr.write(safe_text(text) + "\n")


def show_json(document: Any) -> None:
    """One JSON document. JSON has no NaN and no infinities: they become null, "inf" and "-inf"."""
    sys.stdout.write(to_json(document))


def has_room(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bool:
    """Whether a table can be shown with nothing cut or left out."""
    widths = _widths([[safe_line(cell) for cell in row] for row in (columns, *rows)])
    return sum(widths) + _GAP * (len(widths) - 1) <= _room(widths)


def show_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    right: Iterable[str] = (),
    below: Sequence[Sequence[str]] = (),
) -> None:
    """A table; the columns named in `right` are aligned to the right.

    In a terminal the columns that have no room are left out from the end, which is said; in a pipe nothing is cut.

    Args:
        below: for each row the texts that stand below it, each indented on lines of its own, with nothing cut.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    titles = [safe_line(column) for column in columns]
    cells = [[safe_line(cell) for cell in row] for row in rows]
    widths = _widths([titles, *cells])
    room = _room(widths)
    shown, widths = _fitting(widths, room)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    numeric = set(right)
    for column, title, width in zip(columns[:shown], titles, widths, strict=False):
        justify: JustifyMethod = "right" if column in numeric else "left"
        table.add_column(Text(title), justify=justify, no_wrap=True, overflow="ellipsis", width=width)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row[:shown]))
    console = Console(width=max(room, 1), highlight=False, emoji=False, markup=False)
    if below:
        _show_with(below, console, table, room)
    else:
        console.print(table)
    if shown < len(titles):
        left_out = ", ".join(title or "a column without a title" for title in titles[shown:])
        show(f"No room for {left_out}: a wider terminal or --json shows them.")


def _show_with(below: Sequence[Sequence[str]], console: "Console", table: "Table", room: int) -> None:
    """A table whose rows are one line each, with their texts between them."""
    from rich.text import Text

    with console.capture() as captured:
        console.print(table)
    lines = captured.get().splitlines()
    head = len(lines) - len(below)
    sys.stdout.writelines(f"{line}\n" for line in lines[:head])
    for line, texts in zip(lines[head:], below, strict=True):
        sys.stdout.write(f"{line}\n")
        for text in texts:
            wrapped = Text(safe_line(text)).wrap(console, max(room - len(_INDENT), 1))
            sys.stdout.writelines(f"{_INDENT}{part.plain}\n" for part in wrapped)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """The cells of the widest text of each column."""
    from rich.cells import cell_len

    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


def _room(widths: Sequence[int]) -> int:
    """The cells of a line: as many as the terminal has, or as are needed where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else sum(widths) + _GAP * len(widths)


def _fitting(widths: Sequence[int], room: int) -> tuple[int, list[int]]:
    """How many of the leading columns fit, at least one, and how wide each may be; the last one takes what is left.

    Before a column is left out, long cells of others are cut.
    """
    if sum(widths) + _GAP * len(widths) > room:
        widths = [min(width, _WIDE) for width in widths]
    taken = 0
    found: list[int] = []
    for width in widths:
        least = min(width, _NARROW)
        if found and taken + least > room:
            break
        found.append(min(width, max(room - taken, 1)))
        taken += found[-1] + _GAP
    return len(found), found


def show_error(error: MlopsError, *, as_json: bool) -> None:
    """One sentence on standard error; with `--json` a document on standard output too."""
    sys.stderr.write(f"mlops-console: {safe_line(error)}\n")
    if isinstance(error, FilterError) and error.text:
        sys.stderr.writelines(f"  {safe_line(line)}\n" for line in error.pointed())
    if as_json:
        show_json({"error": {"message": error.message, "hint": error.hint, "exit_status": error.exit_code}})
