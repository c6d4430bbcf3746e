"""The keys of a view, out of the command table."""

import textwrap
from collections.abc import Iterable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from mlops_console.tui.commands import Command, Keymap, in_view, shown_keys
from mlops_console.tui.paint import line, styled
from mlops_console.tui.screens.dialogs.dialog import Dialog

_INSIDE = 87  # cells for the text in a dialogue as wide as it gets
_EDGES = 5  # cells that border, padding and scroll bar take
_KEYS, _NAMES = 12, 16  # cells of the first two columns


class Help(Dialog[None]):
    """What can be done here, in groups: in this view, in its chart, everywhere, moving about, the views. Each command
    has its key, its name (which `:` takes) and what it does.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,q,enter", "cancel", "Leave", show=False),
        Binding("j,down", "scroll(1)", "Down", show=False),
        Binding("k,up", "scroll(-1)", "Up", show=False),
    ]
    DEFAULT_CSS = """
    Help VerticalScroll { height: auto; max-height: 100%; scrollbar-size: 1 1; }
    Help Static { height: auto; padding: 1 0; }
    """

    def __init__(self, view: str, read_only: bool, keymap: Keymap) -> None:
        super().__init__(f"Keys of {view.title()}", [("↑↓", "scroll"), ("esc", "leave")])
        commands = in_view(view, read_only)
        here = [c for c in commands if view in c.footer or view in c.scope]
        views = [c for c in commands if c.action.startswith("app.show_view")]
        moving = [c for c in commands if "grid" in c.scope and c not in here]
        chart = [c for c in commands if "chart" in c.scope]
        log = [c for c in commands if c.scope == ("log",)]
        rest = [c for c in commands if c not in here + views + moving + chart + log]
        groups = [("Here", here), ("Chart", chart), ("Log", log), ("Everywhere", rest), ("Moving", moving)]
        groups.append(("Views", views))
        self._groups = [(title, group) for title, group in groups if group]
        self._keymap = keymap
        self._text = Static("", markup=False)

    def compose_inside(self) -> Iterable[Widget]:
        yield VerticalScroll(self._text, can_focus=True)

    def on_resize(self, event: events.Resize) -> None:
        """By hand, so that what is wrapped keeps its indent: `_INSIDE` of a wide screen, else its 96 %."""
        room = min(_INSIDE, int(event.size.width * 0.96) - _EDGES)
        self._text.update(
            Content("\n\n").join(_group(title, group, self._keymap, room) for title, group in self._groups)
        )

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


def _group(title: str, commands: list[Command], keymap: Keymap, room: int) -> Content:
    lines = [styled(title, "strong")]
    for c in commands:
        name, keys = c.id if c.palette else "", shown_keys(keymap.of(c))
        first, *more = textwrap.wrap(c.help, max(room - _KEYS - _NAMES, 16))
        lines.append(line((f"{keys:<{_KEYS}}", "key"), f"{name:<{_NAMES}}", (first, "muted")))
        lines += [line((" " * (_KEYS + _NAMES) + text, "muted")) for text in more]
    return Content("\n").join(lines)
