"""The `:` line: any command by name, completed while it is typed."""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Static

from mlops_console.tui.commands import Command, shown_keys
from mlops_console.tui.paint import line
from mlops_console.tui.screens.dialogs.dialog import Dialog
from mlops_console.tui.widgets.entry import Entry

_SHOWN = 6


def _beginning(ids: Sequence[str]) -> str:
    """What all of them begin with."""
    first, last = min(ids, default=""), max(ids, default="")
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(letter for letter, _ in same)


class CommandLine(Dialog[str]):
    """Ends with the line that was typed, or None. `tab` takes the completion."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", "Complete", show=False, priority=True)]
    DEFAULT_CSS = """
    CommandLine { align: center bottom; }
    CommandLine > Vertical { width: 100%; max-width: 100%; }
    CommandLine Input { background: $surface; }
    CommandLine Static { height: auto; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, commands: Sequence[Command]) -> None:
        super().__init__("Command", [("tab", "complete"), ("enter", "do it"), ("esc", "leave")])
        self._commands = [command for command in commands if command.palette]
        self._input = Entry(compact=True, suggester=SuggestFromList(sorted((c.id for c in self._commands), key=len)))
        self._offer = Static("", markup=False)

    def compose_inside(self) -> Iterable[Widget]:
        yield self._offer
        yield self._input

    def on_mount(self) -> None:
        self._show_offer("")
        self._input.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show_offer(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_complete(self) -> None:
        """The beginning that all commands that begin so share; where there is no more of it, the shortest of them."""
        found = self._matching(self._input.value)
        if not found:
            return
        word = self._input.value.strip().lower()
        starts = [c.id for c in found if c.id.startswith(word)]
        common = _beginning(starts)
        whole = found[0].id + (" " if found[0].argument else "")
        self._input.value = common if len(starts) > 1 and len(common) > len(word) else whole
        self._input.cursor_position = len(self._input.value)

    def _matching(self, text: str) -> list[Command]:
        word = text.strip().split(" ")[0].lower()
        starts = sorted((c for c in self._commands if word and c.id.startswith(word)), key=lambda c: len(c.id))
        return starts + [c for c in self._commands if c not in starts and word in f"{c.id} {c.title}".lower()]

    def _show_offer(self, text: str) -> None:
        found = self._matching(text)[:_SHOWN]
        self._offer.update(
            Content("\n").join(
                line(
                    (f"{c.id} {c.argument}".ljust(38), "strong"), (f"{shown_keys(c.keys):<6}", "key"), (c.help, "muted")
                )
                for c in found
            )
        )
