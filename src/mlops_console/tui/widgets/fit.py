"""Making text fit: cut in the middle, aligned, and columns that share a width. Pure functions on cells of a screen."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from mlops_console.core.text import shorten
from mlops_console.tui.widgets.rows import Align, Cell, Column

GAP = 2  # cells between two columns


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


def place(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    width: int,
    start: int,
    first: int,
    known: dict[int, tuple[int, int]],
) -> tuple[list[Placed], int]:
    """Where the columns go in `width` cells, from `start` on; and how many are left over on the right.

    Column 0 always stays; of the others, those from number `first` on are shown, the last one as a whole or not at
    all. `known` keeps what each column has needed so far, so that columns don't jump while rows come and go.
    """
    placed: list[Placed] = []
    x = start
    order = [0, *range(max(first, 1), len(columns))] if columns else []
    for at, index in enumerate(order):
        wide, points = _needed(columns[index], index, rows)
        known_wide, known_points = known.get(index, (0, 0))
        needed, decimals = known[index] = max(wide, known_wide), max(points, known_points)
        if at > 1 and x + needed > width:
            return _flexed(placed, columns, width), len(order) - at
        needed = min(needed, max(width - x, 1))
        if at == 1 and needed < min(columns[index].least, 4):
            return _flexed(placed, columns, width), len(order) - at
        placed.append(Placed(index, x, needed, decimals))
        x += needed + GAP
    return _flexed(placed, columns, width), 0


def _flexed(placed: list[Placed], columns: Sequence[Column], width: int) -> list[Placed]:
    """The same columns with the space that is left given to those that flex."""
    if not placed:
        return placed
    left = width - (placed[-1].x + placed[-1].width)
    shares = sum(columns[p.index].flex for p in placed)
    if left <= 0 or shares == 0:
        return placed
    moved: list[Placed] = []
    shift = 0
    for p in placed:
        flex = columns[p.index].flex
        extra = left * flex // shares if flex else 0
        moved.append(Placed(p.index, p.x + shift, p.width + extra, p.decimals))
        shift += extra
    return moved


def _needed(column: Column, index: int, rows: Sequence[Sequence[Cell]]) -> tuple[int, int]:
    """The width a column needs for its title and these rows, and its decimals."""
    texts = [row[index].text for row in rows if index < len(row)]
    decimals = max((_decimals(text) for text in texts), default=0) if column.align == "decimal" else 0
    if column.width is not None:
        return column.width, decimals
    title = cell_len(column.title) + 2  # room for the sort arrow
    wide = max(
        (
            cell_len(text) + max(0, decimals - _decimals(text)) if decimals else cell_len(text)
            for text in texts
        ),
        default=0,
    )
    return max(min(max(title, wide), column.most), column.least), decimals


def _decimals(text: str) -> int:
    """The characters from the decimal point on; an exponent or a unit after a space is not aligned."""
    whole, point, rest = text.partition(".")
    return 1 + len(rest) if point and whole.strip("-−").replace(",", "").isdigit() else 0
