"""The details of what is selected, in tabs that are made when they are first looked at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from mlops_console.core.text import safe_line
from mlops_console.tui.paint import line, styled


@dataclass(frozen=True, slots=True)
class Pane:
    """One tab: `make` is called once, when it is first shown."""

    id: str
    title: str
    make: Callable[[], Widget]


class TabLine(Widget):
    """The titles of the tabs, the active one marked."""

    DEFAULT_CSS = "TabLine { height: 1; color: $muted; padding: 0 1; }"

    def __init__(self, panes: Sequence[Pane]) -> None:
        super().__init__()
        self.panes = tuple(panes)
        self.active = self.panes[0].id

    def render(self) -> Content:
        return Content("").join(part for part, _ in self.parts())

    def parts(self) -> list[tuple[Content, str]]:
        """Each title as it is drawn, with the id of its tab; shortened where they don't all fit."""
        for gap, most in ((2, 99), (1, 99), (1, 4), (0, 3)):
            parts = [(self._tab(pane, gap, most), pane.id) for pane in self.panes]
            if sum(part.cell_length for part, _ in parts) - gap <= self.size.width:
                break
        return parts

    def _tab(self, pane: Pane, gap: int, most: int) -> Content:
        if pane.id == self.active:
            return line(("▸", "accent"), (pane.title, "strong"), " " * gap)
        return line(" ", (pane.title[:most], "muted"), " " * gap)


class DetailPane(Widget, can_focus=False):
    """A titled box with tabs. `DetailPane.Shown` says which one is looked at now."""

    DEFAULT_CSS = """
    DetailPane { layout: vertical; border: round $line; border-title-color: $strong; height: 1fr; }
    DetailPane:focus-within { border: round $border; }
    DetailPane > .detail--pane { height: 1fr; }
    """

    @dataclass
    class Shown(Message):
        pane: str

    def __init__(self, *panes: Pane) -> None:
        super().__init__()
        self._panes = panes
        self._made: dict[str, Widget] = {}
        self._title = ""
        self._tabs = TabLine(panes)

    def compose(self) -> ComposeResult:
        if len(self._panes) > 1:
            yield self._tabs

    async def on_mount(self) -> None:
        await self._bring(self._tabs.active)

    @property
    def active(self) -> str:
        return self._tabs.active

    @property
    def widget(self) -> Widget | None:
        """The widget of the active tab."""
        return self._made.get(self.active)

    def pane(self, id: str) -> Widget | None:
        """The widget of a tab, if it was ever looked at."""
        return self._made.get(id)

    def show_title(self, title: str) -> None:
        if title != self._title:
            self._title = title
            self.border_title = styled(safe_line(title, 200))

    async def show(self, id: str) -> None:
        """Show a tab."""
        if id != self.active or id not in self._made:
            self._tabs.active = id
            self._tabs.refresh()
            await self._bring(id)

    async def turn(self, by: int) -> None:
        """Show the tab `by` further on; after the last one comes the first."""
        ids = [pane.id for pane in self._panes]
        await self.show(ids[(ids.index(self.active) + by) % len(ids)])

    def focus_inside(self) -> None:
        widget = self.widget
        if widget is not None:
            target = widget if widget.can_focus else next((w for w in widget.query("*") if w.focusable), None)
            if target is not None:
                target.focus()

    async def on_click(self, event: events.Click) -> None:
        if event.widget is self._tabs:
            x = event.get_content_offset_capture(self._tabs).x
            for part, id in self._tabs.parts():
                if x < part.cell_length:
                    await self.show(id)
                    return
                x -= part.cell_length

    async def _bring(self, id: str) -> None:
        had_focus = self.has_focus_within
        if id not in self._made:
            pane = next(pane for pane in self._panes if pane.id == id)
            widget = self._made[id] = pane.make()
            widget.add_class("detail--pane")
            await self.mount(widget)
        for other, widget in self._made.items():
            widget.display = other == id
        if had_focus:
            self.focus_inside()
        self.post_message(self.Shown(id))
