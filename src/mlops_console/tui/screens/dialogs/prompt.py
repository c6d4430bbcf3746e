"""Asking for one line of text."""

from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import Input, Static

from mlops_console.tui.paint import styled
from mlops_console.tui.screens.dialogs.dialog import Dialog
from mlops_console.tui.widgets.entry import Entry


class Prompt(Dialog[str]):
    """Ends with the text, or None."""

    DEFAULT_CSS = """
    Prompt > Vertical { width: 72; }
    Prompt Input { background: $panel; }
    Prompt Static { color: $muted; }
    """

    def __init__(self, title: str, explanation: str = "", value: str = "") -> None:
        super().__init__(title, [("enter", "take"), ("esc", "leave")])
        self._explanation = explanation
        self._input = Entry(value=value, compact=True, select_on_focus=False)

    def compose_inside(self) -> Iterable[Widget]:
        if self._explanation:
            yield Static(styled(self._explanation), markup=False)
        yield self._input

    def on_mount(self) -> None:
        self._input.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)
