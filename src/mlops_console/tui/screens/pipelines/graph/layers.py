"""The columns of a drawing: what stands in each, from the top, so that few edges cross.

A stage stands one column right of the last one it waits for. An edge over several columns passes those between on a
lane. A gutter, the space right of a column, can be split: then each edge through it has a lane of its own there.
"""

import itertools
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from mlops_console.tui.screens.pipelines.graph.stages import Edge, Node, Ranks, Shape, connected, ranked, shape_of

MOST = 500  # steps from column to column; what has more is no drawing to be read
_SWEEPS = 8


class Place(NamedTuple):
    """A place in a column: a stage, or a lane of the edges `from` the stage `name`, or of one step (`over`)."""

    column: int
    name: str
    lane: str = ""


Step: TypeAlias = tuple[Place, Place]
Route: TypeAlias = tuple[Place, ...]
Columns: TypeAlias = list[list[Place]]


class Part(NamedTuple):
    """Stages that are connected: the steps of their edges, and their places by column, from the top."""

    steps: list[Step]
    columns: Columns


class Neighbours:
    """What leads to a place, and where it leads to."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.before: defaultdict[Place, list[Place]] = defaultdict(list)
        self.after: defaultdict[Place, list[Place]] = defaultdict(list)
        for source, target in steps:
            self.before[target].append(source)
            self.after[source].append(target)


def layers(nodes: Sequence[Node]) -> tuple[tuple[str, ...], ...]:
    """The names by column: each right of all those it waits for, and so that few edges cross."""
    return names_by_column(arranged(shape_of(nodes)))


def names_by_column(parts: Iterable[Part]) -> tuple[tuple[str, ...], ...]:
    """The stages of all parts, one below the other."""
    columns = itertools.zip_longest(*(part.columns for part in parts), fillvalue=())
    return tuple(
        tuple(place.name for place in itertools.chain.from_iterable(column) if not place.lane) for column in columns
    )


@lru_cache(maxsize=32)
def arranged(shape: Shape, split: frozenset[int] = frozenset()) -> tuple[Part, ...]:
    """The parts of the drawing; `split` tells the depths whose gutters are split."""
    ranks = ranked(shape)
    paths = routes(ranks, split)
    return tuple(_part(names, ranks, paths, split) for names in connected(ranks.waits))


def _part(names: Sequence[str], ranks: Ranks, paths: Mapping[Edge, Route], split: frozenset[int]) -> Part:
    inside = set(names)
    stages = [Place(column_of(ranks.depths[name], split), name) for name in names]
    passed = (route for (source, _), route in paths.items() if source in inside)
    steps = list(dict.fromkeys(step for route in passed for step in itertools.pairwise(route)))
    columns: Columns = [[] for _ in range(max(place.column for place in stages) + 1)]
    for place in dict.fromkeys((*stages, *itertools.chain.from_iterable(steps))):
        columns[place.column].append(place)
    return Part(steps, _ordered(columns, steps))


# The routes


def column_of(depth: int, split: frozenset[int]) -> int:
    """The column of a depth: there is one more for each split gutter left of it."""
    return depth + sum(other < depth for other in split)


def routes(ranks: Ranks, split: frozenset[int]) -> dict[Edge, Route]:
    """The places each edge passes, its ends included. Long edges from one stage share their lanes."""
    edges = ((source, target) for target, sources in ranks.waits.items() for source in sources)
    return {edge: _route(edge, ranks.depths, split) for edge in edges}


def _route(edge: Edge, depths: Mapping[str, int], split: frozenset[int]) -> Route:
    source, target = edge
    route = [Place(column_of(depths[source], split), source)]
    for depth in range(depths[source], depths[target]):
        column = column_of(depth + 1, split)
        onward = Place(column, target) if depth + 1 == depths[target] else Place(column, source, "from")
        if depth in split:
            route.append(Place(column - 1, f"{route[-1]} {onward}", "over"))
        route.append(onward)
    return tuple(route)


# The order in a column


def _ordered(columns: Columns, steps: Sequence[Step]) -> Columns:
    """The columns sorted to and fro, and of all orders the one in which fewest edges cross."""
    if len(steps) > MOST:
        return columns
    near = Neighbours(steps)
    orders = [columns]
    for sweep in range(_SWEEPS):
        last = orders[-1]
        orders.append(_swept(last[::-1], near.after)[::-1] if sweep % 2 else _swept(last, near.before))
    best = min(orders, key=lambda order: _crossings(order, near))
    return _swapped(best, near)


def _swept(columns: Columns, near: Mapping[Place, Sequence[Place]]) -> Columns:
    found = columns[:1]
    for column in columns[1:]:
        found.append(_sorted(column, found[-1], near))
    return found


def _sorted(column: Sequence[Place], beside: Sequence[Place], near: Mapping[Place, Sequence[Place]]) -> list[Place]:
    """The places by where their neighbours in the column beside are on average."""
    position = {place: at for at, place in enumerate(beside)}
    own = {place: at for at, place in enumerate(column)}

    def middle(place: Place) -> float:
        found = near[place]
        return sum(position[other] for other in found) / len(found) if found else own[place]

    return sorted(column, key=middle)


def _crossings(columns: Columns, near: Neighbours) -> int:
    count = 0
    for left, right in itertools.pairwise(columns):
        position = {place: at for at, place in enumerate(right)}
        above: list[int] = []  # where the edges from the places above end
        for place in left:
            ends = [position[other] for other in near.after[place]]
            count += sum(len(above) - bisect_right(above, end) for end in ends)
            above = sorted(above + ends)
    return count


def _swapped(columns: Columns, near: Neighbours) -> Columns:
    """The columns with neighbours swapped where fewer edges cross then, or as many but a stage stands above a lane."""
    position = {place: at for column in columns for at, place in enumerate(column)}
    for _ in range(_SWEEPS):
        if not sum(_swaps(column, near, position) for column in columns):
            break
    return columns


def _swaps(column: list[Place], near: Neighbours, position: dict[Place, int]) -> int:
    """Swap neighbours in a column; how many were."""
    count = 0
    for at in range(len(column) - 1):
        upper, lower = column[at : at + 2]
        better = _crossed(upper, lower, near, position) - _crossed(lower, upper, near, position)
        if better > 0 or (better == 0 and upper.lane and not lower.lane):
            column[at : at + 2] = lower, upper
            position[upper], position[lower] = at + 1, at
            count += 1
    return count


def _crossed(upper: Place, lower: Place, near: Neighbours, position: Mapping[Place, int]) -> int:
    """How many edges of the two cross with `upper` above `lower`."""
    return sum(
        position[one] > position[other]
        for side in (near.before, near.after)
        for one in side[upper]
        for other in side[lower]
    )
