"""The line under a list into which a filter is typed."""

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from mlops_console.tui.paint import styled
from mlops_console.tui.widgets.entry import Entry


class FilterBar(Widget):
    """Hidden until it is asked for; follows every key; `enter` keeps the filter, `esc` brings the old one back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Leave", show=False)]
    DEFAULT_CSS = """
    FilterBar { height: auto; display: none; dock: bottom; }
    FilterBar > Input { background: $panel; padding: 0 1; }
    FilterBar > .filter--problem { color: $bad; height: auto; padding: 0 1; display: none; }
    """

    @dataclass
    class Changed(Message):
        """The text is another; `final` when the bar is left."""

        text: str
        final: bool

    def __init__(self, placeholder: str) -> None:
        super().__init__()
        self._input = Entry(placeholder=placeholder, compact=True, select_on_focus=False)
        self._problem = Static("", classes="filter--problem", markup=False)
        self._before = ""
        self.text = ""

    def compose(self) -> ComposeResult:
        yield self._problem
        yield self._input

    def open(self) -> None:
        """Let somebody type; nothing happens if it is open already."""
        if self.display and self._input.has_focus:
            return
        self._before = self.text
        self.display = True
        self._input.value = self.text
        self._input.cursor_position = len(self.text)
        self._input.focus()

    def open_again(self) -> None:
        """What was entered is no filter: go on typing; `esc` still brings back the one from before."""
        if not self.display:
            before = self._before
            self.open()
            self._before = before

    def set_text(self, text: str) -> None:
        """Filter by this without opening the bar."""
        self._before = self.text if self.display else text
        self.text = text
        with self.prevent(Input.Changed):
            self._input.value = text
        self.post_message(self.Changed(text, final=True))

    def show_problem(self, problem: str) -> None:
        """Say what is wrong with the filter; "" if nothing is."""
        self._problem.display = bool(problem)
        self._problem.update(styled(problem))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.display and event.value != self.text:
            self.text = event.value
            self.post_message(self.Changed(self.text, final=False))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self._problem.display:
            self._leave(event.value)

    def action_dismiss(self) -> None:
        self._leave(self._before)

    def _leave(self, text: str) -> None:
        self.text = text
        self.display = False
        self.show_problem("")
        self.post_message(self.Changed(text, final=True))
