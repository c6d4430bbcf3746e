"""The table of all views, on the Line API: it draws the rows on the screen and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mlops_console.tui import commands, glyphs
from mlops_console.tui.widgets.fit import Placed, place
from mlops_console.tui.widgets.grid_paint import GUTTER, LinePaint
from mlops_console.tui.widgets.rows import Cell, ListSource, Row, RowSource

_WAITING = Row("", (Cell("…", "muted"),))


class Grid(ScrollView, can_focus=True):
    """Rows of a `RowSource` under a header that stays, with a cursor, marks and a sort arrow.

    `update` compares what is on the screen with what should be, and repaints only the cells that differ.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*commands.bindings("grid", "marks")]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "grid--header",
        "grid--cursor",
        "grid--cursor-blurred",
        "grid--bar",
        "grid--mark",
        *(f"grid--{style}" for style in glyphs.STYLES),
    }
    DEFAULT_CSS = """
    Grid { background: $background; color: $foreground; overflow-x: hidden; }
    Grid { scrollbar-size: 1 1; scrollbar-gutter: stable; }
    Grid > .grid--header { color: $muted; }
    Grid > .grid--cursor { background: $cursor; color: $cursor-text; }
    Grid > .grid--cursor-blurred { background: $panel; color: $foreground; }
    Grid > .grid--bar { color: $accent; }
    Grid > .grid--mark { color: $mark; }
    Grid > .grid--ok { color: $ok; }
    Grid > .grid--run { color: $run; }
    Grid > .grid--warn { color: $warn; }
    Grid > .grid--bad { color: $bad; }
    Grid > .grid--muted { color: $muted; }
    Grid > .grid--strong { color: $strong; text-style: bold; }
    Grid > .grid--accent { color: $accent; }
    """

    @dataclass
    class Moved(Message):
        """The cursor is on another row now; None if there is none."""

        grid: "Grid"
        row: Row | None

    @dataclass
    class Opened(Message):
        """Somebody wants to go into a row."""

        grid: "Grid"
        row: Row

    @dataclass
    class Marked(Message):
        """The marks have changed: `Grid.marks`."""

        grid: "Grid"

    @dataclass
    class SortWished(Message):
        """Somebody has clicked on the title of a sortable column."""

        grid: "Grid"
        column: str

    def __init__(
        self, *, empty: Sequence[str] = (), markable: bool = False, holds: bool = False, **options: Any
    ) -> None:
        """`empty`: a title and lines that teach the first step, drawn when there are no rows; `holds`: the cursor
        stays on its row also where that was the first one.
        """
        super().__init__(**options)
        self.source: RowSource = ListSource(())
        self.empty = tuple(empty)
        self.markable = markable
        self.holds = holds
        self.marks: dict[str, None] = {}  # keys, in the order of marking
        self.order = ""
        self.descending = False
        self.cursor = 0
        self._key = ""  # of the row under the cursor
        self._known: dict[int, tuple[int, int]] = {}
        self._placed: list[Placed] = []
        self._first = 1  # the first column shown after the pinned one
        self._more = 0  # columns that are left over on the right
        self._drawn: list[tuple[Any, ...]] = []
        self._styles_by_name: dict[str, Style] = {}
        self._read = False
        self._trouble: tuple[str, ...] = ()  # why nothing could be read yet
        self._kept = ""  # the column by which somebody has sorted: it stays in view until `←` or `→`

    # What others call

    def update(self, source: RowSource, *, order: str = "", descending: bool = False) -> None:
        """Show these rows. The cursor stays on its row, or at the top if it never left it (unless it `holds`)."""
        columns_changed = tuple(source.columns) != tuple(self.source.columns)
        if order != self.order:
            self._known.clear()
            self._kept = order if self._read else ""
        self.source, self.order, self.descending = source, order, descending
        self._read = True
        if columns_changed:
            self._known.clear()
            self._first = 1
        if self.virtual_size.height != source.count + 1:
            self.virtual_size = Size(0, source.count + 1)
        before = self.cursor
        self._follow()
        if before or not self.holds:
            self._keep_in_place(self.cursor - before)
        else:
            self._bring_into_view()  # what is new on top stays in sight
        self._draw_changes(force=columns_changed)

    def show_trouble(self, *lines: str) -> None:
        """Why there are no rows, until some have been read."""
        self._trouble = lines
        if not self._read:
            self.refresh()

    def reset(self) -> None:
        """Forget the cursor and the place: other rows come."""
        self._key, self.cursor = "", 0
        self._known.clear()
        self.scroll_to(y=0, animate=False, immediate=True)

    @property
    def row(self) -> Row | None:
        """The row under the cursor; None if there is none, or it is out of sight and not here."""
        return self.source.peek(self.cursor)

    @property
    def key(self) -> str:
        """Of the row under the cursor, also while that is not here."""
        return self._key

    def move_to(self, index: int) -> None:
        """Put the cursor on a row and bring it into view."""
        index = max(0, min(index, self.source.count - 1))
        before = self.cursor
        self.cursor = index
        row = self.row
        key = row.key if row else ""
        self._bring_into_view()
        self._draw_changes()
        if before != index or key != self._key:
            self._key = key
            self.post_message(self.Moved(self, row))

    def select(self, key: str) -> bool:
        """Put the cursor on the row with this key; False if the source does not know where it is."""
        index = self.source.index_of(key)
        if index is not None:
            self.move_to(index)
        return index is not None

    # Drawing

    def render_line(self, y: int) -> Strip:
        paint = LinePaint(self._width, self.source.columns, self._placed, self.rich_style, self._style)
        if self.source.count == 0:
            unread = self._trouble or ("Reading…",)
            return paint.empty(y, (self.empty or ("Nothing here yet",)) if self._read else unread)
        if y == 0:
            return paint.header(self.order, self.descending, self._first > 1, self._more)
        index = y - 1 + self.scroll_offset.y
        found = self.source.rows(index, 1) if index < self.source.count else ()
        if not found:
            return Strip.blank(self._width, self.rich_style)
        row = found[0] or _WAITING
        cursor = "" if index != self.cursor else "cursor" if self.has_focus else "cursor-blurred"
        return paint.row(row, cursor, row.key in self.marks)

    def _style(self, name: str) -> Style:
        """What a semantic style adds to its line."""
        if not name:
            return Style.null()
        found = self._styles_by_name.get(name)
        if found is None:
            found = self._styles_by_name[name] = self.get_component_rich_style(f"grid--{name}", partial=True)
        return found

    def notify_style_update(self) -> None:
        self._styles_by_name.clear()
        super().notify_style_update()

    # What is on the screen and what should be

    def _draw_changes(self, force: bool = False) -> None:
        """Repaint the cells that differ from what was drawn last."""
        if not self.size.height:
            return
        window = self._window()
        rows = [row.cells for row in window if row is not None]
        placed, more = self._place(rows)
        drawn = self._state(window)
        if force or placed != self._placed or more != self._more or len(drawn) != len(self._drawn):
            self.refresh()
        else:
            for y, (old, new) in enumerate(zip(self._drawn, drawn, strict=True)):
                if old != new:
                    self._refresh_difference(y, old, new)
        self._placed, self._more, self._drawn = placed, more, drawn

    def _place(self, rows: Sequence[Sequence[Cell]]) -> tuple[list[Placed], int]:
        """Where the columns go, moved on as far as the one that must stay in view needs it."""
        columns = self.source.columns
        kept = next((at for at, column in enumerate(columns) if column.key == self._kept), 0)
        while True:
            placed, more = place(columns, rows, self._width, GUTTER, self._first, self._known, self.order)
            if kept <= self._first or kept in (p.index for p in placed):
                return placed, more
            self._first += 1

    def _state(self, window: Sequence[Row | None]) -> list[tuple[Any, ...]]:
        """Of every line what decides how it looks: first what holds for all of it, then its row."""
        header = ("header", self.order, self.descending, self.source.count == 0)
        top = self.scroll_offset.y
        lines: list[tuple[Any, ...]] = [(header, None)]
        for at, row in enumerate(window):
            key = row.key if row else ""
            cursor = top + at == self.cursor and (True, self.has_focus)
            lines.append(((cursor, key in self.marks, row is None), row.cells if row else ()))
        lines += [((), ())] * (self.size.height - len(lines))
        return lines[: self.size.height]

    def _refresh_difference(self, y: int, old: tuple[Any, ...], new: tuple[Any, ...]) -> None:
        (old_line, old_cells), (new_line, new_cells) = old, new
        if old_line != new_line or not old_cells or len(old_cells) != len(new_cells):
            self.refresh(Region(0, y, self._width, 1))
            return
        changed = [p for p in self._placed if old_cells[p.index][:2] != new_cells[p.index][:2]]
        self.refresh(*(Region(p.x, y, p.width, 1) for p in changed)) if changed else None

    @property
    def _width(self) -> int:
        """Of the lines: the scroll bar's column is not theirs, whether it is shown or not."""
        return self.scrollable_content_region.width

    def _window(self) -> Sequence[Row | None]:
        return self.source.rows(self.scroll_offset.y, max(self.size.height - 1, 0))

    def _follow(self) -> None:
        """Put the cursor where its row is now; if it is gone, leave it where it was."""
        count = self.source.count
        old = self._key
        if old and (self.holds or self.cursor > 0):
            index = self.source.index_of(old)
            self.cursor = self.cursor if index is None else index
        self.cursor = max(0, min(self.cursor, count - 1))
        row = self.row
        if row is None and count:
            return  # it is out of sight; its key is kept until it comes back
        self._key = row.key if row else ""
        if self._key != old:
            self.post_message(self.Moved(self, row))

    def _keep_in_place(self, moved: int) -> None:
        """Rows came or went above the cursor: what is on the screen stays where it is."""
        if moved:
            wanted = max(0, self.scroll_offset.y + moved)
            self.scroll_to(y=wanted, animate=False, immediate=True)
            if self.scroll_offset.y != wanted:
                self.call_after_refresh(self.scroll_to, y=wanted, animate=False, immediate=True)

    def _bring_into_view(self, again: bool = True) -> None:
        """Scroll to the cursor. After an update the reach of scrolling is known only with the next layout."""
        page = max(self.size.height - 1, 1)
        top = self.scroll_offset.y
        wanted = min(max(top, self.cursor - page + 1), self.cursor)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, immediate=True)
            if again and self.scroll_offset.y != wanted:
                self.call_after_refresh(self._bring_into_view, False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._draw_changes(force=True)

    def on_resize(self) -> None:
        self._known.clear()
        self._bring_into_view()
        self._draw_changes(force=True)

    def on_focus(self) -> None:
        self._draw_changes()

    def on_blur(self) -> None:
        self._draw_changes()

    # Keys and mouse

    def action_cursor_down(self) -> None:
        self.move_to(self.cursor + 1)

    def action_cursor_up(self) -> None:
        self.move_to(self.cursor - 1)

    def action_page_down(self) -> None:
        self.move_to(self.cursor + max(self.size.height - 2, 1))

    def action_page_up(self) -> None:
        self.move_to(self.cursor - max(self.size.height - 2, 1))

    def action_top(self) -> None:
        self.move_to(0)

    def action_bottom(self) -> None:
        self.move_to(self.source.count - 1)

    def action_columns_right(self) -> None:
        self._kept = ""
        if self._more:
            self._first += 1
            self._draw_changes(force=True)

    def action_columns_left(self) -> None:
        self._kept = ""
        if self._first > 1:
            self._first -= 1
            self._draw_changes(force=True)

    def action_open(self) -> None:
        if (row := self.row) is not None:
            self.post_message(self.Opened(self, row))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A list whose rows can't be marked leaves that key to its view."""
        return self.markable if action == "mark" else super().check_action(action, parameters)

    def action_mark(self) -> None:
        row = self.row
        if row is None or not self.markable:
            return
        if row.key in self.marks:
            del self.marks[row.key]
        else:
            self.marks[row.key] = None
        self.post_message(self.Marked(self))
        self.move_to(self.cursor + 1)

    def unmark_all(self) -> None:
        if self.marks:
            self.marks.clear()
            self._draw_changes()
            self.post_message(self.Marked(self))

    def on_click(self, event: events.Click) -> None:
        x, y = event.get_content_offset_capture(self)
        if y == 0:
            for p in self._placed:
                column = self.source.columns[p.index]
                if p.x <= x < p.x + p.width and column.sortable:
                    self.post_message(self.SortWished(self, column.key))
            return
        index = y - 1 + self.scroll_offset.y
        if 0 <= index < self.source.count:
            self.move_to(index)
            if event.chain == 2:
                self.action_open()
