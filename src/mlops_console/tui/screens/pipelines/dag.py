"""The stages of a pipeline as a drawing from left to right: pure functions of the stages and the size.

A stage stands one column right of the last one it waits for. An edge over several columns passes those between on a
lane of its own. In the gutter between two columns, stages that share all their edges share one upright line, and
lines are placed so that following any of them to the right never leads to a stage that doesn't wait for its source.
A line that merely crosses another one passes beneath it: ┼ is always a join.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from rich.cells import cell_len

from mlops_console.core.runs import RunStatus
from mlops_console.core.text import duration, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.widgets.chart_paint import Ink, Row, fit_row, row_of
from mlops_console.tui.widgets.fit import cut

SLOW = "▲"
_NAME = 6  # cells of a name that are always shown, if it is that long
_WAITS = "  ← "
_GUTTER = 3  # cells of one without uprights, and the one free before it
_MOST = 500  # steps from column to column; what has more is no drawing to be read
_HEAD = 3  # cells before a name: cursor, glyph, space
_SWEEPS = 8
_PATIENT = 12  # attempts at moving single stages before whole groups of them are moved
_LIGHT, _HEAVY = 1, 2
_UP, _RIGHT, _DOWN, _LEFT = range(4)
# By the weights (none, light, heavy) of the arms up, right, down and left, as the digits of a number to base 3.
_BOX = " ╴╸╷┐┑╻┒┓╶─╾┌┬┭┎┰┱╺╼━┍┮┯┏┲┳╵┘┙│┤┥╽┧┪└┴┵├┼┽┟╁╅┕┶┷┝┾┿┢╆╈╹┚┛╿┦┩┃┨┫┖┸┹┞╀╃┠╂╉┗┺┻┡╄╇┣╊╋"


@dataclass(frozen=True, slots=True)
class Node:
    """One stage.

    Attributes:
        status: a `RunStatus`, or "" for a stage that has never run.
        took: seconds.
        note: why it ran, or where it was cached from.
        slow: it took, or is taking, longer than usual.
        critical: it is on the critical path.
    """

    name: str
    waits_for: tuple[str, ...]
    status: str
    cached: bool = False
    took: float | None = None
    note: str = ""
    slow: bool = False
    critical: bool = False


class _Place(NamedTuple):
    """A place in a column: a stage, or a lane of the edges `from` the stage `name`, or of one alone (`over`)."""

    layer: int
    name: str
    lane: str = ""


_Edge: TypeAlias = tuple[_Place, _Place]
_Shape: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class _Bundle:
    """Places of one column and of the next, each of which leads to each: they share an upright line."""

    sources: tuple[_Place, ...]
    targets: tuple[_Place, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything about a drawing but its texts.

    Attributes:
        columns: the places of each column, from the top.
        rows: of each place.
        routes: the places that an edge passes, its ends included.
        tracks: which upright line of its gutter a step of a route takes; none where it is straight.
        joins: the rows where an upright line is joined, by gutter and track.
        gutters: how many tracks each gutter has.
    """

    columns: tuple[tuple[_Place, ...], ...]
    rows: Mapping[_Place, int]
    routes: Mapping[tuple[str, str], tuple[_Place, ...]]
    tracks: Mapping[_Edge, int]
    joins: frozenset[tuple[int, int, int]]
    gutters: tuple[int, ...]


def layers(nodes: Sequence[Node]) -> tuple[tuple[str, ...], ...]:
    """The names by column: each right of all those it waits for, and so that few edges cross."""
    _, depths = _ranked(_shape(nodes))
    columns: list[list[str]] = [[] for _ in range(max(depths.values(), default=-1) + 1)]
    for part in _arranged(_shape(nodes)):
        for column, places in zip(columns, part.columns, strict=False):
            column += (place.name for place in places if not place.lane)
    return tuple(map(tuple, columns))


def dag_rows(nodes: Sequence[Node], width: int, height: int, selected: str = "") -> tuple[Row, ...]:
    """The stages and what they wait for in at most `height` rows of `width` cells.

    Where there is too little room, times are left out, then names are cut, then it is a list. Of what is too high,
    the rows round the selected, else the first running, else the first failed stage are shown.
    """
    if width < 1 or height < 1 or not nodes:
        return ()
    order, _ = _ranked(_shape(nodes))
    known = {node.name: node for node in reversed(nodes)}
    found = [known[name] for name in order]
    rows, at = _drawing(found, width, selected) or _list(order, found, width, selected)
    stages = Counter(at.values())
    return windowed(rows, [stages[y] for y in range(len(rows))], at[_focus(found, selected)], width, height)


