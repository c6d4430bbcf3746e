"""A few lines over an input: what the word at its cursor may become."""

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from mlops_console.core.text import safe_line

MOST = 8  # lines


class Suggestions(Widget):
    """Hidden while there are none. The chosen one is drawn like the cursor of a list."""

    COMPONENT_CLASSES = {"suggestions--chosen"}  # noqa: RUF012 - as Textual declares it
    DEFAULT_CSS = """
    Suggestions { height: auto; display: none; background: $panel; color: $foreground; }
    Suggestions > .suggestions--chosen { background: $cursor; color: $cursor-text; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.choices: tuple[str, ...] = ()
        self.chosen = -1  # none: enter does not take one by accident

    def show(self, choices: Sequence[str]) -> None:
        """Offer these, with none chosen."""
        if tuple(choices) == self.choices and self.chosen < 0:
            return
        resized = min(len(choices), MOST) != min(len(self.choices), MOST)
        self.choices, self.chosen = tuple(choices), -1
        self.display = bool(choices)
        self.refresh(layout=resized)

    def move(self, by: int) -> None:
        """Choose the next one or the one before; past the end none is chosen."""
        if self.choices:
            self.chosen = (self.chosen + 1 + by) % (len(self.choices) + 1) - 1
            self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return min(len(self.choices), MOST)

    def render_line(self, y: int) -> Strip:
        top = max(0, self.chosen - MOST + 1)
        at = top + y
        style = self.get_component_rich_style("suggestions--chosen") if at == self.chosen else self.rich_style
        if at >= len(self.choices):
            return Strip.blank(self.size.width, style)
        text = f"  {safe_line(self.choices[at], 200)}"
        if y == MOST - 1 and at + 1 < len(self.choices):
            text += f"   + {len(self.choices) - at - 1} more"
        return Strip([Segment(text, style)]).adjust_cell_length(self.size.width, style)
