"""The keys of a view, out of the command table."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from mlops_console.tui.commands import Command, Keymap, in_view, shown_keys
from mlops_console.tui.paint import line, styled
from mlops_console.tui.screens.dialogs.dialog import Dialog


class Help(Dialog[None]):
    """What can be done here, in three groups: in this view, everywhere, moving about."""

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
        rest = [c for c in commands if c not in here + views + moving]
        groups = [("Here", here), ("Everywhere", rest), ("Moving", moving), ("Views", views)]
        self._text = Content("\n\n").join(_group(title, group, keymap) for title, group in groups if group)

    def compose_inside(self) -> Iterable[Widget]:
        yield VerticalScroll(Static(self._text), can_focus=True)

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


def _group(title: str, commands: list[Command], keymap: Keymap) -> Content:
    lines = [styled(title, "strong")]
    lines += [
        line((f"{shown_keys(keymap.of(c)):<12}", "key"), (f"{c.title:<15}", ""), (c.help, "muted")) for c in commands
    ]
    return Content("\n").join(lines)