def windowed(rows: Sequence[Row], stages: Sequence[int], focus: int, width: int, height: int) -> tuple[Row, ...]:
    """At most `height` of the rows, round the one at `focus`; `stages` tells how many stages each row holds.

    The first and the last one say how many stages are beyond them.
    """
    if len(rows) <= height:
        return tuple(rows)
    if height == 1:
        return (rows[focus],)
    if height == 2:
        return (rows[focus], _more(sum(stages) - stages[focus], width))
    start = min(max(focus - height // 2, 0), len(rows) - height)
    stop = start + height
    found = list(rows[start:stop])
    if start:
        found[0] = _more(sum(stages[: start + 1]), width)
    if stop < len(rows):
        found[-1] = _more(sum(stages[stop - 1 :]), width)
    return tuple(found)


def _more(count: int, width: int) -> Row:
    return fit_row([Ink(f" … {count} more" if count else " …", "muted")], width)


def _focus(nodes: Sequence[Node], selected: str) -> str:
    for wanted in ((RunStatus.RUNNING,), (RunStatus.FAILED, RunStatus.LOST)):
        if any(node.name == selected for node in nodes):
            return selected
        selected = next((node.name for node in nodes if node.status in wanted), "")
    return selected or nodes[0].name


# What a stage is called


def stage_head(name: str, status: str, most: int, *, selected: bool, critical: bool = False) -> Row:
    """The cursor or its room, the glyph of the state, and the name in at most `most` cells: `▌✓ prepare`."""
    state = glyphs.state(status or "none")
    role = "accent" if selected else "strong" if critical else "text" if status else "muted"
    return (
        Ink(glyphs.CURSOR if selected else " ", "accent"),
        Ink(f"{state.glyph} ", state.style),
        Ink(cut(safe_line(name), most), role),
    )


def width_of(row: Iterable[Ink]) -> int:
    return sum(cell_len(ink.text) for ink in row)


def _head(node: Node, most: int, selected: str) -> Row:
    return stage_head(node.name, node.status, most, selected=node.name == selected, critical=node.critical)


def _time(node: Node, *, timed: bool) -> Row:
    """What follows the name: ` 1.2s`, ` cached`, ` 3m12s ▲`."""
    took = duration(node.took) if node.took is not None and math.isfinite(node.took) else ""
    known = "cached" if node.cached else took
    time = (Ink(f" {known}", "muted"),) if timed and known else ()
    return (*time, Ink(f" {SLOW}", "warn")) if node.slow else time


# The list, where there is no room for a drawing


def _list(
    order: Mapping[str, tuple[str, ...]], nodes: Sequence[Node], width: int, selected: str
) -> tuple[list[Row], dict[str, int]]:
    """A row a stage, each below those it waits for, and which: `✓ train 12s  ← prepare, split  note`."""
    longest = max(cell_len(safe_line(node.name)) for node in nodes)
    side = min(longest, max((width - _HEAD) // 2, _NAME))
    times = [_time(node, timed=True) for node in nodes]
    clock = max(map(width_of, times))
    if _HEAD + side + clock + _NAME > width:
        times, clock = [()] * len(nodes), 0
    room = width - _HEAD - side - clock - cell_len(_WAITS)
    rows = []
    for node, time in zip(nodes, times, strict=True):
        label = (*_head(node, side, selected), *time)
        space = Ink(" " * (_HEAD + side + clock - width_of(label)))
        waits = cut(", ".join(safe_line(name) for name in order[node.name]), max(room, 0))
        tail = (Ink(_WAITS, "axis"), Ink(waits, "muted")) if waits else ()
        row = (*label, space, *tail)
        note = (Ink(f"  {safe_line(node.note)}", "muted"),) if node.note and width_of(row) + _NAME < width else ()
        rows.append(fit_row((*row, *note), width))
    return rows, {node.name: y for y, node in enumerate(nodes)}


# The drawing


@dataclass(frozen=True, slots=True)
class _Column:
    """Where a column of the drawing begins, where the gutter right of it does, and where that ends."""

    x: int
    gutter: int
    end: int
    pitch: int

    def track(self, number: int) -> int:
        return self.gutter + 2 + number * self.pitch


class _Grid:
    """Cells that know in which directions lines leave them, and how heavy these are."""

    def __init__(self) -> None:
        self.arms: dict[tuple[int, int], list[int]] = {}
        self.joins: set[tuple[int, int]] = set()

    def across(self, start: int, stop: int, y: int, weight: int) -> None:
        """A line that fills the cells from `start` on, but not the one at `stop`."""
        for x in range(start, stop):
            self._add(x, y, weight, _LEFT, _RIGHT)

    def turn(self, x: int, y: int, weight: int, *arms: int) -> None:
        self._add(x, y, weight, *arms)

    def upright(self, x: int, top: int, bottom: int, weight: int) -> None:
        self._add(x, top, weight, _DOWN)
        for y in range(top + 1, bottom):
            self._add(x, y, weight, _UP, _DOWN)
        self._add(x, bottom, weight, _UP)

    def inks(self, y: int, start: int, stop: int) -> Row:
        places = [self._arms(x, y) for x in range(start, stop)]
        cells = [_BOX[((arms[0] * 3 + arms[1]) * 3 + arms[2]) * 3 + arms[3]] for arms in places]
        return row_of(cells, ["text" if _HEAVY in arms else "muted" for arms in places])

    def _arms(self, x: int, y: int) -> Sequence[int]:
        arms = self.arms.get((x, y), (0, 0, 0, 0))
        if all(arms) and (x, y) not in self.joins:
            return (arms[_UP], 0, arms[_DOWN], 0)
        return arms

    def _add(self, x: int, y: int, weight: int, *arms: int) -> None:
        cell = self.arms.setdefault((x, y), [0, 0, 0, 0])
        for arm in arms:
            cell[arm] = max(cell[arm], weight)


def _drawing(nodes: Sequence[Node], width: int, selected: str) -> tuple[list[Row], dict[str, int]] | None:
    """All rows of the drawing, and on which each stage is; None if it can't be made as narrow."""
    order, depths = _ranked(_shape(nodes))
    if (max(depths.values()) + 1) * (_HEAD + _GUTTER) - _GUTTER > width:
        return None
    if sum(depths[name] - depths[other] for name, waits_for in order.items() for other in waits_for) > _MOST:
        return None
    plan = _plan(_shape(nodes))
    found = _fitting(plan, {node.name: node for node in nodes}, width, selected)
    if found is None:
        return None
    labels, columns = found
    grid = _wired(plan, nodes, labels, columns)
    rows = []
    on_row: dict[int, list[_Place]] = {}
    for place in itertools.chain.from_iterable(plan.columns):
        if not place.lane:
            on_row.setdefault(plan.rows[place], []).append(place)
    for y in range(max(plan.rows.values()) + 1):
        inks: list[Ink] = []
        x = 0
        for place in on_row.get(y, []):
            left, label = columns[place.layer].x, labels[place.name]
            inks += (*grid.inks(y, x, left), *label)
            x = left + width_of(label)
        rows.append(fit_row((*inks, *grid.inks(y, x, columns[-1].x)), width))
    return rows, {place.name: y for place, y in plan.rows.items() if not place.lane}


def _fitting(
    plan: _Plan, nodes: Mapping[str, Node], width: int, selected: str
) -> tuple[dict[str, Row], list[_Column]] | None:
    """The labels, as long as there is room for, and where the columns go; None if even the shortest ones don't fit."""
    longest = max(cell_len(safe_line(name)) for name in nodes)
    cuts = ((False, most) for most in range(longest, min(longest, _NAME) - 1, -1))
    for timed, most in ((True, longest), *cuts):
        labels = {name: (*_head(node, most, selected), *_time(node, timed=timed)) for name, node in nodes.items()}
        widths = {name: width_of(label) for name, label in labels.items()}
        for pitch in (2, 1):
            columns = _columns(plan, widths, pitch)
            if columns[-1].gutter <= width:
                return labels, columns
    return None


def _columns(plan: _Plan, widths: Mapping[str, int], pitch: int) -> list[_Column]:
    """The columns, with uprights `pitch` cells apart."""
    found = []
    x = 0
    for column, tracks in zip(plan.columns, (*plan.gutters, 0), strict=True):
        gutter = x + max((widths[place.name] for place in column if not place.lane), default=0)
        found.append(_Column(x, gutter, gutter + _GUTTER + max((tracks - 1) * pitch + 1, 0), pitch))
        x = found[-1].end
    return found


def _wired(plan: _Plan, nodes: Sequence[Node], labels: Mapping[str, Row], columns: Sequence[_Column]) -> _Grid:
    grid = _Grid()
    for gutter, track, row in plan.joins:
        grid.joins.add((columns[gutter].track(track), row))
    heavy = _critical_edges(nodes)
    for edge, route in plan.routes.items():
        weight = _HEAVY if edge in heavy else _LIGHT
        for step in itertools.pairwise(route):
            source, target = step
            column = columns[source.layer]
            start = column.x if source.lane else column.x + width_of(labels[source.name]) + 1
            _step(grid, plan, column, start, step, weight)
            if target.lane:
                grid.across(column.end, columns[target.layer].gutter + 1, plan.rows[target], weight)
    return grid


def _step(grid: _Grid, plan: _Plan, column: _Column, start: int, step: _Edge, weight: int) -> None:
    """The line from one place to one in the next column."""
    y, to = plan.rows[step[0]], plan.rows[step[1]]
    if y == to:
        grid.across(start, column.end, y, weight)
        return
    x = column.track(plan.tracks[step])
    grid.across(start, x, y, weight)
    grid.turn(x, y, weight, _LEFT)
    grid.upright(x, min(y, to), max(y, to), weight)
    grid.turn(x, to, weight, _RIGHT)
    grid.across(x + 1, column.end, to, weight)


def _critical_edges(nodes: Sequence[Node]) -> set[tuple[str, str]]:
    """The edges between critical stages, without those that merely skip a part of the path."""
    order, _ = _ranked(_shape(nodes))
    critical = {node.name for node in nodes if node.critical}
    behind: dict[str, set[str]] = {}
    found = set()
    for name, waits_for in order.items():
        if name not in critical:
            continue
        before = critical.intersection(waits_for)
        beyond = set[str]().union(*(behind[other] for other in before))
        behind[name] = before | beyond
        found |= {(other, name) for other in before - beyond}
    return found


# Where everything goes


def _shape(nodes: Sequence[Node]) -> _Shape:
    return tuple((node.name, node.waits_for) for node in nodes)


@lru_cache(maxsize=32)
def _ranked(shape: _Shape) -> tuple[dict[str, tuple[str, ...]], dict[str, int]]:
    """The stages, each after those it waits for, and those; and the column of each."""
    order = _in_order(shape)
    depths: dict[str, int] = {}
    for name, waits_for in order.items():
        depths[name] = 1 + max((depths[other] for other in waits_for), default=-1)
    return order, depths


class _Part(NamedTuple):
    """Stages that are connected: the steps of their edges, and their places by column, from the top."""

    steps: list[_Edge]
    columns: list[list[_Place]]


@lru_cache(maxsize=32)
def _arranged(shape: _Shape, split: frozenset[int] = frozenset()) -> tuple[_Part, ...]:
    order, depths = _ranked(shape)
    routes = _split_routes(_routes(order, depths), split)
    parts = []
    for names in _parts(order):
        steps = _steps(routes, names)
        alone = [_Place(_shifted(depths[name], split), name) for name in names]
        parts.append(_Part(steps, _ordered(_places(alone, steps), steps)))
    return tuple(parts)


@lru_cache(maxsize=32)
def _plan(shape: _Shape) -> _Plan:
    """Parts that have nothing to do with each other stand one below the other.

    Where the edges between two columns are too tangled to be told apart, a column is put between them in which each
    edge has a row of its own: what leaves a stage branches left of it, what comes to one joins right of it.
    """
    order, depths = _ranked(shape)
    deepest = max(depths.values())
    split: frozenset[int] = frozenset()
    while True:
        parts = _arranged(shape, split)
        laid = [_laid(part) for part in parts]
        whole = {_shifted(depth, split): depth for depth in range(deepest) if depth not in split}
        stuck = {whole[at] for one in laid for at in one.stuck if at in whole}
        if not stuck:
            break
        split |= stuck
    columns: list[list[_Place]] = [[] for _ in range(_shifted(deepest, split) + 1)]
    rows: dict[_Place, int] = {}
    tracks: dict[_Edge, int] = {}
    joins: set[tuple[int, int, int]] = set()
    gutters = [0] * (len(columns) - 1)
    for part, (placed, bundles, _) in zip(parts, laid, strict=True):
        top = max(rows.values(), default=-1) + 1
        rows |= {place: top + row for place, row in placed.items()}
        for column, places in zip(columns, part.columns, strict=False):
            column += places
        for gutter, found in enumerate(bundles):
            for bundle, track in found.items():
                tracks |= dict.fromkeys(itertools.product(bundle.sources, bundle.targets), track)
                joins |= {(gutter, track, rows[place]) for place in (*bundle.sources, *bundle.targets)}
                gutters[gutter] = max(gutters[gutter], track + 1)
    routes = _split_routes(_routes(order, depths), split)
    return _Plan(tuple(map(tuple, columns)), rows, routes, tracks, frozenset(joins), tuple(gutters))


def _shifted(layer: int, split: frozenset[int]) -> int:
    """The column of a layer, with one more for each gutter left of it that is split."""
    return layer + sum(other < layer for other in split)


def _split_routes(
    routes: Mapping[tuple[str, str], tuple[_Place, ...]], split: frozenset[int]
) -> dict[tuple[str, str], tuple[_Place, ...]]:
    found = {}
    for edge, route in routes.items():
        passed = [route[0]._replace(layer=_shifted(route[0].layer, split))]
        for source, target in itertools.pairwise(route):
            column = _shifted(source.layer, split)
            if source.layer in split:
                passed.append(_Place(column + 1, f"{source} {target}", "over"))
            passed.append(target._replace(layer=_shifted(target.layer, split)))
        found[edge] = tuple(passed)
    return found


def _in_order(shape: _Shape) -> dict[str, tuple[str, ...]]:
    """The stages, each after those it waits for, which are told once each; where they wait in a circle, it is cut."""
    left = {name: dict.fromkeys(waits_for) for name, waits_for in reversed(shape)}
    left = {name: left[name] for name, _ in shape}
    known = frozenset(left)
    found: dict[str, tuple[str, ...]] = {}
    while left:
        ready = (
            name
            for name, waits_for in left.items()
            if all(other in found or other == name or other not in known for other in waits_for)
        )
        name = next(ready, next(iter(left)))
        found[name] = tuple(other for other in left.pop(name) if other in found)
    return found


def _parts(order: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """The stages in groups that are connected, in order."""
    part = {name: at for at, name in enumerate(order)}
    for name, waits_for in order.items():
        together = {part[name], *(part[other] for other in waits_for)}
        if len(together) > 1:
            part = {key: min(together) if at in together else at for key, at in part.items()}
    groups: dict[int, list[str]] = {}
    for name, at in part.items():
        groups.setdefault(at, []).append(name)
    return [groups[at] for at in sorted(groups)]


def _routes(
    order: Mapping[str, tuple[str, ...]], depths: Mapping[str, int]
) -> dict[tuple[str, str], tuple[_Place, ...]]:
    """The places each edge passes. Long edges from one stage share a lane."""
    routes = {}
    for target, sources in order.items():
        for source in sources:
            between = (_Place(layer, source, "from") for layer in range(depths[source] + 1, depths[target]))
            routes[source, target] = (_Place(depths[source], source), *between, _Place(depths[target], target))
    return routes


def _steps(routes: Mapping[tuple[str, str], tuple[_Place, ...]], part: Sequence[str]) -> list[_Edge]:
    inside = set(part)
    passed = (route for (source, _), route in routes.items() if source in inside)
    return list(dict.fromkeys(step for route in passed for step in itertools.pairwise(route)))


def _places(stages: Sequence[_Place], steps: Sequence[_Edge]) -> list[list[_Place]]:
    """The places of a part by column, lanes last."""
    found = dict.fromkeys((*stages, *itertools.chain.from_iterable(steps)))
    columns: list[list[_Place]] = [[] for _ in range(max(place.layer for place in found) + 1)]
    for place in sorted(found, key=lambda place: bool(place.lane)):
        columns[place.layer].append(place)
    return columns


class _Neighbours:
    """What leads to a place, and where it leads to."""

    def __init__(self, steps: Iterable[_Edge]) -> None:
        self.before: dict[_Place, list[_Place]] = {}
        self.after: dict[_Place, list[_Place]] = {}
        for source, target in steps:
            self.before.setdefault(target, []).append(source)
            self.after.setdefault(source, []).append(target)


def _ordered(columns: Sequence[Sequence[_Place]], steps: Sequence[_Edge]) -> list[list[_Place]]:
    """Each column sorted by where its neighbours are on average, to and fro; the order in which fewest edges cross."""
    near = _Neighbours(steps)
    best = [list(column) for column in columns]
    if len(steps) > _MOST:
        return best
    least = _crossings(best, near)
    found = best
    for sweep in range(_SWEEPS):
        if not least:
            break
        found = [list(column) for column in found]
        order = range(1, len(found)) if sweep % 2 == 0 else range(len(found) - 2, -1, -1)
        for at in order:
            beside = found[at - 1] if sweep % 2 == 0 else found[at + 1]
            _sort(found[at], beside, near.before if sweep % 2 == 0 else near.after)
        crossings = _crossings(found, near)
        if crossings < least:
            best, least = found, crossings
    return _swapped(best, near)


def _sort(column: list[_Place], beside: Sequence[_Place], near: Mapping[_Place, Sequence[_Place]]) -> None:
    position = {place: at for at, place in enumerate(beside)}
    own = {place: at for at, place in enumerate(column)}

    def middle(place: _Place) -> float:
        found = near.get(place, [])
        return sum(position[other] for other in found) / len(found) if found else own[place]

    column.sort(key=middle)


def _swapped(columns: list[list[_Place]], near: _Neighbours) -> list[list[_Place]]:
    """The columns with neighbours swapped where fewer edges cross then, or as many but a stage stands above a lane."""
    for _ in range(_SWEEPS):
        position = {place: at for column in columns for at, place in enumerate(column)}
        changed = False
        for column in columns:
            for at in range(len(column) - 1):
                upper, lower = column[at], column[at + 1]
                better = _crossed(upper, lower, near, position) - _crossed(lower, upper, near, position)
                if better > 0 or (better == 0 and upper.lane and not lower.lane):
                    column[at], column[at + 1] = lower, upper
                    position[upper], position[lower] = at + 1, at
                    changed = True
        if not changed:
            break
    return columns


def _crossed(upper: _Place, lower: _Place, near: _Neighbours, position: Mapping[_Place, int]) -> int:
    """How many edges of the two cross with `upper` above `lower`."""
    return sum(
        position[a] > position[b]
        for side in (near.before, near.after)
        for a in side.get(upper, [])
        for b in side.get(lower, [])
    )


def _crossings(columns: Sequence[Sequence[_Place]], near: _Neighbours) -> int:
    count = 0
    for left, right in itertools.pairwise(columns):
        position = {place: at for at, place in enumerate(right)}
        passed = [0] * len(right)  # how many edges have ended at each position so far
        for place in left:
            ends = [position[other] for other in near.after.get(place, [])]
            count += sum(sum(passed[end + 1 :]) for end in ends)
            for end in ends:
                passed[end] += 1
    return count


class _Laid(NamedTuple):
    """The row of each place, the bundles of each gutter with their tracks, and the gutters that can't be drawn so."""

    rows: dict[_Place, int]
    bundles: list[dict[_Bundle, int]]
    stuck: set[int]


def _laid(part: _Part) -> _Laid:
    """Where everything in a part goes.

    A row on which one place's line ends and another's begins needs them to follow each other. Where that is
    impossible, a place is set apart: it gets a row on which nothing in the column before it stands.
    """
    near = _Neighbours(part.steps)
    gutters: list[list[_Edge]] = [[] for _ in part.columns[1:]]
    for step in part.steps:
        gutters[step[0].layer].append(step)
    stuck = {at for at, gutter in enumerate(gutters) if _is_hopeless(gutter, part.columns[at : at + 2])}
    apart: set[_Place] = set()
    laid: list[dict[_Bundle, int]] = []
    rows: dict[_Place, float] = {}
    for attempt in itertools.count() if not stuck else ():
        rows = _rows(part.columns, near, apart)
        found = [_tracks(gutter, rows) for gutter in gutters]
        laid = [tracks for tracks, _ in found]
        if not any(knots for _, knots in found):
            break
        for at, (_, knots) in enumerate(found):
            new = [place for place in knots if place not in apart]
            if knots and not new:
                stuck.add(at)
            apart.update(new if attempt > _PATIENT else new[:1])
        if stuck:
            break
    used = {row: at for at, row in enumerate(sorted(set(rows.values())))}
    return _Laid({place: used[row] for place, row in rows.items()}, laid, stuck)


def _is_hopeless(gutter: Sequence[_Edge], columns: Sequence[Sequence[_Place]]) -> bool:
    """Whether no clear drawing is found even if no two places share a row."""
    apart = {place: 2.0 * at + side for side, column in enumerate(columns) for at, place in enumerate(column)}
    return bool(_tracks(gutter, apart)[1])


def _rows(columns: Sequence[Sequence[_Place]], near: _Neighbours, apart: set[_Place]) -> dict[_Place, float]:
    """A row for each place, on one with the first of those that lead to it if that is free. They may be fractions."""
    rows: dict[_Place, float] = {}
    taken: list[float] = []
    for column in columns:
        last = -1.0
        for place in column:
            wanted = min((rows[other] for other in near.before.get(place, [])), default=0.0)
            row = wanted if wanted > last else math.floor(last) + 1.0
            if place in apart and row in taken:
                above = min((other for other in taken if other > row), default=row + 1)
                row = (row + above) / 2
            rows[place] = last = row
        taken = [rows[place] for place in column]
    _pull_down(columns, near, apart, rows)
    return rows


def _pull_down(
    columns: Sequence[Sequence[_Place]], near: _Neighbours, apart: set[_Place], rows: dict[_Place, float]
) -> None:
    """Move places that no straight line leads to down to where a straight line leads on from them."""
    for column in reversed(columns[:-1]):
        below = math.inf
        for place in reversed(column):
            after = near.after.get(place, [])
            if after and place not in apart and not _is_straight(place, near, rows):
                wanted = min(rows[other] for other in after)
                held = any(rows[other] == wanted for other in apart if other.layer == place.layer + 1)
                if rows[place] < wanted < below and not held:
                    rows[place] = wanted
            below = rows[place]


def _is_straight(place: _Place, near: _Neighbours, rows: Mapping[_Place, float]) -> bool:
    """Whether a straight line leads to the place or on from it. Lanes that lead to it will be moved along."""
    before = [other for other in near.before.get(place, []) if not (place.lane and other.lane)]
    return any(rows[other] == rows[place] for other in (*before, *near.after[place]))


# The gutters


def _tracks(edges: Sequence[_Edge], rows: Mapping[_Place, float]) -> tuple[dict[_Bundle, int], list[_Place]]:
    """The track of each bundle that isn't a straight line; or else the targets that make it impossible."""
    bundles: list[_Bundle] = []
    for part in _connected(edges):
        bundles += _bundled(part, rows)
    return _placed(bundles, rows, frozenset(edges))


def _connected(edges: Sequence[_Edge]) -> list[list[_Edge]]:
    """The edges in groups that share no place."""
    groups: list[tuple[set[_Place], list[_Edge]]] = []
    for edge in edges:
        touched = [group for group in groups if not group[0].isdisjoint(edge)]
        groups = [group for group in groups if group[0].isdisjoint(edge)]
        places = set(edge).union(*(group[0] for group in touched))
        groups.append((places, [*itertools.chain.from_iterable(group[1] for group in touched), edge]))
    return [group[1] for group in groups]


def _bundled(edges: Sequence[_Edge], rows: Mapping[_Place, float]) -> list[_Bundle]:
    """The edges in bundles that need the fewest tracks: by source, by target, or, which is always clear, singly."""
    by_target = [_Bundle(bundle.targets, bundle.sources) for bundle in _bundles([(b, a) for a, b in edges])]
    singly = [_Bundle((source,), (target,)) for source, target in edges]
    fewest: list[_Bundle] | None = None
    least = 0
    for bundles in (_bundles(edges), by_target, singly):
        tracks, knots = _placed(bundles, rows, frozenset(edges))
        count = max(tracks.values(), default=-1) + 1
        if not knots and (fewest is None or count < least):
            fewest, least = bundles, count
    return singly if fewest is None else fewest


def _bundles(edges: Sequence[_Edge]) -> list[_Bundle]:
    """Sources with the same targets go together."""
    targets: dict[_Place, list[_Place]] = {}
    for source, target in edges:
        targets.setdefault(source, []).append(target)
    groups: dict[tuple[_Place, ...], list[_Place]] = {}
    for source, found in targets.items():
        groups.setdefault(tuple(sorted(found)), []).append(source)
    return [_Bundle(tuple(sources), found) for found, sources in groups.items()]


@dataclass(frozen=True, slots=True)
class _Line:
    """The upright line of a bundle: the rows on which something comes in from the left, and leaves to the right."""

    bundle: _Bundle
    comes: frozenset[float]
    leaves: frozenset[float]
    top: float
    bottom: float

    def meets(self, other: "_Line") -> bool:
        return self.top <= other.bottom and other.top <= self.bottom

    def crossings(self, right: "_Line") -> int:
        """How many lines are crossed if `right` is right of this one."""
        count = sum(right.top <= row <= right.bottom for row in self.leaves - right.leaves)
        return count + sum(self.top <= row <= self.bottom for row in right.comes - self.comes)


def _line(bundle: _Bundle, rows: Mapping[_Place, float]) -> _Line:
    comes = frozenset(rows[place] for place in bundle.sources)
    leaves = frozenset(rows[place] for place in bundle.targets)
    return _Line(bundle, comes, leaves, min(comes | leaves), max(comes | leaves))


def _placed(
    bundles: Sequence[_Bundle], rows: Mapping[_Place, float], edges: frozenset[_Edge]
) -> tuple[dict[_Bundle, int], list[_Place]]:
    """The tracks, from the left; or else the targets that make it impossible."""
    lines = [line for line in (_line(bundle, rows) for bundle in bundles) if line.top < line.bottom]
    count = len(lines)
    must: list[set[int]] = [set() for _ in lines]
    knots: set[_Place] = set()
    for row in _crowded(edges, rows):
        _follow(row, lines, edges, must, knots)
    knots |= _knots([lines[at] for at in _circle(must)], rows)
    if knots:
        return {}, sorted(knots)
    should = [{left for left in range(count) if _better(lines[left], lines[right])} for right in range(count)]
    tracks: dict[int, int] = {}
    left = set(range(count))
    while left:
        ready = (at for at in left if not must[at] & left)
        at = min(ready, key=lambda at: (len(should[at] & left), at))
        left.discard(at)
        beyond = [track for other, track in tracks.items() if other in must[at] or other in should[at]]
        taken = {track for other, track in tracks.items() if lines[at].meets(lines[other])}
        first = max(beyond, default=-1) + 1
        tracks[at] = next(track for track in itertools.count(first) if track not in taken)
    if not _is_clear(sorted(lines, key=lambda line: tracks[lines.index(line)]), edges, rows):
        return {}, sorted({target for _, target in edges})
    return {lines[at].bundle: track for at, track in tracks.items()}, []


def _is_clear(lines: Sequence[_Line], edges: frozenset[_Edge], rows: Mapping[_Place, float]) -> bool:
    """Whether who follows any line to the right, up and down gets to what waits for its source only; from the left."""
    onward: dict[tuple[float, int], int | _Place] = {}  # from a join on a row to the next one, or to the target
    first: dict[_Place, int | _Place] = {}
    for row, source, target in _crowded(edges, rows):
        comes = [at for at, line in enumerate(lines) if row in line.comes]
        leaves = [at for at, line in enumerate(lines) if row in line.leaves]
        through = source is not None and target is not None and (source, target) in edges
        into: list[int | _Place] = [*leaves] if target is None else [*leaves, target]
        for stretch in [sorted({*comes, *leaves})] if through else [comes, leaves]:
            ending: list[int | _Place] = [target] if target is not None and (through or stretch is leaves) else []
            onward |= {(row, at): after for at, after in zip(stretch, [*stretch[1:], *ending], strict=False)}
        if source is not None:
            first[source] = sorted({*comes, *leaves})[0] if through and (comes or leaves) else (comes or into)[0]
    return all(
        (source, target) in edges for source, start in first.items() for target in _reached(start, lines, onward)
    )


def _reached(
    start: "int | _Place", lines: Sequence[_Line], onward: Mapping[tuple[float, int], "int | _Place"]
) -> set[_Place]:
    found: set[_Place] = set()
    seen: set[int] = set()
    going = [start]
    while going:
        at = going.pop()
        if isinstance(at, _Place):
            found.add(at)
        elif at not in seen:
            seen.add(at)
            going += [onward[row, at] for row in lines[at].comes | lines[at].leaves if (row, at) in onward]
    return found


class _RowEnds(NamedTuple):
    """What stands on a row left and right of a gutter."""

    row: float
    source: _Place | None
    target: _Place | None


def _crowded(edges: frozenset[_Edge], rows: Mapping[_Place, float]) -> list[_RowEnds]:
    sources = {rows[source]: source for source, _ in edges}
    targets = {rows[target]: target for _, target in edges}
    return [_RowEnds(row, sources.get(row), targets.get(row)) for row in sorted(sources.keys() | targets.keys())]


def _follow(
    ends: _RowEnds, lines: Sequence[_Line], edges: frozenset[_Edge], must: list[set[int]], knots: set[_Place]
) -> None:
    """Note which uprights on a row must be left of which, so that who follows it isn't led astray.

    From where one upright joins a row, each one that joins it further right can be reached, with all it leads to.
    """
    comes = [at for at, line in enumerate(lines) if ends.row in line.comes]
    leaves = [at for at, line in enumerate(lines) if ends.row in line.leaves]
    source, target = ends.source, ends.target
    if source is None or target is None or (source, target) not in edges:
        for at in leaves:
            must[at].update(other for other in comes if other != at)
        stretches = [comes, leaves]
    else:
        stretches = [list(dict.fromkeys([*comes, *leaves]))]
        led = all(_all_lead((source,), lines[at].bundle.targets, edges) for at in leaves)
        if not led or not all(_all_lead(lines[at].bundle.sources, (target,), edges) for at in comes):
            knots.add(target)
    for stretch in stretches:
        for one, other in itertools.combinations(stretch, 2):
            a, b = lines[one].bundle, lines[other].bundle
            forth, back = _all_lead(a.sources, b.targets, edges), _all_lead(b.sources, a.targets, edges)
            if not forth and not back:
                knots.update(place for place in (*a.targets, *b.targets))
            elif not back:
                must[other].add(one)
            elif not forth:
                must[one].add(other)


def _all_lead(sources: Sequence[_Place], targets: Sequence[_Place], edges: frozenset[_Edge]) -> bool:
    return all(edge in edges for edge in itertools.product(sources, targets))


def _circle(must: Sequence[set[int]]) -> list[int]:
    """Those that can't be put after all they must come after."""
    left = set(range(len(must)))
    while ready := {at for at in left if not must[at] & left}:
        left -= ready
    return sorted(left)


def _better(left: _Line, right: _Line) -> bool:
    """Whether fewer lines cross with `left` left of `right` than the other way round."""
    return left is not right and left.meets(right) and left.crossings(right) < right.crossings(left)


def _knots(lines: Sequence[_Line], rows: Mapping[_Place, float]) -> set[_Place]:
    """The targets that stand on the row of a source."""
    comes = frozenset[float]().union(*(line.comes for line in lines))
    return {place for line in lines for place in line.bundle.targets if rows[place] in comes}
