"""The second line: the views with a number."""

from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from mlops_console.tui import commands
from mlops_console.tui.paint import line

_SHORT = {"pipelines": "Pipes", "deployments": "Deploys"}  # so that all nine have their names in 80 columns


class ViewTabs(Widget):
    """The views with their numbers. Where they don't fit, names are shortened; then only the active one keeps its."""

    DEFAULT_CSS = """
    ViewTabs { height: 1; padding: 0 1; background: $background; color: $muted; }
    """

    @dataclass
    class Chosen(Message):
        view: str

    active: reactive[str] = reactive("overview")

    def render(self) -> Content:
        return Content("").join(part for part, _ in self._parts())

    def on_click(self, event: events.Click) -> None:
        x = event.get_content_offset_capture(self).x
        for part, view in self._parts():
            if x < part.cell_length:
                self.post_message(self.Chosen(view))
                return
            x -= part.cell_length

    def _parts(self) -> list[tuple[Content, str]]:
        full = {view: view.title() for view in commands.VIEWS}
        short = full | _SHORT
        for gap, names in (("  ", full), (" ", full), ("  ", short), (" ", short), (" ", {})):
            parts = [(self._tab(number, view, gap, names), view) for number, view in enumerate(commands.VIEWS, 1)]
            if sum(part.cell_length for part, _ in parts) <= self.size.width + len(gap):
                break
        return parts

    def _tab(self, number: int, view: str, gap: str, names: dict[str, str]) -> Content:
        active = view == self.active
        title = f" {names.get(view, view.title() if active else '')}".rstrip()
        return line((str(number), "key" if active else "accent"), (title, "strong" if active else "muted"), gap)
