"""The end of a growing log file, on the Line API: only the lines on the screen are drawn."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mlops_console.core.text import safe_line, size
from mlops_console.store import logs
from mlops_console.store.logs import LogTail
from mlops_console.tui.reader import Reader

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

_INTERVAL = 0.5  # seconds between two looks at the file


@dataclass
class TailRead(Message, bubble=False):
    path: Path
    tail: LogTail | None


class LogView(ScrollView, Reader, can_focus=True):
    """Follows the end of a file until somebody scrolls up; `G` follows again. Lines are wrapped to the width."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_down", "Down", show=False),
        Binding("k,up", "scroll_up", "Up", show=False),
        Binding("g,home", "scroll_home", "Top", show=False),
        Binding("G,end", "scroll_end", "End", show=False),
        Binding("pagedown,ctrl+d", "page_down", "Page down", show=False),
        Binding("pageup,ctrl+u", "page_up", "Page up", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--note"}
    DEFAULT_CSS = """
    LogView > .log--note { color: $muted; }
    LogView { height: 1fr; background: $background; overflow-x: hidden; padding: 0 1; }
    LogView { scrollbar-size: 1 1; scrollbar-gutter: stable; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._path: Path | None = None
        self._tail: LogTail | None = None
        self._message = ""
        self._wrapped: list[tuple[str, bool]] = []  # (text, is it ours and not the log's)
        self._following = True
        self._to_end_pending = False

    def on_mount(self) -> None:
        self.set_interval(_INTERVAL, self._look)

    def follow(self, path: Path | None, missing: str = "There is no log.") -> None:
        """Show the end of this file; `missing` is said while there is none."""
        if path == self._path and missing == self._message:
            return
        self._path, self._message, self._tail, self._following = path, missing, None, True
        self._wrap()
        self._look()

    def _look(self) -> None:
        path = self._path
        if path is not None and self.is_on_screen:
            self.read("log", lambda workspace: _read_tail(workspace, path))

    def on_tail_read(self, event: TailRead) -> None:
        if event.path == self._path and event.tail != self._tail:
            self._tail = event.tail
            self._wrap()

    def on_resize(self) -> None:
        self._wrap()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and not self._to_end_pending:
            self._following = False
        elif new_value >= self.max_scroll_y:
            self._following = True

    def _wrap(self) -> None:
        width = max(self.scrollable_content_region.width, 1)
        wrapped: list[tuple[str, bool]] = []
        if self._tail is None:
            wrapped = [(line, True) for line in _wrapped(self._message, width)]
        else:
            if self._tail.skipped:
                wrapped.append((f"… {size(self._tail.skipped)} before this are not shown", True))
            for line in self._tail.lines:
                wrapped += [(part, False) for part in _wrapped(safe_line(line), width)]
            if not self._tail.lines:
                wrapped.append(("Nothing was written yet.", True))
        self._wrapped = wrapped
        self.virtual_size = Size(0, len(wrapped))
        self.refresh()
        if self._following:
            self._to_end_pending = True
            self.call_after_refresh(self._to_end)

    def _to_end(self) -> None:
        self._to_end_pending = False
        if self._following:
            self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)

    def render_line(self, y: int) -> Strip:
        at = y + self.scroll_offset.y
        text, ours = self._wrapped[at] if at < len(self._wrapped) else ("", False)
        style = self.get_component_rich_style("log--note") if ours else self.rich_style
        return Strip([Segment(text, style)]).adjust_cell_length(self.scrollable_content_region.width, self.rich_style)


def _read_tail(workspace: "Workspace", path: Path) -> TailRead:
    return TailRead(path, logs.tail(workspace.root / path))


def _wrapped(text: str, width: int) -> list[str]:
    """The text in pieces of at most `width` cells, parted at blanks where there are some near the edge."""
    if cell_len(text) <= width:
        return [text]
    if text.isascii():
        return _wrapped_ascii(text, width)
    pieces, piece, have = [], "", 0
    for character in text:
        wide = cell_len(character)
        if have + wide > width and piece:
            pieces.append(piece)
            piece, have = "", 0
        piece += character
        have += wide
    return [*pieces, piece]


def _wrapped_ascii(text: str, width: int) -> list[str]:
    pieces, start = [], 0
    while len(text) - start > width:
        blank = text.rfind(" ", start + width // 2, start + width + 1)
        end = blank if blank > start else start + width
        pieces.append(text[start:end])
        start = end + (blank > start)
    return [*pieces, text[start:]]
