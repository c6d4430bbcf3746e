"""Which version answers a request: the live one, or beside it the candidate with its share.

A routing is never changed, only replaced as a whole, so that every request sees one or the other.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mlops_console.core.models import ModelVersion
from mlops_console.serving.engine import Engine
from mlops_console.serving.errors import NotReadyError

_GOLDEN = 0.6180339887498949  # the golden ratio's fraction: its multiples spread evenly over 0 to 1, without a period


@dataclass(slots=True, eq=False)
class Served:
    """What answers requests: a version in memory, by order of a revision. `in_flight` counts those under way."""

    revision: int
    engine: Engine
    in_flight: int = 0

    def __post_init__(self) -> None:
        ref = self.engine.version.ref
        self.headers = ((b"x-model", ref.encode()), (b"x-revision", str(self.revision).encode()))

    headers: tuple[tuple[bytes, bytes], ...] = field(init=False)


@dataclass(slots=True, eq=False)
class Routing:
    """`share` of the requests go to `candidate`; with `mirror` it gets a copy of all, and answers none."""

    live: Served
    candidate: Served | None = None
    share: float = 0.0
    mirror: bool = False
    sticky: bytes | None = None  # the header, in lower case, that keeps its clients with one version
    _asked: int = 0

    def choose(self, headers: Iterable[tuple[bytes, bytes]]) -> Served:
        """The version for a request with these headers."""
        if self.candidate is None or self.share <= 0.0:
            return self.live
        return self.candidate if self._place(headers) < self.share else self.live

    def _place(self, headers: Iterable[tuple[bytes, bytes]]) -> float:
        """From 0 to 1; who is below a share is below all later ones, so that a client never goes back and forth."""
        if self.sticky is not None:
            key = next((value for name, value in headers if name == self.sticky), None)
            if key is not None:
                return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) / 2**64
        self._asked += 1
        return self._asked * _GOLDEN % 1.0

    @property
    def all(self) -> tuple[Served, ...]:
        return (self.live,) if self.candidate is None else (self.live, self.candidate)


@dataclass(slots=True)
class Slot:
    """The one reference that says who answers. `problem` says why nobody does; `aliases` are the model's, with their
    versions."""

    environment: str
    routing: Routing | None = None
    aliases: Mapping[str, int] = field(default_factory=dict)
    problem: str = "the first model is being loaded"

    @property
    def served(self) -> list[tuple[int, float, ModelVersion]]:
        """Revision, share of the traffic and version of each that answers."""
        routing = self.routing
        if routing is None:
            return []
        share = routing.share if routing.candidate is not None else 0.0
        shares = zip(routing.all, (1 - share, share), strict=False)
        return [(served.revision, part, served.engine.version) for served, part in shares]

    def now(self) -> Routing:
        """What answers now.

        Raises:
            NotReadyError: nothing does yet.
        """
        if self.routing is None:
            raise NotReadyError(f"{self.environment} serves no model: {self.problem}.")
        return self.routing
