"""The main screen: header, tabs, the view that is shown, footer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Static

from mlops_console.tui import commands
from mlops_console.tui.screens.registry import make_view
from mlops_console.tui.screens.view import View
from mlops_console.tui.widgets.footer import KeysFooter
from mlops_console.tui.widgets.header import Header
from mlops_console.tui.widgets.tabs import ViewTabs

if TYPE_CHECKING:
    from mlops_console.tui.app import ConsoleApp

LEAST = (60, 15)  # columns and lines for which it is made


class MainScreen(Screen[None]):
    """Mounts each view on its first visit and lets only the one that is shown read and tick."""

    AUTO_FOCUS = None

    def __init__(self, project: str, first_view: str) -> None:
        super().__init__()
        self.header = Header(project)
        self.tabs = ViewTabs()
        self.body = Container(id="body")
        self.footer = KeysFooter()
        self._notice = Static("", id="notice", markup=False)
        self._views: dict[str, View] = {}
        self._stale: dict[str, set[str]] = {}  # topics that have changed since a hidden view has read
        self._ways: list[str] = []  # the views from which one was sent on to the one that is shown
        self.view_name = self.tabs.active = first_view

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.tabs
        yield self._notice
        yield self.body
        yield self.footer

    @property
    def console(self) -> "ConsoleApp":
        return cast("ConsoleApp", self.app)

    def on_mount(self) -> None:
        self.place_changed()
        self.call_after_refresh(self._show_first)

    async def _show_first(self) -> None:
        if not self._views:  # unless somebody was quicker and has chosen one
            await self.show_view(self.view_name)

    @property
    def ready(self) -> bool:
        """Whether there is a view: the first frame comes without, so that it comes sooner."""
        return self.view_name in self._views

    @property
    def view(self) -> View:
        return self._views[self.view_name]

    async def show_view(self, name: str, where: Mapping[str, Any] | None = None) -> None:
        """Bring a view forward, and to what `where` names in it, from where `go_back` leads back."""
        if not where:
            self._ways.clear()
        elif name != self.view_name and self.ready:
            self._ways.append(self.view_name)
        await self._bring(name)
        if where:
            await self.view.go_to(where)

    async def go_back(self) -> None:
        """To the view that has sent one to this one, if one did."""
        if self._ways:
            await self._bring(self._ways.pop())

    async def _bring(self, name: str) -> None:
        known = name in self._views
        if not known:
            self._views[name] = make_view(name)
            await self.body.mount(self._views[name])
        self.view_name = self.tabs.active = name
        for other, view in self._views.items():
            view.display = other == name
        self.view.focus_first()
        self.place_changed()
        if known:
            self.view.tick()  # what it showed when it was left is as old as that
        if self.console.listening:
            self._catch_up(self.view.TOPICS)

    def store_changed(self, topics: frozenset[str]) -> None:
        """Tell the shown view at once, the others when they are next shown."""
        self.header.reload(topics)
        for name, view in self._views.items():
            if touched := topics & view.TOPICS:
                self._stale.setdefault(name, set()).update(touched)
        self._catch_up()

    def tick(self) -> None:
        if self.ready and self.app.screen_stack[-1:] == [self]:  # empty at the very end
            self.view.tick()

    def place_changed(self) -> None:
        """Bring header and footer up to where one is."""
        self.header.show_place(self.view_name.title(), self.view.crumb if self.ready else "")
        shown = self.view.footer if self.ready else self.view_name
        self.footer.show_commands(commands.footer(shown, self.console.read_only), self.console.keymap)

    def on_view_place_changed(self, event: View.PlaceChanged) -> None:
        if self.ready and event.view is self.view:
            self.place_changed()

    async def on_view_tabs_chosen(self, event: ViewTabs.Chosen) -> None:
        await self.show_view(event.view)

    async def on_keys_footer_chosen(self, event: KeysFooter.Chosen) -> None:
        await self.console.run_command(event.command)

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        small = width < LEAST[0] or height < LEAST[1]
        self.set_class(small, "-small")
        self._notice.update(_notice(width, height) if small else "")

    def _catch_up(self, topics: frozenset[str] = frozenset()) -> None:
        """Let the shown view read what has changed while it was hidden."""
        if not self.ready:
            return
        wanted = frozenset(self._stale.pop(self.view_name, set())) | topics
        if wanted:
            self.view.reload(wanted)


def _notice(width: int, height: int) -> str:
    said = f"{width}×{height} is small"
    more = f"{said}; {LEAST[0]}×{LEAST[1]} shows more"
    return more if len(more) <= width - 2 else said
