"""Names and values, aligned and wrapped: the plainest of details."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from mlops_console.core.text import safe_line
from mlops_console.tui.paint import line, styled
from mlops_console.tui.widgets.fit import fit, wrap

_MOST_NAME = 28


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value; with an empty value a heading; with an empty name a note."""

    name: str
    value: str = ""
    style: str = ""


class _Body(Widget):
    DEFAULT_CSS = "_Body { height: auto; width: 1fr; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.facts: tuple[Fact, ...] = ()

    def render(self) -> Content:
        return Content("\n").join(self._lines(self.size.width))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def _lines(self, width: int) -> list[Content]:
        named = [cell_len(safe_line(fact.name)) for fact in self.facts if fact.value and fact.name]
        wide = min(max(named, default=0), _MOST_NAME, max(width // 2, 1))
        lines: list[Content] = []
        for at, fact in enumerate(self.facts):
            if not fact.value:
                lines += [Content("")] * (at > 0) + [styled(fact.name, fact.style or "strong")]
            elif not fact.name:
                lines += [styled(text, fact.style or "muted") for text in _wrap(fact.value, width)]
            else:
                lines += self._pair(fact, wide, width)
        return lines

    @staticmethod
    def _pair(fact: Fact, wide: int, width: int) -> list[Content]:
        values = _wrap(fact.value, max(width - wide - 2, 8))
        names = _wrap(fact.name, wide)
        rows = max(len(names), len(values))
        names += [""] * (rows - len(names))
        values += [""] * (rows - len(values))
        return [
            line((fit(name, wide + 2), "muted"), (value, fact.style)) for name, value in zip(names, values, strict=True)
        ]


class Facts(VerticalScroll, can_focus=True):
    """A scrolled list of `Fact`s."""

    DEFAULT_CSS = "Facts { height: 1fr; scrollbar-size: 1 1; background: $background; }"

    def __init__(self) -> None:
        super().__init__()
        self._body = _Body()

    def compose(self) -> ComposeResult:
        yield self._body

    def show(self, facts: Sequence[Fact]) -> None:
        """Show these; nothing is redrawn if they are the ones already shown."""
        if tuple(facts) != self._body.facts:
            self._body.facts = tuple(facts)
            self._body.refresh(layout=True)


def _wrap(text: str, width: int) -> list[str]:
    return wrap(safe_line(text), width)
