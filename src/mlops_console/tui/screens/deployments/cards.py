"""The environments above their revisions: cards where there is room, one line each where there is not."""

import time

from rich.cells import cell_len
from textual import events

from mlops_console.core.text import safe_line
from mlops_console.tui.screens.overview.cards import card_height, card_line, card_rows
from mlops_console.tui.screens.overview.reading import Card
from mlops_console.tui.widgets.chart_paint import Ink, Painted, Row, beside, fit_row

_GAP = 3
_LEAST = 36


class Cards(Painted):
    """All environments; one of them is the selected one, whose revisions the list shows."""

    DEFAULT_CSS = "Cards { height: 1; width: 1fr; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.cards: tuple[Card, ...] = ()
        self._read = False
        self.selected = ""
        self._has_models = False

    def show(self, cards: tuple[Card, ...], has_models: bool) -> None:
        self.cards, self._has_models, self._read = cards, has_models, True
        names = [card.environment.name for card in cards]
        if names and self.selected not in names:
            self.selected = "production" if "production" in names else names[0]
        self._fit()
        self.repaint()

    def choose(self, environment: str) -> None:
        if environment != self.selected:
            self.selected = environment
            self.repaint()

    def wish(self, environment: str) -> None:
        """Select it as soon as it is known."""
        self.selected = environment

    def on_resize(self, event: events.Resize) -> None:
        self._fit()

    def _fit(self) -> None:
        """Cards, if two fifths of the terminal hold them all; else a line each, if a quarter does."""
        count, screen = len(self.cards), self.app.size.height
        cards = _height(self.cards, self.size.width) if count else 1
        height = cards if cards <= max(screen * 2 // 5, 1) else min(count, max(screen // 4, 1))
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height

    def rows(self, width: int, height: int) -> tuple[Row, ...]:
        if width < 1 or height < 1:
            return ()
        if not self.cards:
            text = "No environment yet: add [environments.production] to mlops.toml." if self._read else ""
            rows = [fit_row([Ink(text, "muted")], width)]
        elif height < _height(self.cards, width):
            rows = self._lines(width, height)
        else:
            rows = self._card_lines(width)
        blank = (Ink(" " * width),)
        return tuple((rows + [blank] * height)[:height])

    def _lines(self, width: int, height: int) -> list[Row]:
        """As many environments as fit, the selected one among them."""
        names = [safe_line(card.environment.name) for card in self.cards]
        at = next((at for at, card in enumerate(self.cards) if card.environment.name == self.selected), 0)
        start = max(min(at - height + 1, len(self.cards) - height), 0)
        now, wide = time.time(), min(max(map(cell_len, names)), 24)
        return [
            card_line(card, card.environment.name == self.selected, wide, now, width)
            for card in self.cards[start : start + height]
        ]

    def _card_lines(self, width: int) -> list[Row]:
        now = time.time()
        a_row = _per_row(len(self.cards), width)
        each = (width + _GAP) // a_row - _GAP
        rows: list[Row] = []
        for start in range(0, len(self.cards), a_row):
            drawn = [
                card_rows(card, card.environment.name == self.selected, self._has_models, now, each)
                for card in self.cards[start : start + a_row]
            ]
            line, used = list(drawn[0]), each
            for block in drawn[1:]:
                line = beside(line, block, used, _GAP, each)
                used += _GAP + each
            rows += [fit_row(row, width) for row in line]
        return rows


def _height(cards: tuple[Card, ...], width: int) -> int:
    """Of all cards, in rows of as many as fit beside each other."""
    a_row = _per_row(len(cards), width)
    return sum(max(map(card_height, cards[at : at + a_row])) for at in range(0, len(cards), a_row))


def _per_row(count: int, width: int) -> int:
    return max(min((width + _GAP) // (_LEAST + _GAP), count), 1)
