"""Environments and revisions: what serves where, and how it came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from mlops_console.core.runs import ProcessIdentity

_OVERTIME = 5.0  # seconds that a request may take beyond its deadlines
LOOPBACK = ("127.0.0.1", "localhost", "::1")  # where no other machine can ask

Strategy = Literal["swap", "canary", "shadow"]


class RevisionState(StrEnum):
    """Where a revision stands. At most one revision of an environment is `live`."""

    PLANNED = "planned"  # approved, or else free to go; its turn has not come
    WAITING = "waiting"  # for approvals
    LOADING = "loading"
    TESTING = "testing"  # in memory, and predicting its input example
    CANARY = "canary"  # beside the live one, with a share of the traffic or a copy of it
    LIVE = "live"
    RETIRED = "retired"
    FAILED = "failed"
    ABORTED = "aborted"

    @property
    def is_final(self) -> bool:
        return not MOVES[self]

    @property
    def is_under_way(self) -> bool:
        """In the hands of the server processes, but not live."""
        return self in (RevisionState.LOADING, RevisionState.TESTING, RevisionState.CANARY)


_S = RevisionState
_ENDS = frozenset({_S.FAILED, _S.ABORTED})

# What may come after each state. A version that is in memory already was tested when it came there.
MOVES: Mapping[RevisionState, frozenset[RevisionState]] = {
    _S.PLANNED: frozenset({_S.WAITING, _S.LOADING}) | _ENDS,
    _S.WAITING: frozenset({_S.PLANNED}) | _ENDS,
    _S.LOADING: frozenset({_S.TESTING, _S.CANARY, _S.LIVE}) | _ENDS,
    _S.TESTING: frozenset({_S.CANARY, _S.LIVE}) | _ENDS,
    _S.CANARY: frozenset({_S.LIVE}) | _ENDS,
    _S.LIVE: frozenset({_S.RETIRED}),
    _S.RETIRED: frozenset(),
    _S.FAILED: frozenset(),
    _S.ABORTED: frozenset(),
}


class ServerHealth(StrEnum):
    """What the server processes of an environment say, taken together."""

    NONE = "none"  # nothing was ever deployed
    STOPPED = "stopped"  # a version is live, but no worker serves it
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """How a revision goes live, as it was settled when it was asked for. Times in seconds, shares from 0 to 1."""

    strategy: Strategy = "swap"
    steps: tuple[float, ...] = (1.0,)
    hold: float = 0.0
    sticky: str | None = None
    min_requests: int = 0
    level: float = 0.01
    max_errors: float = 0.01
    max_latency: float = 1.5
    max_drift: float = 0.1

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "RolloutPlan":
        return cls(**{**data, "steps": tuple(data.get("steps", (1.0,)))})


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a deployment settles for the servers, and a rollback keeps. Times in seconds, sizes in bytes."""

    workers: int = 1
    queue: int = 1000
    deadline: float = 10.0
    body: int = 10_000_000
    certificate: str | None = None
    key: str | None = None
    sample: float = 1.0
    keep: float = 30 * 86_400.0
    keep_size: int = 2_000_000_000
    private: tuple[str, ...] = ()

    @property
    def drain(self) -> float:
        """Seconds after which no answer can be under way any more that was asked for before: the body of a request may
        take as long as the deadline, and so may its answer."""
        return 2 * self.deadline + _OVERTIME

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "ServerSettings":
        return cls(**{**data, "private": tuple(data.get("private", ()))})


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """Commands that serve a version where no server of ours does, as a deployment settles them: a rollback keeps them.

    `timeout`: seconds for each of them.
    """

    deploy: str
    rollback: str | None = None
    status: str | None = None
    timeout: float = 600.0
    kind: str = "command"


@dataclass(frozen=True, slots=True)
class Revision:
    """One numbered change of what an environment serves. Append-only; a rollback is a new one."""

    environment: str
    revision: int
    model: str
    version: int
    kind: str  # "deploy" or "rollback"
    state: RevisionState
    actor: str
    reason: str
    created_at: float
    live_at: float | None = None
    ended_at: float | None = None
    restores: int | None = None  # the revision a rollback goes back to
    error: str | None = None
    job_id: int | None = None
    rollout: RolloutPlan = RolloutPlan()
    step: int | None = None
    step_at: float | None = None
    approvals: int = 0  # needed
    expires_at: float | None = None
    break_glass: str | None = None

    @property
    def model_ref(self) -> str:
        return f"{self.model}:{self.version}"

    @property
    def watched(self) -> str:
        """Names the step of its rollout that server processes count the traffic of; "" where there is none."""
        return "" if self.step is None or self.state is not RevisionState.CANARY else f"{self.revision}.{self.step}"

    @property
    def share(self) -> float:
        """Of the traffic, 0 to 1."""
        if self.state is RevisionState.LIVE:
            return 1.0
        if self.state is not RevisionState.CANARY or self.rollout.strategy == "shadow" or self.step is None:
            return 0.0
        return self.rollout.steps[self.step]


@dataclass(frozen=True, slots=True)
class RevisionChange:
    """One step of a revision's life."""

    state: RevisionState
    at: float
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Approval:
    actor: str
    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """An environment that no deployment may change; a rollback still may."""

    at: float
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """One process of an environment's server, by its own words.

    `epoch` is the newest change of the environment that it follows: once it is there, no answer of an older one will
    come from it any more. `serving` is the live revision that it answers with, `prepared` the one beside it, loaded and
    tested; `warm` are the versions in its memory, as `fraud:7`.
    """

    slot: int
    process: ProcessIdentity
    health: ServerHealth
    heartbeat_at: float
    epoch: int = -1
    serving: int | None = None
    prepared: int | None = None
    warm: tuple[str, ...] = ()
    stats: Mapping[str, Any] = field(default_factory=dict)


def address(host: str, port: int, is_secure: bool) -> str:
    """The URL of a server."""
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if is_secure else 'http'}://{name}:{port}"


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment with the state of its server.

    `live` is the revision that serves, or did until its server ended; `candidate` the one that is on its way; `epoch`
    counts the changes that the server processes follow.
    """

    name: str
    model: str
    port: int
    host: str
    settings: ServerSettings = ServerSettings()
    epoch: int = 0
    live: Revision | None = None
    candidate: Revision | None = None
    freeze: Freeze | None = None
    error: str | None = None
    health: ServerHealth = ServerHealth.NONE
    processes: tuple[ServerProcess, ...] = ()  # those that are alive
    target: TargetSettings | None = None  # None where our own servers serve

    @property
    def url(self) -> str:
        return address(self.host, self.port, self.settings.certificate is not None)

    @property
    def ready(self) -> tuple[ServerProcess, ...]:
        return tuple(process for process in self.processes if process.health is ServerHealth.READY)

    @property
    def observed(self) -> int | None:
        """The revision that all its processes answer with; None while they differ, or without any."""
        found = {process.serving for process in self.ready}
        return found.pop() if len(found) == 1 else None

    @property
    def heartbeat_at(self) -> float | None:
        return max((process.heartbeat_at for process in self.processes), default=None)
