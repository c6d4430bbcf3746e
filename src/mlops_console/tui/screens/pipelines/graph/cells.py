"""The cells of a drawing of lines: which way lines leave each one, and the box character that shows it.

A line that merely crosses another one passes beneath it: ┼ is always a join.
"""

from collections.abc import Iterable, Sequence

from mlops_console.tui.screens.pipelines.graph.windows import width_of
from mlops_console.tui.widgets.chart_paint import Ink, Row, row_of

LIGHT, HEAVY = 1, 2
_UP, _RIGHT, _DOWN, _LEFT = range(4)
# By the weights (none, light, heavy) of the arms up, right, down and left, as the digits of a number to base 3.
_BOX = " ╴╸╷┐┑╻┒┓╶─╾┌┬┭┎┰┱╺╼━┍┮┯┏┲┳╵┘┙│┤┥╽┧┪└┴┵├┼┽┟╁╅┕┶┷┝┾┿┢╆╈╹┚┛╿┦┩┃┨┫┖┸┹┞╀╃┠╂╉┗┺┻┡╄╇┣╊╋"


class Cells:
    """Lines are added one by one; where they share a cell, the heavier one shows."""

    def __init__(self) -> None:
        self._arms: dict[tuple[int, int], list[int]] = {}
        self._joins: set[tuple[int, int]] = set()

    def straight(self, start: int, stop: int, y: int, weight: int) -> None:
        """A line that fills the cells from `start` on, but not the one at `stop`."""
        for x in range(start, stop):
            self._add(x, y, weight, _LEFT, _RIGHT)

    def bent(self, start: int, x: int, stop: int, y: int, to: int, weight: int) -> None:
        """A line from `start` on row `y`, that takes the upright at `x` to row `to`, and ends before `stop`."""
        onward, back = (_DOWN, _UP) if y < to else (_UP, _DOWN)
        self.straight(start, x, y, weight)
        self._add(x, y, weight, _LEFT, onward)
        for between in range(min(y, to) + 1, max(y, to)):
            self._add(x, between, weight, _UP, _DOWN)
        self._add(x, to, weight, back, _RIGHT)
        self.straight(x + 1, stop, to, weight)
        self._joins |= {(x, y), (x, to)}

    def row(self, y: int, labels: Iterable[tuple[int, Row]], stop: int) -> Row:
        """The labels, each with where it begins, and the lines between them and up to `stop`."""
        inks: list[Ink] = []
        x = 0
        for start, label in labels:
            inks += (*self._inks(y, x, start), *label)
            x = start + width_of(label)
        return (*inks, *self._inks(y, x, stop))

    def _add(self, x: int, y: int, weight: int, *arms: int) -> None:
        cell = self._arms.setdefault((x, y), [0, 0, 0, 0])
        for arm in arms:
            cell[arm] = max(cell[arm], weight)

    def _inks(self, y: int, start: int, stop: int) -> Row:
        shown = [self._shown(x, y) for x in range(start, stop)]
        cells = [_BOX[((up * 3 + right) * 3 + down) * 3 + left] for up, right, down, left in shown]
        return row_of(cells, ["text" if HEAVY in arms else "muted" for arms in shown])

    def _shown(self, x: int, y: int) -> Sequence[int]:
        arms = self._arms.get((x, y), (0, 0, 0, 0))
        if all(arms) and (x, y) not in self._joins:
            return (arms[_UP], 0, arms[_DOWN], 0)
        return arms
