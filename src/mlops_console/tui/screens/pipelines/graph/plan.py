"""Where everything in a drawing goes, but for the cells: rows and tracks, not yet widths and texts.

Parts that have nothing to do with each other stand one below the other.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from mlops_console.tui.screens.pipelines.graph.layers import (
    Neighbours,
    Part,
    Place,
    Route,
    Step,
    arranged,
    column_of,
    names_by_column,
    routes,
)
from mlops_console.tui.screens.pipelines.graph.routing import Routed, routed
from mlops_console.tui.screens.pipelines.graph.stages import Edge, Shape, ranked

_PATIENT = 12  # attempts at moving single stages before whole groups of them are moved


class Plan(NamedTuple):
    """Everything about a drawing but its texts.

    Attributes:
        columns: the stages of each column, from the top.
        rows: of each place.
        routes: the places that an edge passes, its ends included.
        tracks: which upright line of its gutter a step of a route takes, if its ends are on different rows.
        gutters: how many tracks there are right of each column.
    """

    columns: tuple[tuple[str, ...], ...]
    rows: Mapping[Place, int]
    routes: Mapping[Edge, Route]
    tracks: Mapping[Step, int]
    gutters: tuple[int, ...]


@lru_cache(maxsize=32)
def planned(shape: Shape) -> Plan:
    """The plan of the drawing of some stages, one or more."""
    split, laid = _untangled(shape)
    rows: dict[Place, int] = {}
    tracks: dict[Step, int] = {}
    for part in laid:
        top = max(rows.values(), default=-1) + 1
        rows |= {place: top + row for place, row in part.rows.items()}
        tracks |= part.tracks
    columns = names_by_column(arranged(shape, split))
    gutters = [0] * len(columns)
    for (source, _), track in tracks.items():
        gutters[source.column] = max(gutters[source.column], track + 1)
    return Plan(columns, rows, routes(ranked(shape), split), tracks, tuple(gutters))


class _Laid(NamedTuple):
    """The rows and tracks of one part, and the gutters that can't be drawn so."""

    rows: dict[Place, int]
    tracks: dict[Step, int]
    stuck: set[int]


def _untangled(shape: Shape) -> tuple[frozenset[int], list[_Laid]]:
    """The depths whose gutters are too tangled to be told apart, and so are split; and the parts, drawn like that."""
    gutters = range(max(ranked(shape).depths.values()))
    split: frozenset[int] = frozenset()
    while True:
        laid = [_laid(part) for part in arranged(shape, split)]
        stuck = set[int]().union(*(part.stuck for part in laid))
        tangled = {depth for depth in gutters if depth not in split and column_of(depth, split) in stuck}
        if not tangled:
            return split, laid
        split |= tangled


def _laid(part: Part) -> _Laid:
    """Where everything in a part goes.

    A row on which one place's line ends and another's begins needs them to follow each other. Where that is
    impossible, a place is set apart: it gets a row on which nothing in the column before it stands.
    """
    gutters: list[list[Step]] = [[] for _ in part.columns[1:]]
    for step in part.steps:
        gutters[step[0].column].append(step)
    hopeless = {at for at, gutter in enumerate(gutters) if _is_hopeless(gutter, part.columns[at : at + 2])}
    if hopeless:
        return _Laid({}, {}, hopeless)
    apart: set[Place] = set()
    for attempt in itertools.count():
        rows = _Rows(part, apart).rows
        found = [routed(gutter, rows) for gutter in gutters]
        stuck = {at for at, (_, knots) in enumerate(found) if knots and apart.issuperset(knots)}
        if stuck or not any(knots for _, knots in found):
            break
        for _, knots in found:
            new = [place for place in knots if place not in apart]
            apart.update(new if attempt > _PATIENT else new[:1])
    return _Laid(_numbered(rows), _together(found), stuck)


def _is_hopeless(gutter: Sequence[Step], columns: Sequence[Sequence[Place]]) -> bool:
    """Whether no clear drawing is found even if no two places share a row."""
    apart = {place: 2.0 * at + side for side, column in enumerate(columns) for at, place in enumerate(column)}
    return bool(routed(gutter, apart).knots)


def _numbered(rows: Mapping[Place, float]) -> dict[Place, int]:
    used = {row: at for at, row in enumerate(sorted(set(rows.values())))}
    return {place: used[row] for place, row in rows.items()}


def _together(found: Sequence[Routed]) -> dict[Step, int]:
    return {step: track for tracks, _ in found for step, track in tracks.items()}


class _Rows:
    """A row for each place of a part, if possible that of the first place that leads to it. They may be fractions."""

    def __init__(self, part: Part, apart: set[Place]) -> None:
        self.rows: dict[Place, float] = {}
        self._near = Neighbours(part.steps)
        self._apart = apart
        taken: list[float] = []
        for column in part.columns:
            self._stack(column, taken)
            taken = [self.rows[place] for place in column]
        for column in reversed(part.columns[:-1]):
            self._pull_down(column)

    def _stack(self, column: Sequence[Place], taken: Sequence[float]) -> None:
        """Each place below the one before it; `taken` are the rows of the column left of it."""
        last = -1.0
        for place in column:
            wanted = min((self.rows[other] for other in self._near.before[place]), default=0.0)
            row = wanted if wanted > last else math.floor(last) + 1.0
            if place in self._apart and row in taken:
                row = (row + min((other for other in taken if other > row), default=row + 1)) / 2
            self.rows[place] = last = row

    def _pull_down(self, column: Sequence[Place]) -> None:
        """Move places that no straight line leads to down to where a straight line leads on from them."""
        below = math.inf
        for place in reversed(column):
            wanted = min((self.rows[other] for other in self._near.after[place]), default=-1.0)
            if self.rows[place] < wanted < below and self._is_free(place, wanted):
                self.rows[place] = wanted
            below = self.rows[place]

    def _is_free(self, place: Place, row: float) -> bool:
        """Whether a place may move to a row: it isn't kept where it is, and nothing there is to be left alone."""
        held = any(self.rows[other] == row for other in self._apart if other.column == place.column + 1)
        return place not in self._apart and not self._is_straight(place) and not held

    def _is_straight(self, place: Place) -> bool:
        """Whether a straight line leads to the place or on from it. Lanes that lead to it will be moved along."""
        before = [other for other in self._near.before[place] if not (place.lane and other.lane)]
        return any(self.rows[other] == self.rows[place] for other in (*before, *self._near.after[place]))
