"""What a person sees when the console itself has failed: one sentence, where the log is, and a key that copies it."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from mlops_console.core.text import safe_line
from mlops_console.tui.paint import styled
from mlops_console.tui.screens.dialogs.dialog import Dialog


class ErrorDialog(Dialog[None]):
    """An unexpected error. The console goes on; `c` copies the traceback for a bug report."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy", "Copy", show=False),
        Binding("enter", "cancel", "Leave"),
    ]
    DEFAULT_CSS = "ErrorDialog Static { height: auto; padding: 1 0; }"

    def __init__(self, error: BaseException, report: str, log: str) -> None:
        super().__init__("Something in the console went wrong", [("c", "copy the report"), ("esc", "go on")])
        self._report = report
        what = f"{type(error).__name__}: {safe_line(error, 400)}"
        comfort = "Nothing that runs is touched. The whole report is in"
        self._text = Content("\n").join([styled(what, "bad"), styled(""), styled(comfort), styled(log, "accent")])

    def compose_inside(self) -> Iterable[Widget]:
        yield Static(self._text, markup=False)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._report)
        self.app.notify("Copied the report.", markup=False, timeout=2)
