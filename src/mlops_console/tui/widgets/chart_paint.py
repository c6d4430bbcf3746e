"""What all charts share: rows of inked text, and a widget that repaints only the cells that changed."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from mlops_console.tui.widgets.fit import cut, wrap

_SERIES = 8
ROLES = (
    *("text", "muted", "strong", "accent", "ok", "run", "warn", "bad"),
    *("axis", "band", "threshold", "mark", "reference", "current", "overlap"),
    *(f"series-{index + 1}" for index in range(_SERIES)),
)


class Ink(NamedTuple):
    """A piece of one row: its text (already safe to show) and which of `ROLES` gives it a colour."""

    text: str
    role: str = "text"


Row: TypeAlias = tuple[Ink, ...]


def series_role(index: int) -> str:
    """The colour role of the series at `index`; they repeat after eight."""
    return f"series-{index % _SERIES + 1}"


def plain(rows: Iterable[Row]) -> str:
    """The rows as bare text, one line each."""
    return "\n".join("".join(ink.text for ink in row) for row in rows)


def fit(text: str, width: int, align: Literal["left", "right", "center"] = "left") -> str:
    """`text` in exactly `width` terminal cells: cut in the middle with "…", or padded."""
    width = max(width, 0)
    text = cut(text, width)
    gap = width - cell_len(text)
    left = {"left": 0, "right": gap, "center": gap // 2}[align]
    return " " * left + text + " " * (gap - left)


def row_of(cells: Sequence[str], roles: Sequence[str]) -> Row:
    """One row from single cells, neighbours of one role joined."""
    inks: list[Ink] = []
    start = 0
    for end in range(1, len(cells) + 1):
        if end == len(cells) or roles[end] != roles[start]:
            inks.append(Ink("".join(cells[start:end]), roles[start]))
            start = end
    return tuple(inks)


def fit_row(inks: Iterable[Ink], width: int) -> Row:
    """The inks in exactly `width` cells: the end cut with "…", or padded."""
    row: list[Ink] = []
    left = width
    for ink in inks:
        length = cell_len(ink.text)
        if length > left:
            if left > 0:
                row.append(Ink(set_cell_size(ink.text, left - 1) + "…", ink.role))
            return tuple(row)
        row.append(ink)
        left -= length
    return (*row, Ink(" " * left)) if left > 0 else tuple(row)


def split_row(left: Iterable[Ink], right: Iterable[Ink], width: int) -> Row:
    """One row with texts at both ends; where they don't fit, the left one is cut."""
    ends = list(right)
    need = sum(cell_len(ink.text) for ink in ends)
    if need + 8 > width:
        return fit_row(left, width)
    return (*fit_row(left, width - need), *ends)


def beside(left: Sequence[Row], right: Sequence[Row], left_width: int, gap: int, right_width: int) -> list[Row]:
    """Two blocks side by side, the shorter one filled with blank rows."""
    height = max(len(left), len(right))
    blank = (Ink(" " * left_width),), (Ink(" " * right_width),)
    return [
        (
            *(left[y] if y < len(left) else blank[0]),
            Ink(" " * gap),
            *(right[y] if y < len(right) else blank[1]),
        )
        for y in range(height)
    ]


def message_rows(text: str, width: int, height: int) -> tuple[Row, ...]:
    """One sentence in the middle of an otherwise empty chart."""
    if width < 1 or height < 1:
        return ()
    middle = (height - 1) // 2
    return tuple((Ink(fit(text, width, "center") if y == middle else " " * width),) for y in range(height))


def told_rows(text: str, width: int, height: int, role: str = "bad") -> tuple[Row, ...]:
    """Sentences of any length, in as many lines as they need."""
    if width < 1 or height < 1:
        return ()
    lines = wrap(text, width)
    return tuple((Ink(fit(lines[y] if y < len(lines) else "", width), role),) for y in range(height))


class Painted(Widget):
    """A widget whose rows are a pure function of its size; it repaints the changed cells only."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"chart--{role}" for role in ROLES}
    DEFAULT_CSS = """
    Painted { background: $background; color: $foreground; }
    Painted > .chart--text { color: $foreground; }
    Painted > .chart--muted { color: $muted; }
    Painted > .chart--strong { color: $strong; text-style: bold; }
    Painted > .chart--accent { color: $accent; }
    Painted > .chart--ok { color: $ok; }
    Painted > .chart--run { color: $run; }
    Painted > .chart--warn { color: $warn; }
    Painted > .chart--bad { color: $bad; }
    Painted > .chart--axis { color: $line; }
    Painted > .chart--band { color: $muted; }
    Painted > .chart--threshold { color: $warn; }
    Painted > .chart--mark { color: $mark; }
    Painted > .chart--reference { color: $series-2; }
    Painted > .chart--current { color: $series-1; }
    Painted > .chart--overlap { color: $background; background: $series-1; }
    Painted > .chart--series-1 { color: $series-1; }
    Painted > .chart--series-2 { color: $series-2; }
    Painted > .chart--series-3 { color: $series-3; }
    Painted > .chart--series-4 { color: $series-4; }
    Painted > .chart--series-5 { color: $series-5; }
    Painted > .chart--series-6 { color: $series-6; }
    Painted > .chart--series-7 { color: $series-7; }
    Painted > .chart--series-8 { color: $series-8; }
    """

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._rows: tuple[Row, ...] = ()
        self._strips: tuple[Strip, ...] = ()
        self._drawn_at: tuple[int, int] | None = None

    def rows(self, width: int, height: int) -> tuple[Row, ...]:
        """The whole chart in `width` × `height` cells; pure, so that it can be tested without a screen."""
        raise NotImplementedError

    def repaint(self) -> None:
        """Draw anew and mark the cells that differ from what is on the screen."""
        size = (self.size.width, self.size.height)
        if self._drawn_at is None or self._drawn_at != size:
            self._drawn_at = None
            self.refresh()
            return
        rows = self.rows(*size)
        changed = [(y, new) for y, (old, new) in enumerate(zip(self._rows, rows, strict=False)) if old != new]
        if len(rows) != len(self._rows):
            self._drawn_at = None
            self.refresh()
        elif changed:
            strips = list(self._strips)
            regions = []
            for y, row in changed:
                new = self._strip(row)
                regions.append(_difference(strips[y], new, y))
                strips[y] = new
            self._rows, self._strips = rows, tuple(strips)
            self.refresh(*regions)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._drawn_at = None

    def render_line(self, y: int) -> Strip:
        size = (self.size.width, self.size.height)
        if self._drawn_at != size:
            self._rows = self.rows(*size)
            self._strips = tuple(self._strip(row) for row in self._rows)
            self._drawn_at = size
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _strip(self, row: Row) -> Strip:
        return Strip([Segment(ink.text, self._ink_style(ink.role)) for ink in row if ink.text])

    def _ink_style(self, role: str) -> Style:
        return self.get_component_rich_style(f"chart--{role}")


def _difference(old: Strip, new: Strip, y: int) -> Region:
    """The cells of line `y` from the first to the last that differ; the whole line if any is not one wide."""
    before, after = _characters(old), _characters(new)
    width = max(old.cell_length, new.cell_length)
    if len(before) != width or len(after) != width:
        return Region(0, y, width, 1)
    different = [x for x in range(width) if before[x] != after[x]] or [0]
    return Region(different[0], y, different[-1] - different[0] + 1, 1)


def _characters(strip: Strip) -> list[tuple[str, Style | None]]:
    return [(character, style) for text, style, _ in strip for character in text]
