"""The way through a gutter: which upright line, and on which track, each step takes that isn't straight.

Stages that share all their edges share one upright. Uprights are placed so that whoever follows any line to the
right, up and down, never gets to a stage that doesn't wait for its source.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from mlops_console.tui.screens.pipelines.graph.layers import Place, Step

_Places: TypeAlias = tuple[Place, ...]
_Bundle: TypeAlias = tuple[_Places, _Places]  # sources and targets, each of which leads to each
_Stop: TypeAlias = int | Place  # on the way along the lines: an upright, or a target


class Routed(NamedTuple):
    """The track of each step through a gutter, from the left; or else the targets that make it impossible."""

    tracks: dict[Step, int]
    knots: list[Place]


def routed(steps: Sequence[Step], rows: Mapping[Place, float]) -> Routed:
    """The tracks of all steps from one column to the next, whose places stand on these rows."""
    bundles = [bundle for part in _connected(steps) for bundle in _bundled(part, rows)]
    return _placed(bundles, _Gutter(steps, rows))


class _Ends(NamedTuple):
    """What stands left and right of a gutter on one row, at most one place each; and if a straight line joins them."""

    row: float
    sources: _Places
    targets: _Places
    straight: bool


class _Gutter:
    """The steps through a gutter, and the rows it begins and ends on."""

    def __init__(self, steps: Iterable[Step], rows: Mapping[Place, float]) -> None:
        self.steps = frozenset(steps)
        self.rows = rows
        sources = {rows[source]: (source,) for source, _ in self.steps}
        targets = {rows[target]: (target,) for _, target in self.steps}
        self.ends: list[_Ends] = []
        for row in sorted(sources.keys() | targets.keys()):
            left, right = sources.get(row, ()), targets.get(row, ())
            self.ends.append(_Ends(row, left, right, bool(left and right) and self.leads(left, right)))

    def leads(self, sources: _Places, targets: _Places) -> bool:
        """Whether there is a step from each source to each target."""
        return all(step in self.steps for step in itertools.product(sources, targets))


# Which steps share an upright


def _connected(steps: Iterable[Step]) -> list[list[Step]]:
    """The steps in groups that share no place."""
    groups: list[tuple[set[Place], list[Step]]] = []
    for step in steps:
        touched = [group for group in groups if not group[0].isdisjoint(step)]
        groups = [group for group in groups if group[0].isdisjoint(step)]
        places = set(step).union(*(group[0] for group in touched))
        groups.append((places, [*itertools.chain.from_iterable(group[1] for group in touched), step]))
    return [group[1] for group in groups]


def _bundled(steps: Sequence[Step], rows: Mapping[Place, float]) -> list[_Bundle]:
    """The steps in bundles that need the fewest tracks: by source, by target, or, which is always clear, singly."""
    by_target = [(sources, targets) for targets, sources in _bundles((target, source) for source, target in steps)]
    singly: list[_Bundle] = [((source,), (target,)) for source, target in steps]
    gutter = _Gutter(steps, rows)
    best, fewest = singly, len(steps) + 1
    for bundles in (_bundles(steps), by_target, singly):
        tracks, knots = _placed(bundles, gutter)
        count = 1 + max(tracks.values(), default=-1)
        if not knots and count < fewest:
            best, fewest = bundles, count
    return best


def _bundles(steps: Iterable[Step]) -> list[_Bundle]:
    """Sources with the same targets go together."""
    targets: dict[Place, list[Place]] = {}
    for source, target in steps:
        targets.setdefault(source, []).append(target)
    groups: dict[_Places, list[Place]] = {}
    for source, found in targets.items():
        groups.setdefault(tuple(sorted(found)), []).append(source)
    return [(tuple(sources), found) for found, sources in groups.items()]


# Where the uprights go


@dataclass(frozen=True, slots=True)
class _Upright:
    """The line of a bundle: the rows on which something comes in from the left, and leaves to the right."""

    sources: _Places
    targets: _Places
    comes: frozenset[float]
    leaves: frozenset[float]
    top: float
    bottom: float

    def meets(self, other: "_Upright") -> bool:
        return self.top <= other.bottom and other.top <= self.bottom

    def is_better_left_of(self, other: "_Upright") -> bool:
        """Whether fewer lines cross than the other way round."""
        return self.meets(other) and self._crossings(other) < other._crossings(self)

    def _crossings(self, right: "_Upright") -> int:
        """How many lines are crossed if `right` is right of this one."""
        count = sum(right.top <= row <= right.bottom for row in self.leaves - right.leaves)
        return count + sum(self.top <= row <= self.bottom for row in right.comes - self.comes)


def _upright(bundle: _Bundle, rows: Mapping[Place, float]) -> _Upright:
    comes, leaves = (frozenset(rows[place] for place in places) for places in bundle)
    return _Upright(*bundle, comes, leaves, min(comes | leaves), max(comes | leaves))


def _placed(bundles: Iterable[_Bundle], gutter: _Gutter) -> Routed:
    """The tracks, from the left, if these bundles can be told apart."""
    uprights = [line for line in (_upright(bundle, gutter.rows) for bundle in bundles) if line.top < line.bottom]
    must, knots = _constraints(uprights, gutter)
    if knots:
        return Routed({}, sorted(knots))
    tracks = _tracks(uprights, must)
    if not _is_clear([uprights[at] for at in sorted(tracks, key=tracks.__getitem__)], gutter):
        return Routed({}, sorted({target for _, target in gutter.steps}))
    steps = ((at, itertools.product(line.sources, line.targets)) for at, line in enumerate(uprights))
    return Routed({step: tracks[at] for at, found in steps for step in found}, [])


def _tracks(uprights: Sequence[_Upright], must: Sequence[set[int]]) -> dict[int, int]:
    """A track for each upright, right of those it must be right of, and if possible of those it is better right of."""
    should = [{at for at, other in enumerate(uprights) if other.is_better_left_of(line)} for line in uprights]
    tracks: dict[int, int] = {}
    left = set(range(len(uprights)))
    while left:
        ready = (at for at in left if not must[at] & left)
        at = min(ready, key=lambda at: (len(should[at] & left), at))
        left.discard(at)
        first = 1 + max((tracks[other] for other in tracks.keys() & (must[at] | should[at])), default=-1)
        taken = {track for other, track in tracks.items() if uprights[at].meets(uprights[other])}
        tracks[at] = next(track for track in itertools.count(first) if track not in taken)
    return tracks


# What can be told apart


def _stretches(uprights: Sequence[_Upright], ends: _Ends) -> list[list[int]]:
    """The uprights that join a row, from the left: first those that its source, then those that its target joins.

    On a straight line they are all in one stretch.
    """
    comes = [at for at, line in enumerate(uprights) if ends.row in line.comes]
    leaves = [at for at, line in enumerate(uprights) if ends.row in line.leaves]
    return [sorted({*comes, *leaves})] if ends.straight else [comes, leaves]


def _constraints(uprights: Sequence[_Upright], gutter: _Gutter) -> tuple[list[set[int]], set[Place]]:
    """For each upright, which ones must be left of it; and the targets for which that is impossible.

    From where an upright joins a row, each one that joins it further right can be reached, with all it leads to.
    """
    must: list[set[int]] = [set() for _ in uprights]
    knots: set[Place] = set()
    for ends in gutter.ends:
        stretches = _stretches(uprights, ends)
        if ends.straight:
            if not all(_may_join(ends, uprights[at], gutter) for at in stretches[0]):
                knots.update(ends.targets)
        else:
            comes, leaves = stretches
            for at in leaves:
                must[at].update({*comes} - {at})
        for one, other in itertools.chain.from_iterable(itertools.combinations(found, 2) for found in stretches):
            a, b = uprights[one], uprights[other]
            forth, back = gutter.leads(a.sources, b.targets), gutter.leads(b.sources, a.targets)
            if not forth and not back:
                knots.update(a.targets, b.targets)
            elif not back:
                must[other].add(one)
            elif not forth:
                must[one].add(other)
    return must, knots | _circular(uprights, must, gutter.rows)


def _may_join(ends: _Ends, line: _Upright, gutter: _Gutter) -> bool:
    """Whether an upright may join a straight line: they lead to each other's targets."""
    return gutter.leads(ends.sources, line.targets) and gutter.leads(line.sources, ends.targets)


