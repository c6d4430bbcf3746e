"""A list and the details of its selected row: beside each other, one below the other, or one at a time."""

from collections.abc import Iterator

from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget

BESIDE = 110  # columns from which both are side by side
WIDE = 140  # columns from which the details have their whole share
BELOW = 32  # lines from which both are one below the other
LOW = 24  # the same, where they are never side by side


class Split(Widget):
    """`open` brings the details forward: where there is room for only one, they take the list's place."""

    DEFAULT_CSS = """
    Split { height: 1fr; width: 1fr; layout: vertical; }
    Split > .split--detail { display: none; }
    Split.-beside { layout: horizontal; }
    Split.-beside > .split--list { width: 3fr; }
    Split.-beside > .split--detail { width: 2fr; display: block; }
    Split.-tight > .split--list { width: 8fr; }
    Split.-tight > .split--detail { width: 5fr; }
    Split.-below > .split--list { height: 1fr; }
    Split.-below > .split--detail { height: 1fr; display: block; }
    Split.-single.-open > .split--list { display: none; }
    Split.-single.-open > .split--detail { display: block; }
    """

    class Revealed(Message):
        """The details can be seen now, and could not before."""

    def __init__(self, listing: Widget, detail: Widget | None, *, below: bool = False) -> None:
        """Args:
        below: they are one below the other also where there is room beside: the details need the width.
        """
        super().__init__()
        self._below = below
        self._listing = listing
        self._detail = detail
        self._seen = False

    def compose(self) -> ComposeResult:
        yield from self._parts()

    @property
    def detail_visible(self) -> bool:
        """Whether the details can be seen."""
        return self._detail is not None and bool(self._detail.display)

    @property
    def opened(self) -> bool:
        return self.has_class("-open")

    @property
    def hides_list(self) -> bool:
        """Whether the details have taken the list's place."""
        return self.opened and self.has_class("-single")

    def open(self) -> None:
        if self._detail is not None:
            self.add_class("-open")
            self.call_after_refresh(self._look)

    def close(self) -> None:
        self.remove_class("-open")
        self.call_after_refresh(self._look)

    def on_resize(self, event: events.Resize) -> None:
        beside = event.size.width >= BESIDE and not self._below
        below = not beside and event.size.height >= (LOW if self._below else BELOW)
        self.set_class(beside, "-beside")
        self.set_class(beside and event.size.width < WIDE, "-tight")
        self.set_class(below, "-below")
        self.set_class(not beside and not below, "-single")
        self.call_after_refresh(self._look)

    def _look(self) -> None:
        """Once the style sheets have said what is displayed: tell if the details have come into sight."""
        seen = self.detail_visible
        if seen and not self._seen:
            self.post_message(self.Revealed())
        self._seen = seen

    def _parts(self) -> Iterator[Widget]:
        self._listing.add_class("split--list")
        yield self._listing
        if self._detail is not None:
            self._detail.add_class("split--detail")
            yield self._detail
