"""Which columns the table of runs has, in which order and how wide: every change is seen at once behind the dialog."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from mlops_console.core.filters import AGGREGATES, Field, field_text
from mlops_console.core.runs import FieldNames
from mlops_console.core.text import safe_line
from mlops_console.tui.screens.dialogs.dialog import Dialog
from mlops_console.tui.screens.runs.source import Shown
from mlops_console.tui.widgets.entry import Entry
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row

_OWN = ("started", "duration", "ended", "experiment", "user", "git", "branch", "pipeline", "dataset", "id")
_KEYS = [("space", "show"), ("J K", "move"), ("+ -", "width"), ("0", "auto"), ("/", "narrow"), ("esc", "done")]
_NARROWEST, _WIDEST = 4, 80


class ColumnsDialog(Dialog[None]):
    """`change` is called with all columns whenever they are others."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,enter", "choose", "Show", show=False, priority=True),
        Binding("J,shift+down", "shift(1)", "Move down", show=False),
        Binding("K,shift+up", "shift(-1)", "Move up", show=False),
        Binding("plus,equals_sign", "widen(1)", "Wider", show=False),
        Binding("minus", "widen(-1)", "Narrower", show=False),
        Binding("0", "widen(0)", "As wide as it needs", show=False),
        Binding("slash", "narrow", "Narrow", show=False),
    ]
    DEFAULT_CSS = """
    ColumnsDialog { align: right middle; }
    ColumnsDialog > Vertical { width: 70; height: 90%; }
    ColumnsDialog Grid { height: 1fr; background: $surface; }
    ColumnsDialog Input { background: $panel; }
    """
    _COLUMNS = (
        Column("shown", "", width=1, sortable=False),
        Column("field", "FIELD", least=20, most=60, flex=1, sortable=False),
        Column("width", "WIDTH", "right", width=5, sortable=False),
    )

    def __init__(
        self, shown: Sequence[Shown], names: FieldNames, change: Callable[[tuple[Shown, ...]], object]
    ) -> None:
        super().__init__("Columns", _KEYS)
        self._shown = {field_text(column.field): column for column in shown}
        self._others = {field_text(field): field for field in _fields(names)}
        self._change = change
        self._grid = Grid(empty=("No such field",))
        self._input = Entry(placeholder="/ to narrow", compact=True)

    def compose_inside(self) -> Iterable[Widget]:
        yield self._input
        yield self._grid

    def on_mount(self) -> None:
        self._draw()
        self._grid.focus()

    def on_input_changed(self) -> None:
        self._draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._grid.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not self._input.has_focus or action not in ("choose", "shift", "widen", "narrow")

    def action_narrow(self) -> None:
        self._input.focus()

    def action_choose(self) -> None:
        key = self._key
        if key in self._shown:
            del self._shown[key]
        elif key:
            self._shown[key] = Shown(self._others[key])
        self._changed(key)

    def action_shift(self, by: int) -> None:
        key, keys = self._key, list(self._shown)
        if key not in self._shown:
            return
        at = keys.index(key)
        keys.insert(max(0, at + by), keys.pop(at))
        self._shown = {name: self._shown[name] for name in keys}
        self._changed(key)

    def action_widen(self, by: int) -> None:
        key = self._key
        column = self._shown.get(key)
        if column is None:
            return
        width = min(max((column.width or 12) + 2 * by, _NARROWEST), _WIDEST) if by else None
        self._shown[key] = replace(column, width=width)
        self._changed(key)

    @property
    def _key(self) -> str:
        return self._grid.row.key if self._grid.row else ""

    def _changed(self, key: str) -> None:
        self._draw()
        self._grid.select(key)
        self._change(tuple(self._shown.values()))

    def _draw(self) -> None:
        rest = [key for key in self._others if key not in self._shown]
        rows = [_row(key, self._shown.get(key)) for key in (*self._shown, *rest)]
        self._grid.update(ListSource(self._COLUMNS, rows, contains=self._input.value))


def _fields(names: FieldNames) -> Iterable[Field]:
    yield from map(Field, _OWN)
    for name in names.metrics:
        yield Field("metrics", name)
        yield from (Field("metrics", name, aggregate) for aggregate in AGGREGATES if aggregate != "last")
    yield from (Field("params", name) for name in names.params)
    yield from (Field("tags", name) for name in names.tags)


def _row(key: str, column: Shown | None) -> Row:
    style = "strong" if column else "muted"
    width = "" if column is None else str(column.width) if column.width else "auto"
    return Row(key, (Cell("●" if column else "·", style), Cell(safe_line(key, 200), style), Cell(width, "muted")))
