"""What a grid shows: columns, rows of cells, and the windowed source that it draws them from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

Align = Literal["left", "right", "decimal"]


class Cell(NamedTuple):
    """A text that is safe to draw, and how: one of `glyphs.STYLES`, or "" for plain.

    `value` is what `ListSource` sorts by; None sorts last, whatever the direction. `short` is said instead of a text
    that has no room.
    """

    text: str
    style: str = ""
    value: Any = None
    short: str = ""


class Row(NamedTuple):
    """`key` says which thing it is, across reloads."""

    key: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a grid.

    Attributes:
        key: what a sort by it is called.
        title: drawn in the header.
        align: "decimal" puts the decimal points under each other.
        width: fixed, in cells; None takes what its widest cell needs, at most `most`.
        flex: its share of the space that is left over; 0 takes none. Where there is too little space, a column that
            flexes is narrowed to `least` before others are left out.
        prose: it holds sentences, which are cut at their end and not in the middle.
        sortable: whether `s` and a click on its title offer it.
    """

    key: str
    title: str
    align: Align = "left"
    width: int | None = None
    least: int = 4
    most: int = 32
    flex: int = 0
    prose: bool = False
    sortable: bool = True


class RowSource(Protocol):
    """Rows by number, as many as there may be: only those on the screen are ever asked for."""

    @property
    def columns(self) -> Sequence[Column]: ...

    @property
    def count(self) -> int: ...

    def rows(self, offset: int, limit: int) -> Sequence[Row | None]:
        """These rows, fewer at the end. None is a row that is not here yet: it comes with a later `Grid.update`."""
        ...

    def peek(self, index: int) -> Row | None:
        """One row, if it is here. Unlike `rows` this is no wish for it."""
        ...

    def index_of(self, key: str) -> int | None:
        """Where the row with this key is; None if there is none, or it is not here."""
        ...


class ListSource:
    """Rows that are all in memory, filtered by plain text and sorted by the cells' values."""

    def __init__(
        self,
        columns: Sequence[Column],
        rows: Sequence[Row] = (),
        contains: str = "",
        order: str = "",
        descending: bool = False,
    ) -> None:
        """`order` is the key of a column, or "" for the order given; `contains` must be in some cell of a row."""
        self.columns = tuple(columns)
        wanted = contains.casefold()
        found = [row for row in rows if wanted in row.key.casefold() or _has(row, wanted)] if wanted else list(rows)
        self._rows = _sorted(found, self.columns, order, descending)

    @property
    def count(self) -> int:
        return len(self._rows)

    def rows(self, offset: int, limit: int) -> Sequence[Row]:
        return self._rows[offset : offset + limit]

    def peek(self, index: int) -> Row | None:
        return self._rows[index] if 0 <= index < len(self._rows) else None

    def index_of(self, key: str) -> int | None:
        return next((at for at, row in enumerate(self._rows) if row.key == key), None)


def _has(row: Row, wanted: str) -> bool:
    return any(wanted in cell.text.casefold() for cell in row.cells)


def _sorted(rows: list[Row], columns: Sequence[Column], order: str, descending: bool) -> list[Row]:
    keys = [column.key for column in columns]
    if order not in keys:
        return rows
    at = keys.index(order)
    known = [row for row in rows if _value(row, at) is not None]
    unknown = [row for row in rows if _value(row, at) is None]
    by_value: Callable[[Row], Any] = lambda row: _value(row, at)  # noqa: E731
    try:
        known.sort(key=by_value, reverse=descending)
    except TypeError:  # values of different kinds have an order as text only
        known.sort(key=lambda row: str(_value(row, at)), reverse=descending)
    return known + unknown


def _value(row: Row, at: int) -> Any:
    cell = row.cells[at]
    return cell.text if cell.value is None and cell.text not in ("", "–") else cell.value
