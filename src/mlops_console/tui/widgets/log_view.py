"""The end of a growing log file, on the Line API: only the lines on the screen are drawn."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mlops_console.core.text import safe_line, size
from mlops_console.store import logs
from mlops_console.store.logs import LogTail
from mlops_console.tui import commands
from mlops_console.tui.reader import Reader

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

_ERROR = re.compile(r"(?i)\b(\w*error|\w*exception|traceback|fatal|critical|failed|killed)\b")
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
        Binding("pagedown,ctrl+d", "page_down", "Page down", show=False),
        Binding("pageup,ctrl+u", "page_up", "Page up", show=False),
        *commands.bindings("log"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--note", "log--match", "log--found", "log--error"}
    DEFAULT_CSS = """
    LogView > .log--note { color: $muted; }
    LogView > .log--match { color: $accent; }
    LogView > .log--found { color: $background; background: $accent; }
    LogView > .log--error { color: $bad; }
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
        self._sought = ""
        self._found: int | None = None  # the line that was gone to

    def on_mount(self) -> None:
        self.set_interval(_INTERVAL, self._look)

    def follow(self, path: Path | None, missing: str = "There is no log.") -> None:
        """Show the end of this file; `missing` is said while there is none."""
        if path == self._path and missing == self._message:
            return
        self._path, self._message, self._tail, self._following, self._found = path, missing, None, True, None
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
        if new_value >= self.max_scroll_y:  # at the end, be it that the room has grown
            self._following = True
        elif new_value < old_value and not self._to_end_pending:
            self._following = False

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
            # by force, as the scroll bar that allows it may not have been laid out yet
            self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True, force=True)

    def render_line(self, y: int) -> Strip:
        at = y + self.scroll_offset.y
        text, ours = self._wrapped[at] if at < len(self._wrapped) else ("", False)
        style = self._style_of(at, text, ours)
        return Strip([Segment(text, style)]).adjust_cell_length(self.scrollable_content_region.width, self.rich_style)

    def _style_of(self, at: int, text: str, ours: bool) -> Style:
        if ours:
            return self.get_component_rich_style("log--note")
        if at == self._found:
            return self.get_component_rich_style("log--found")
        if self._is_match(text):
            return self.get_component_rich_style("log--match")
        return self.get_component_rich_style("log--error") if is_error(text) else self.rich_style

    # Searching

    def action_search(self, text: str = "") -> None:
        """Ask for a text, and go to the last line before this place that has it."""
        if text:
            self._seek(text)
            return
        from mlops_console.tui.screens.dialogs.prompt import Prompt

        again = f"Nothing typed finds {safe_line(self._sought, 60)!r} again." if self._sought else ""
        self.app.push_screen(Prompt("Find in the log", again), self._seek)

    def action_next_match(self) -> None:
        self._go(self._is_match, 1, self._sought or "what is sought: / says it")

    def action_previous_match(self) -> None:
        self._go(self._is_match, -1, self._sought or "what is sought: / says it")

    def action_next_error(self) -> None:
        self._go(is_error, 1, "an error")

    def action_previous_error(self) -> None:
        self._go(is_error, -1, "an error")

    def action_follow(self) -> None:
        self._following, self._found, self._to_end_pending = True, None, True
        self.call_after_refresh(self._to_end)
        self.refresh()

    def _seek(self, text: str | None) -> None:
        if text is None:
            return
        if text.strip():
            self._sought, self._found = text.strip(), None
        if self._sought:
            self.action_previous_match()

    def _is_match(self, text: str) -> bool:
        return bool(self._sought) and self._sought.lower() in text.lower()

    def _go(self, wanted: Callable[[str], bool], by: int, told: str) -> None:
        """To the next such line in this direction, round the end if there is none."""
        found = [at for at, (text, ours) in enumerate(self._wrapped) if not ours and wanted(text)]
        if not found:
            self.app.notify(f"No line has {safe_line(told, 60)}.", markup=False)
            return
        here = self._found if self._found is not None else self.scroll_offset.y + (self.size.height if by < 0 else -1)
        beyond = [at for at in found if (at > here if by > 0 else at < here)]
        if not beyond and self._found is not None:
            self.app.notify(f"From the {'top' if by > 0 else 'end'} again: {len(found):,} in all.")
        self._found = (beyond or found)[0 if by > 0 else -1]
        self._following = False
        self.scroll_to(y=max(self._found - self.size.height // 2, 0), animate=False, immediate=True)
        self.refresh()


def is_error(text: str) -> bool:
    """Whether a line of a log tells of an error, by its words."""
    return _ERROR.search(text) is not None


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
