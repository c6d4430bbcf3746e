"""The last line: the keys of the view, out of the command table."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from mlops_console.tui.commands import DEFAULT_KEYMAP, Command, Keymap, shown_keys
from mlops_console.tui.paint import line


class KeysFooter(Widget):
    """`t Train  d Deploy  … ? Help`: as many as fit, the last of them always."""

    DEFAULT_CSS = """
    KeysFooter { height: 1; padding: 0 1; background: $panel; color: $foreground; }
    """

    @dataclass
    class Chosen(Message):
        command: Command

    def __init__(self) -> None:
        super().__init__()
        self._commands: tuple[Command, ...] = ()
        self._keymap = DEFAULT_KEYMAP

    def show_commands(self, commands: Sequence[Command], keymap: Keymap) -> None:
        if (tuple(commands), keymap) != (self._commands, self._keymap):
            self._commands, self._keymap = tuple(commands), keymap
            self.refresh()

    def render(self) -> Content:
        return Content("  ").join(part for part, _ in self._parts())

    def on_click(self, event: events.Click) -> None:
        x = event.get_content_offset_capture(self).x
        for part, command in self._parts():
            if x < part.cell_length:
                self.post_message(self.Chosen(command))
                return
            x -= part.cell_length + 2

    def _parts(self) -> list[tuple[Content, Command]]:
        parts = [(self._key(command), command) for command in self._commands]
        while len(parts) > 1 and sum(part.cell_length + 2 for part, _ in parts) - 2 > self.size.width:
            del parts[-2]
        return parts

    def _key(self, command: Command) -> Content:
        key = shown_keys(self._keymap.of(command).split(",")[0])
        return line((key, "key"), f" {command.title}")
