"""The stages of a pipeline and what they wait for: their order, how deep each is, and which hang together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

Edge: TypeAlias = tuple[str, str]  # a stage, and one that waits for it
Waits: TypeAlias = Mapping[str, tuple[str, ...]]
Shape: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]


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


class Ranks(NamedTuple):
    """The stages, each after those it `waits` for; its depth is one more than the greatest of theirs, else 0."""

    waits: dict[str, tuple[str, ...]]
    depths: dict[str, int]


def shape_of(nodes: Iterable[Node]) -> Shape:
    """What the places of a drawing depend on, and nothing that changes while a run goes on."""
    return tuple((node.name, node.waits_for) for node in nodes)


@lru_cache(maxsize=32)
def ranked(shape: Shape) -> Ranks:
    """Names are told once each, unknown ones not at all; where stages wait in a circle, it is cut."""
    left: dict[str, dict[str, None]] = {}
    for name, waits_for in shape:
        left.setdefault(name, dict.fromkeys(waits_for))
    waits: dict[str, tuple[str, ...]] = {}
    depths: dict[str, int] = {}
    while left:
        ready = (name for name, before in left.items() if not any(other in left and other != name for other in before))
        name = next(ready, next(iter(left)))
        waits[name] = tuple(other for other in left.pop(name) if other in waits)
        depths[name] = 1 + max((depths[other] for other in waits[name]), default=-1)
    return Ranks(waits, depths)


def connected(waits: Waits) -> list[list[str]]:
    """The stages in groups that have nothing to do with each other."""
    group = {name: at for at, name in enumerate(waits)}
    for name, waits_for in waits.items():
        joined = {group[name], *(group[other] for other in waits_for)}
        group = {key: min(joined) if at in joined else at for key, at in group.items()}
    return [[name for name in waits if group[name] == at] for at in sorted(set(group.values()))]


def path_edges(waits: Waits, path: set[str]) -> set[Edge]:
    """The edges between the stages of a path, without those that merely skip a part of it."""
    behind: dict[str, set[str]] = {}
    found = set()
    for name in waits:
        if name in path:
            before = path.intersection(waits[name])
            beyond = set[str]().union(*(behind[other] for other in before))
            behind[name] = before | beyond
            found |= {(other, name) for other in before - beyond}
    return found
