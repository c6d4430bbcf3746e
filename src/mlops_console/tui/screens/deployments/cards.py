"""The environments above their revisions: cards where there is room, one line each where there is not."""

import time
from collections.abc import Sequence

from textual import events

from mlops_console.core.text import safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.screens.overview.cards import card_rows
from mlops_console.tui.screens.overview.reading import Card
from mlops_console.tui.widgets.chart_paint import Ink, Painted, Row, beside, fit_row

_GAP = 3
_LEAST = 36
_CARD_HEIGHT = 6
_TALL = 24  # lines of the terminal from which there is room for cards


class Cards(Painted):
    """All environments; one of them is the selected one, whose revisions the list shows."""

    DEFAULT_CSS = "Cards { height: 1; width: 1fr; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.cards: tuple[Card, ...] = ()
        self.selected = ""
        self._has_models = False

    def show(self, cards: tuple[Card, ...], has_models: bool) -> None:
        self.cards, self._has_models = cards, has_models
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
        height = 1
        if self.parent is not None and self.cards and self.app.size.height >= _TALL:
            a_row = _per_row(len(self.cards), self.size.width)
            lines = -(-len(self.cards) // a_row)
            height = min(lines * _CARD_HEIGHT, max(self.app.size.height // 3, _CARD_HEIGHT))
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height

    def rows(self, width: int, height: int) -> tuple[Row, ...]:
        if width < 1 or height < 1:
            return ()
        if not self.cards:
            text = "No environment yet: add [environments.production] to mlops.toml."
            rows = [fit_row([Ink(text, "muted")], width)]
        elif height < _CARD_HEIGHT:
            rows = [_line(self.cards, self.selected, width)]
        else:
            rows = self._card_lines(width)
        blank = (Ink(" " * width),)
        return tuple((rows + [blank] * height)[:height])

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


def _per_row(count: int, width: int) -> int:
    return max(min((width + _GAP) // (_LEAST + _GAP), count), 1)


def _line(cards: Sequence[Card], selected: str, width: int) -> Row:
    """Every environment with what it serves, the selected one first marked."""
    inks: list[Ink] = []
    for card in cards:
        here = card.environment.name == selected
        health = glyphs.state(card.environment.health)
        inks += [
            Ink("▌" if here else " ", "accent"),
            Ink(safe_line(card.environment.name, 40), "strong" if here else "muted"),
            Ink(f" {safe_line(card.live.model_ref, 60)} r{card.live.revision}" if card.live else " nothing live"),
            Ink(f" {health.text}   ", health.style),
        ]
    return fit_row(inks, width)
