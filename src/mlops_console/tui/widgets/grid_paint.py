"""How a line of a grid is written: its header, a row, or what an empty grid says."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mlops_console.core.text import safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.widgets.fit import Placed, cut, cut_end, fit
from mlops_console.tui.widgets.rows import Cell, Column, Row

GUTTER = 3  # cells: the cursor's bar, the mark, a space
_MOST = 2000  # characters of a line of an empty grid


@dataclass(frozen=True, slots=True)
class LinePaint:
    """Writes lines of `width` cells. `style` gives what a semantic style adds to the plain one."""

    width: int
    columns: Sequence[Column]
    placed: Sequence[Placed]
    plain: Style
    style: Callable[[str], Style]

    def header(self, order: str, descending: bool, before: bool, more: int) -> Strip:
        """The titles; `before` and `more` tell of columns further left and right."""
        style = self.plain + self.style("header")
        segments = [Segment(("‹" if before else "").rjust(GUTTER - 1) + " ", style)]
        x = GUTTER
        for p in self.placed:
            column = self.columns[p.index]
            title, titled = column.title, style
            if column.key == order:
                title, titled = f"{cut(title, p.width - 2)} {'▼' if descending else '▲'}", style + Style(bold=True)
            text = fit(title, p.width, "left" if column.align == "left" else "right")
            segments += [Segment(" " * (p.x - x), style), Segment(text, titled)]
            x = p.x + p.width
        if more:
            segments.append(Segment(fit(f"+{more} ›", max(self.width - x, 0), "right"), style))
        return Strip(segments).adjust_cell_length(self.width, style)

    def row(self, row: Row, cursor: str, marked: bool) -> Strip:
        """A row; `cursor` is the style of its line if the cursor is on it, else ""."""
        base = self.style(cursor) if cursor else self.plain
        bar = Segment(glyphs.CURSOR if cursor else " ", base + self.style("bar"))
        segments = [bar, Segment(f"{glyphs.MARK if marked else ' '} ", base + self.style("mark"))]
        x = GUTTER
        for p in self.placed:
            cell = row.cells[p.index] if p.index < len(row.cells) else Cell("")
            column = self.columns[p.index]
            said = cell.short if cell.short and cell_len(cell.text) > p.width else cell.text
            said = cut_end(said, p.width) if column.prose else said
            text = fit(said, p.width, column.align, p.decimals)
            segments += [Segment(" " * (p.x - x), base), Segment(text, base + self.style(cell.style))]
            x = p.x + p.width
        return Strip(segments).adjust_cell_length(self.width, base)

    def empty(self, y: int, paragraphs: Sequence[str]) -> Strip:
        """Line `y` of a title and the paragraphs under it."""
        title, *rest = paragraphs
        lines = [("", ""), *((line, "strong") for line in self._wrapped(title)), ("", "")]
        for paragraph in rest:
            lines += [(line, "muted") for line in self._wrapped(paragraph)]
        text, style = lines[y] if y < len(lines) else ("", "")
        return Strip([Segment(f"  {text}", self.plain + self.style(style))]).adjust_cell_length(self.width, self.plain)

    def _wrapped(self, text: str) -> list[str]:
        indent = text[: len(text) - len(text.lstrip())]
        room = max(self.width - 4, len(indent) + 1)
        return textwrap.wrap(safe_line(text, _MOST), room, subsequent_indent=indent) or [""]
