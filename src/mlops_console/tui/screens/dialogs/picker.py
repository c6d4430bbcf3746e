"""Choosing one of several things: type to narrow, enter to take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from mlops_console.core.text import safe_line
from mlops_console.tui.screens.dialogs.dialog import Dialog
from mlops_console.tui.widgets.entry import Entry
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row


@dataclass(frozen=True, slots=True)
class Choice:
    """`key` is what the picker ends with; `title` and `note` are what a person reads."""

    key: str
    title: str
    note: str = ""


class Picker(Dialog[str]):
    """Ends with the key of the chosen thing, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,ctrl+n", "move(1)", "Down", show=False, priority=True),
        Binding("up,ctrl+p", "move(-1)", "Up", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    Picker > Vertical { width: 64; }
    Picker Grid { height: auto; max-height: 16; background: $surface; }
    Picker Input { background: $panel; }
    """
    _COLUMNS = (Column("title", "", most=48, flex=1), Column("note", "", most=28))

    def __init__(self, title: str, choices: Sequence[Choice]) -> None:
        super().__init__(title, [("↑↓", "choose"), ("enter", "take"), ("esc", "leave")])
        self._choices = choices
        self._input = Entry(placeholder="type to narrow", compact=True)
        self._grid = Grid(empty=("Nothing like that",))
        self._grid.can_focus = False

    def compose_inside(self) -> Iterable[Widget]:
        yield self._input
        yield self._grid

    def on_mount(self) -> None:
        self._grid.styles.height = min(len(self._choices) + 1, 16)
        self._narrow("")
        self._input.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._narrow(event.value)

    def on_input_submitted(self) -> None:
        self._take(self._grid.row)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        self._take(event.row)

    def action_move(self, by: int) -> None:
        self._grid.move_to(self._grid.cursor + by)

    def _narrow(self, text: str) -> None:
        rows = [
            Row(c.key, (Cell(safe_line(c.title, 200)), Cell(safe_line(c.note, 100), "muted"))) for c in self._choices
        ]
        self._grid.update(ListSource(self._COLUMNS, rows, contains=text))

    def _take(self, row: Row | None) -> None:
        if row is not None:
            self.dismiss(row.key)
