"""What all views have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.message import Message

from mlops_console.core.errors import MlopsError
from mlops_console.tui import commands
from mlops_console.tui.messages import ReadFailed
from mlops_console.tui.reader import Reader
from mlops_console.tui.selection import NOTHING, Selection


class View(Reader):
    """One of the views. It lives from its first visit on; while it is hidden it neither reads nor draws.

    A subclass says in `TOPICS` what it shows, reads in `reload`, and draws when its messages arrive.
    """

    NAME: ClassVar[str]  # as in `commands.VIEWS`
    TOPICS: ClassVar[frozenset[str]] = frozenset()
    DEFAULT_CSS = "View { height: 1fr; width: 1fr; layout: vertical; }"

    def __init_subclass__(cls, **options: Any) -> None:
        if "NAME" in cls.__dict__:
            cls.BINDINGS = [*commands.bindings(cls.NAME)]
        super().__init_subclass__(**options)

    @dataclass
    class PlaceChanged(Message):
        """The breadcrumb or the selection is another."""

        view: "View"

    def __init__(self) -> None:
        super().__init__(id=self.NAME)

    def reload(self, topics: frozenset[str]) -> None:
        """Read what these topics touch, with `self.read`. Called when the view is shown and when the store changes."""
        raise NotImplementedError

    def tick(self) -> None:
        """Once a second while shown: redraw ages and durations whose text has changed."""

    def focus_first(self) -> None:
        """Give the focus to the widget that should have it when the view is shown."""

    def leave(self) -> bool:
        """Go one step out (`esc`); False if there was none."""
        return False

    async def show_logs(self) -> bool:
        """Show the log of what is selected (`l`); False if the view has none."""
        return False

    async def go_to(self, where: Mapping[str, Any]) -> None:
        """Select the thing that another view, or the command line, sends a person to."""

    @property
    def selection(self) -> Selection:
        """What is selected, for the commands of the whole console."""
        return NOTHING

    @property
    def crumb(self) -> str:
        """The end of the breadcrumb, if one has gone into something."""
        return ""

    @property
    def footer(self) -> str:
        """Whose commands the footer shows, as `commands.footer` takes it."""
        return self.NAME

    def place_changed(self) -> None:
        """Tell the header and the footer that `crumb`, `selection` or `footer` is another."""
        self.post_message(self.PlaceChanged(self))

    def read_failed(self, what: str, error: MlopsError) -> None:
        """A read has failed in an expected way: by default a toast tells it."""
        self.console.tell_error(error)

    def on_read_failed(self, event: ReadFailed) -> None:
        event.stop()
        self.read_failed(event.what, event.error)
