"""The line under a list into which a filter is typed."""

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from mlops_console.core.completions import Completion
from mlops_console.tui.paint import styled
from mlops_console.tui.widgets.entry import Entry
from mlops_console.tui.widgets.suggestions import Suggestions


class _Line(Entry):
    """The input; what moves among the suggestions is its own, so that it acts in the order of the keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "take", "Complete", show=False),
        Binding("down", "choose(1)", "Next suggestion", show=False),
        Binding("up", "choose(-1)", "Suggestion before", show=False),
        Binding("escape", "dismiss", "Leave", show=False),
    ]

    def __init__(self, bar: "FilterBar", placeholder: str) -> None:
        super().__init__(placeholder=placeholder, compact=True, select_on_focus=False)
        self._bar = bar

    def action_take(self) -> None:
        self._bar.take_suggestion()

    def action_choose(self, by: int) -> None:
        self._bar.suggestions.move(by)

    def action_dismiss(self) -> None:
        self._bar.dismiss()

    async def action_submit(self) -> None:
        if self._bar.suggestions.chosen >= 0:
            self._bar.take_suggestion()
        else:
            await super().action_submit()


class FilterBar(Widget):
    """Hidden until it is asked for; follows every key; `enter` keeps the filter, `esc` brings the old one back.

    Where somebody answers `CompletionWanted` with `suggest`, it offers what may come next.
    """

    DEFAULT_CSS = """
    FilterBar { height: auto; display: none; dock: bottom; }
    FilterBar > Input { background: $panel; }
    FilterBar > .filter--problem { color: $bad; height: auto; display: none; }
    """

    @dataclass
    class Changed(Message):
        """The text is another; `final` when the bar is left."""

        text: str
        final: bool

    @dataclass
    class CompletionWanted(Message):
        """Somebody types: what may the word at the cursor become?"""

        bar: "FilterBar"
        text: str
        cursor: int

    def __init__(self, placeholder: str) -> None:
        super().__init__()
        self.suggestions = Suggestions()
        self._input = _Line(self, placeholder)
        self._problem = Static("", classes="filter--problem", markup=False)
        self._before = ""
        self._told: tuple[str, int] | None = None
        self._completion = Completion(0, 0)
        self.text = ""

    def compose(self) -> ComposeResult:
        yield self.suggestions
        yield self._input
        yield self._problem

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
        if not self.display:
            self._before = self.text  # where this is no filter, esc brings that back
        self.text = text
        with self.prevent(Input.Changed):
            self._input.value = text
        self.post_message(self.Changed(text, final=True))

    def show_problem(self, problem: str, column: int = 0) -> None:
        """Say what is wrong with the filter, and at which column (from 1); "" if nothing is."""
        told = (problem, column)
        if told == self._told:
            return
        self._told = told
        self._problem.display = bool(problem)
        at = column - 1 - round(self._input.scroll_offset.x)
        lines = [f"{' ' * at}^"] if column and 0 <= at < self._input.size.width else []
        self._problem.update(Content("\n").join(styled(line) for line in (*lines, problem)))

    def suggest(self, text: str, completion: Completion) -> None:
        """Offer what `text` may go on with; too late if something else stands there by now."""
        if self.display and text == self._input.value and completion.end == self._input.cursor_position:
            self._completion = completion
            self.suggestions.show(completion.choices)

    def take_suggestion(self) -> None:
        """Put the chosen suggestion, or the first one, in the place of the word at the cursor."""
        if not self.suggestions.choices:
            return
        choice = self.suggestions.choices[max(self.suggestions.chosen, 0)]
        begin, end = self._completion.start, self._completion.end
        self.suggestions.show(())
        text = self._input.value
        self._input.value = text[:begin] + choice + text[end:]
        self._input.cursor_position = begin + len(choice)

    def dismiss(self) -> None:
        """Leave the suggestions, or else the bar."""
        if self.suggestions.choices:
            self.suggestions.show(())
        else:
            self._leave(self._before)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.display and event.value != self.text:
            self.text = event.value
            self.post_message(self.Changed(self.text, final=False))
            self.post_message(self.CompletionWanted(self, self.text, self._input.cursor_position))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave(event.value)  # whose view opens it again where it is no filter

    def _leave(self, text: str) -> None:
        self.text = text
        self.display = False
        self.suggestions.show(())
        self.show_problem("")
        self.post_message(self.Changed(text, final=True))
