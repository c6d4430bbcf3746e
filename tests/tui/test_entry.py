"""Typing: a burst of keys acts in the order in which it was typed."""

from textual._xterm_parser import XTermParser
from textual.app import App, ComposeResult

from mlops_console.tui.widgets.entry import Entry


class Typing(App[str]):
    def compose(self) -> ComposeResult:
        yield Entry(value="120", select_on_focus=False)

    def on_input_submitted(self, event: Entry.Submitted) -> None:
        self.exit(event.value)


async def test_a_burst_of_keys_acts_in_the_order_in_which_it_was_typed() -> None:
    app = Typing()
    async with app.run_test():
        for key in XTermParser().feed("\x1b[F\x7f\x7f\x7f60\x1b[D5\r"):  # end, three backspaces, 60, left, 5, enter
            app.post_message(key)
    assert app.return_value == "650"
