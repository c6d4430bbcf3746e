"""Editing a few values, one `key = value` to a line, checked while they are typed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Label, Static

from mlops_console.core.text import safe_line
from mlops_console.tui.paint import styled
from mlops_console.tui.screens.dialogs.dialog import Dialog
from mlops_console.tui.widgets.entry import Entry
from mlops_console.tui.widgets.fit import fit


@dataclass(frozen=True, slots=True)
class Field:
    """One value to edit: `value` is how it is written now; `last` what was used the last time, if that was another."""

    key: str
    value: str
    last: str = ""


Parse = Callable[[str, str], Any]  # (key, text) -> value; ValueError with a sentence where the text is no value


class Form(Dialog[Mapping[str, Any]]):
    """Ends with the values that were changed, or None. `enter` goes on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "step(1)", "Next", show=False, priority=True),
        Binding("up", "step(-1)", "Before", show=False, priority=True),
        Binding("ctrl+r", "reset", "Reset", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    Form > Vertical { width: 72; }
    Form VerticalScroll { height: auto; max-height: 16; scrollbar-size: 1 1; }
    Form Horizontal { height: 1; }
    Form Label { width: auto; color: $muted; }
    Form Input { width: 1fr; background: $panel; }
    Form Input:focus { background: $cursor; }
    Form .form--problem { color: $bad; height: auto; }
    Form .form--note { color: $muted; height: auto; padding: 0 0 1 0; }
    """

    def __init__(self, title: str, fields: Sequence[Field], parse: Parse, note: str = "") -> None:
        reset = [("ctrl+r", "as in the file")] if any(field.last for field in fields) else []
        super().__init__(title, [("↑↓", "next"), *reset, ("enter", "go on"), ("esc", "leave")])
        self._fields = fields
        self._parse = parse
        self._note = note
        self._inputs = [
            Entry(value=safe_line(field.last or field.value), compact=True, select_on_focus=False) for field in fields
        ]
        self._problem = Static("", classes="form--problem", markup=False)

    def compose_inside(self) -> Iterable[Widget]:
        if self._note:
            yield Static(styled(self._note), classes="form--note", markup=False)
        wide = min(max((len(safe_line(field.key)) for field in self._fields), default=0), 32)
        with VerticalScroll(can_focus=False):
            for field, entry in zip(self._fields, self._inputs, strict=True):
                with Horizontal():
                    yield Label(styled(fit(safe_line(field.key), wide) + "  "), markup=False)
                    yield entry
                    if field.last:
                        yield Label(styled(f"  file: {fit(safe_line(field.value), 16).rstrip()}"), markup=False)
        yield self._problem

    def on_mount(self) -> None:
        if self._inputs:
            self.set_focus(self._inputs[0])

    def on_input_changed(self) -> None:
        self._values()

    def action_step(self, by: int) -> None:
        if self._inputs:
            at = next((n for n, entry in enumerate(self._inputs) if entry is self.focused), 0)
            self.set_focus(self._inputs[(at + by) % len(self._inputs)])  # at once: `focus()` lags behind fast typing

    def action_reset(self) -> None:
        """All as in the file, or as it was given."""
        for field, entry in zip(self._fields, self._inputs, strict=True):
            entry.value = safe_line(field.value)

    def on_input_submitted(self) -> None:
        """By the field's own message: it comes after all that was typed, however fast."""
        values = self._values()
        if values is not None:
            self.dismiss(values)

    def _values(self) -> dict[str, Any] | None:
        """The changed values; None where one is wrong, which is then said."""
        values: dict[str, Any] = {}
        for field, entry in zip(self._fields, self._inputs, strict=True):
            text = _meant(field, entry.value)
            if text == field.value:
                continue
            try:
                values[field.key] = self._parse(field.key, text)
            except ValueError as error:
                self._problem.update(styled(f"{field.key}: {error}"))
                return None
        self._problem.update("")
        return values


def _meant(field: Field, text: str) -> str:
    """What an entry stands for: the value that was given where it is as it was, with all that can't be shown."""
    return next((given for given in (field.value, field.last) if text == safe_line(given)), text)