def _circular(uprights: Sequence[_Upright], must: Sequence[set[int]], rows: Mapping[Place, float]) -> set[Place]:
    """The targets on the row of a source, of those uprights that can't be right of all they must be right of."""
    left = set(range(len(must)))
    while ready := {at for at in left if not must[at] & left}:
        left -= ready
    comes = frozenset[float]().union(*(uprights[at].comes for at in left))
    return {place for at in left for place in uprights[at].targets if rows[place] in comes}


def _is_clear(uprights: Sequence[_Upright], gutter: _Gutter) -> bool:
    """Whether who follows any line gets to what waits for its source only; the uprights are told from the left."""
    first: dict[Place, _Stop] = {}
    onward: dict[tuple[float, _Stop], _Stop] = {}  # from a join on a row to the next one, or to the target
    for ends in gutter.ends:
        chains: list[list[_Stop]] = [[*stretch] for stretch in _stretches(uprights, ends)]
        chains[-1] += ends.targets
        for source in ends.sources:
            first[source] = chains[0][0]
        for at, after in itertools.chain.from_iterable(map(itertools.pairwise, chains)):
            onward[ends.row, at] = after
    return all(gutter.leads((source,), tuple(_reached(start, uprights, onward))) for source, start in first.items())


def _reached(start: _Stop, uprights: Sequence[_Upright], onward: Mapping[tuple[float, _Stop], _Stop]) -> set[Place]:
    found: set[Place] = set()
    seen: set[int] = set()
    going = [start]
    while going:
        at = going.pop()
        if isinstance(at, Place):
            found.add(at)
        elif at not in seen:
            seen.add(at)
            going += [onward[row, at] for row in uprights[at].comes | uprights[at].leaves if (row, at) in onward]
    return found
