"""A view that is a list with details: grid, filter, sort, marks and the detail pane, wired once."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.widget import Widget

from mlops_console.core.errors import MlopsError
from mlops_console.core.text import safe_line
from mlops_console.tui.paint import line
from mlops_console.tui.screens.view import View
from mlops_console.tui.widgets.detail import DetailPane
from mlops_console.tui.widgets.filter_bar import FilterBar
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.log_view import LogView
from mlops_console.tui.widgets.rows import Column, ListSource, Row
from mlops_console.tui.widgets.split import Split


class Frame(Widget):
    """The box round a list: title, count and filter on its border."""

    DEFAULT_CSS = """
    Frame { layout: vertical; border: round $line; border-title-color: $foreground; height: 1fr; }
    Frame:focus-within { border: round $border; }
    Frame > Grid { height: 1fr; }
    """

    _told = ""

    def show_title(self, title: str, count: int | None, note: str = "") -> None:
        """`Runs ── 4,113 ── metrics.val/auc > 0.9`."""
        parts = [line((title, "strong"))]
        if count is not None:
            parts.append(line((f"{count:,}", "accent")))
        if note:
            parts.append(line((safe_line(note, 200), "warn")))
        content = line((" ── ", "muted")).join(parts)
        if content.markup != self._told:  # setting it, even to the same, draws the whole list anew
            self._told = content.markup
            self.border_title = content


class ListView(View):
    """Subclasses give `TITLE`, `COLUMNS`, `EMPTY`, and call `show_rows` with what they have read.

    A list that is not all in memory overrides `query_changed` instead and calls `grid.update` with its own source.
    """

    TITLE: ClassVar[str]
    THING: ClassVar[str] = "row"  # what a row is
    COLUMNS: ClassVar[Sequence[Column]] = ()
    EMPTY: ClassVar[Sequence[str]] = ()  # a title, then lines that teach the first step
    NO_MATCH: ClassVar[Sequence[str]] = ("Nothing matches the filter", "esc clears it.")
    FILTER_HINT: ClassVar[str] = "words that a row must have"
    MARKABLE: ClassVar[bool] = False
    HOLDS: ClassVar[bool] = False  # the cursor stays on its row however the rows are sorted anew, also from the top
    DETAIL_BELOW: ClassVar[bool] = False  # not beside the list, for details that need the width

    def __init__(self) -> None:
        super().__init__()
        self.grid = Grid(empty=self.EMPTY, markable=self.MARKABLE, holds=self.HOLDS)
        self.filter_bar = FilterBar(self.FILTER_HINT)
        self.frame = Frame(self.grid, self.filter_bar)
        self.detail = self.make_detail()
        self.split = Split(self.frame, self.detail, below=self.DETAIL_BELOW)
        self.order = ""
        self.descending = False
        self._rows: Sequence[Row] = ()

    def compose(self) -> ComposeResult:
        yield self.split

    def on_mount(self) -> None:
        self.frame.show_title(self.TITLE, None)

    # For subclasses

    def make_detail(self) -> DetailPane | None:
        """The details of the selected row; None for a list without."""
        return None

    @property
    def list_title(self) -> str:
        """What the list is of."""
        return self.TITLE

    def row_selected(self, row: Row | None) -> None:
        """The cursor is on another row, or its details have come into sight: read them."""

    async def row_opened(self, row: Row) -> None:
        """Somebody wants to go into a row: by default into its details."""
        await self.open_detail()

    def pane_shown(self, pane: str) -> None:
        """A tab of the details is looked at: give it what it shows."""

    def columns(self) -> Sequence[Column]:
        return self.COLUMNS

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show these, as they are filtered and sorted now."""
        self._rows = rows
        self.query_changed()

    def query_changed(self) -> None:
        """The filter or the order is another."""
        source = ListSource(self.columns(), self._rows, self.filter_bar.text, self.order, self.descending)
        self.show_source_title(source.count)
        self.grid.update(source, order=self.order, descending=self.descending)

    def show_source_title(self, count: int | None, text: str | None = None) -> None:
        """Put count and filter (`text`, if it isn't the one of the bar) into the title, and choose what an empty list
        says.
        """
        text = self.filter_bar.text if text is None else text
        self.grid.empty = tuple(self.NO_MATCH if text else self.nothing_here)
        self.frame.show_title(self.list_title, count, text)

    @property
    def nothing_here(self) -> Sequence[str]:
        """What an empty list says: a title, then lines that teach the first step."""
        return self.EMPTY

    # View

    @property
    def footer(self) -> str:
        pane = self.detail.widget if self.detail is not None else None
        return "log" if isinstance(pane, LogView) and pane.has_focus else self.NAME

    def on_descendant_focus(self) -> None:
        self.place_changed()  # the footer may be another

    def focus_first(self) -> None:
        self.grid.focus()

    def leave(self) -> bool:
        if self.split.opened:
            self.split.close()
            self.grid.focus()
            self.place_changed()
            return True
        if self.detail is not None and self.detail.has_focus_within:
            self.grid.focus()
            return True
        if self.filter_bar.text:
            self.filter_bar.set_text("")
            return True
        if self.grid.marks:
            self.grid.unmark_all()
            return True
        return False

    def read_failed(self, what: str, error: MlopsError) -> None:
        """A toast goes away: while there is nothing else to show, the list says it."""
        super().read_failed(what, error)
        self.grid.show_trouble(safe_line(error.message, 400), safe_line(error.hint, 400))

    # Commands

    def show_list(self) -> None:
        """What acts on the list is to be seen: where the details have taken its place, go back to it."""
        if self.split.hides_list:
            self.split.close()
            self.grid.focus()
            self.place_changed()

    def action_filter(self, text: str | None = None) -> None:
        self.show_list()
        if text is None:
            self.filter_bar.open()
        else:
            self.filter_bar.set_text(text)

    def action_sort(self, column: str | None = None) -> None:
        """By this column; without one, ask which."""
        self.show_list()
        sortable = [c for c in self.columns() if c.sortable]
        if column is not None:
            found = [c for c in sortable if column in (c.key, c.title)]
            if found:
                self.sort_by(found[0].key)
            else:
                self.app.notify(f"No column {safe_line(column, 60)}.", severity="warning", markup=False)
            return
        from mlops_console.tui.screens.dialogs.picker import Choice, Picker

        arrow = "▼" if self.descending else "▲"
        choices = [Choice(c.key, c.title, arrow if c.key == self.order else "") for c in sortable]
        self.app.push_screen(Picker("Sort by", choices), lambda key: self.sort_by(key) if key else None)

    def action_reverse(self) -> None:
        self.show_list()
        if self.order:
            self.sort_by(self.order)

    def sort_by(self, column: str) -> None:
        """By this column; if it is the one already, the other way round. Numbers begin with the greatest."""
        if column == self.order:
            self.descending = not self.descending
        else:
            aligns = {c.key: c.align for c in self.columns()}
            self.order, self.descending = column, aligns.get(column, "left") != "left"
        self.query_changed()

    async def action_next_tab(self) -> None:
        if self.detail is not None and self.split.detail_visible:
            await self.detail.turn(1)

    async def action_previous_tab(self) -> None:
        if self.detail is not None and self.split.detail_visible:
            await self.detail.turn(-1)

    async def open_detail(self, pane: str = "") -> None:
        """Go into the details, at a tab if one is named."""
        if self.detail is None:
            return
        if pane:
            await self.detail.show(pane)
        self.split.open()
        self.detail.focus_inside()
        self.place_changed()

    # Messages

    def on_grid_moved(self, event: Grid.Moved) -> None:
        if event.grid is self.grid:
            event.stop()
            if event.row is None and self.detail is not None:
                self.detail.show_title(f"no {self.THING} selected")
            self.row_selected(event.row)
            self.place_changed()

    async def on_grid_opened(self, event: Grid.Opened) -> None:
        if event.grid is self.grid:
            event.stop()
            await self.row_opened(event.row)

    def on_split_revealed(self, event: Split.Revealed) -> None:
        event.stop()
        self.row_selected(self.grid.row)

    def on_grid_sort_wished(self, event: Grid.SortWished) -> None:
        if event.grid is self.grid:
            event.stop()
            self.sort_by(event.column)

    def on_filter_bar_changed(self, event: FilterBar.Changed) -> None:
        event.stop()
        if event.final:
            self.grid.focus()
        self.query_changed()

    def on_detail_pane_shown(self, event: DetailPane.Shown) -> None:
        event.stop()
        self.pane_shown(event.pane)
