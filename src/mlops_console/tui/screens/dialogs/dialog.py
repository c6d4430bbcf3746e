"""What all dialogues have in common: a titled box over the view, left with `esc`."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget

from mlops_console.core.text import safe_line
from mlops_console.tui.paint import line, styled

T = TypeVar("T")


class Dialog(ModalScreen[T | None], Generic[T]):
    """A box with a title; its keys stand on its lower border. `esc` leaves with None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Leave", show=False)]
    DEFAULT_CSS = """
    Dialog { align: center middle; background: transparent; }
    Dialog > Vertical {
        width: 92; max-width: 96%; height: auto; max-height: 94%;
        border: round $accent; background: $surface; padding: 0 1;
        border-title-color: $strong; border-subtitle-color: $muted;
    }
    """

    def __init__(self, title: str, keys: Sequence[tuple[str, str]]) -> None:
        """`keys`: what the lower border shows, as ("y", "do it")."""
        super().__init__()
        self._box = Vertical()
        self._box.border_title = styled(safe_line(title, 200), "strong")
        self.show_keys(keys)

    def compose(self) -> ComposeResult:
        with self._box:
            yield from self.compose_inside()

    def compose_inside(self) -> Iterable[Widget]:
        raise NotImplementedError

    def show_title(self, title: str) -> None:
        self._box.border_title = styled(safe_line(title, 200), "strong")

    def show_keys(self, keys: Sequence[tuple[str, str]]) -> None:
        self._box.border_subtitle = line("   ").join(line((key, "key"), f" {what}") for key, what in keys)

    def action_cancel(self) -> None:
        self.dismiss(None)
