"""Making text fit: cut in the middle, aligned, and columns that share a width. Pure functions on cells of a screen."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len, chop_cells, set_cell_size

from mlops_console.core.text import shorten
from mlops_console.tui.widgets.rows import Align, Cell, Column

GAP = 2  # cells between two columns
_TITLE = 12  # cells of a title that a column always has room for, if it is that long
_MORE = 6  # cells kept free at the right edge to say how many columns are left over


@dataclass(frozen=True, slots=True)
class Placed:
    """A column on the screen: its number, its left edge, its width, and the digits right of its decimal points."""

    index: int
    x: int
    width: int
    decimals: int


@lru_cache(maxsize=20_000)
def fit(text: str, width: int, align: Align = "left", decimals: int = 0) -> str:
    """`text` in exactly `width` cells: cut in the middle where it is too long, padded where it is too short."""
    if align == "decimal":
        text += " " * max(0, decimals - _decimals(text))
    have = cell_len(text)
    if have > width:
        text = cut(text.rstrip() if align == "decimal" else text, width)
        have = cell_len(text)
    space = " " * (width - have)
    return text + space if align == "left" else space + text


def cut(text: str, width: int) -> str:
    """`text` cut in the middle to at most `width` cells, wide characters counted as they are drawn."""
    if cell_len(text) <= width:
        return text
    if text.isascii():
        return shorten(text, width)
    if width <= 1:
        return "…"[: max(width, 0)]
    head = set_cell_size(text, width // 2).rstrip()
    tail, room = "", width - 1 - cell_len(head)
    for character in reversed(text):
        if cell_len(character + tail) > room:
            break
        tail = character + tail
    return f"{head}…{tail}"


def cut_end(text: str, width: int) -> str:
    """`text` cut at its end to at most `width` cells: for sentences, which say first what they are about."""
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - 1).rstrip()}…" if width > 1 else "…"[: max(width, 0)]


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, broken between words; at least one line.

    A word that is too long for a line is broken anywhere.
    """
    if cell_len(text) == len(text):
        return textwrap.wrap(text, max(width, 1), break_on_hyphens=False) or [""]
    width = max(width, 2)  # a wide character fits
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines += chop_cells(word, width)
    return lines if lines[0] or len(lines) == 1 else lines[1:]


def place(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    width: int,
    start: int,
    first: int,
    known: dict[int, tuple[int, int]],
    order: str = "",
) -> tuple[list[Placed], int]:
    """Where the columns go in `width` cells, from `start` on; and how many are left over on the right.

    Column 0 always stays; of the others, those from number `first` on are shown, each as a whole or not at all. What
    flexes gives way first; the column of the `order` has room for the arrow. `known` keeps what each column has needed
    so far, so that columns don't jump while rows come and go.
    """
    indexes = [0, *range(max(first, 1), len(columns))] if columns else []
    widths = _widths(columns, rows, indexes, width - start, known, order)
    room = width - start
    shown = _fitting(widths, room)
    if shown < len(indexes):
        room -= _MORE
        shown = _fitting(widths, room)
    more = len(indexes) - shown
    widths = _with_titles([columns[index] for index in indexes[:shown]], widths[:shown], room, order)
    widths = _spread([columns[index].flex for index in indexes[:shown]], widths, room)
    placed: list[Placed] = []
    x = start
    for index, wide in zip(indexes, widths, strict=False):
        wide = max(min(wide, width - x), 1)
        placed.append(Placed(index, x, wide, known[index][1]))
        x += wide + GAP
    return placed, more


def _widths(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    indexes: Sequence[int],
    room: int,
    known: dict[int, tuple[int, int]],
    order: str,
) -> list[int]:
    """What each column needs, as far as it can matter; those that flex are narrowed where there is too little room."""
    widths: list[int] = []
    narrowest = 0
    for index in indexes:
        wide, decimals = _needed(columns[index], index, rows, order)
        before = known.get(index, (0, 0))
        known[index] = max(wide, before[0]), max(decimals, before[1])
        widths.append(known[index][0])
        narrowest += min(widths[-1], columns[index].least) if columns[index].flex else widths[-1]
        if narrowest > 2 * room + 80:
            break  # the rest is far beyond the screen
    over = sum(widths) + GAP * (len(widths) - 1) - room
    for at, index in reversed(list(enumerate(indexes[: len(widths)]))):
        if over > 0 and columns[index].flex:
            give = min(over, max(widths[at] - columns[index].least, 0))
            widths[at] -= give
            over -= give
    return widths


def _fitting(widths: Sequence[int], room: int) -> int:
    """How many columns fit whole; the first one always does."""
    x = 0
    for at, wide in enumerate(widths):
        x += wide
        if at and x > room:
            return at
        x += GAP
    return len(widths)


def _with_titles(columns: Sequence[Column], widths: Sequence[int], room: int, order: str) -> list[int]:
    """The widths with the room that is left given to titles that were cut, from left to right."""
    left = room - sum(widths) - GAP * (len(widths) - 1)
    found: list[int] = []
    for column, wide in zip(columns, widths, strict=True):
        lacking = _titled(column, order) - wide if column.width is None else 0
        give = max(min(lacking, left), 0)
        left -= give
        found.append(wide + give)
    return found


def _spread(shares: Sequence[int], widths: Sequence[int], room: int) -> list[int]:
    """The widths with the room that is left given to those that flex."""
    left = room - sum(widths) - GAP * (len(widths) - 1)
    total = sum(shares)
    if left <= 0 or not total:
        return list(widths)
    return [wide + left * share // total for wide, share in zip(widths, shares, strict=True)]


def _needed(column: Column, index: int, rows: Sequence[Sequence[Cell]], order: str) -> tuple[int, int]:
    """The width a column needs for these rows and enough of its title to know it by, and its decimals."""
    texts = [row[index].text for row in rows if index < len(row)]
    decimals = max((_decimals(text) for text in texts), default=0) if column.align == "decimal" else 0
    if column.width is not None:
        return column.width, decimals
    title = min(_titled(column, order), _TITLE)
    wide = max((_aligned_width(text, decimals) for text in texts), default=0)
    return max(min(max(title, wide), column.most), 1), decimals


def _titled(column: Column, order: str) -> int:
    """The width of the whole title, with the arrow of the column that is sorted by."""
    return cell_len(column.title) + 2 * (column.key == order)


def _aligned_width(text: str, decimals: int) -> int:
    return cell_len(text) + max(0, decimals - _decimals(text)) if decimals else cell_len(text)


def _decimals(text: str) -> int:
    """The characters from the decimal point on; an exponent or a unit after a space is not aligned."""
    whole, point, rest = text.partition(".")
    return 1 + len(rest) if point and whole.strip("-−").replace(",", "").isdigit() else 0
