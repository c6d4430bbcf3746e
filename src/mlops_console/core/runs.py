"""Experiments, runs and what a run records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class RunStatus(StrEnum):
    """Where a run stands. Only `queued` and `running` can still change."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        return self not in (RunStatus.QUEUED, RunStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process that can't be mistaken for a later one with the same pid."""

    pid: int
    started: float  # seconds since the boot on Linux, since the epoch elsewhere; see `store.identity`
    boot_id: str
    host: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a run came from."""

    user: str = ""
    command: str = ""
    git_commit: str | None = None
    git_branch: str | None = None
    git_dirty: bool | None = None
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """One metric of one run, without its points. NaN points count, but are no extreme."""

    name: str
    count: int
    first: float
    first_step: int
    last: float
    last_step: int
    min: float
    min_step: int
    max: float
    max_step: int
    mean: float


@dataclass(frozen=True, slots=True)
class Point:
    step: int
    value: float
    at: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Curve:
    """A stretch of a series as a chart draws it: in buckets where it is long, with every extreme.

    Attributes:
        points: by step; of a bucket at most its first, least, greatest and last one.
        means: one a bucket, the mean of its finite values; `points` where `exact`.
        count: how many points the stretch has.
        missing: how many of them are NaN.
        exact: `points` are all of them.
        first_step, last_step: of the whole series.
    """

    points: tuple[Point, ...]
    means: tuple[Point, ...]
    count: int
    missing: int
    exact: bool
    first_step: int
    last_step: int


@dataclass(frozen=True, slots=True)
class Artifact:
    path: str
    sha256: str
    size: int  # bytes
    created_at: float


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage of one pipeline run, in the order of the DAG."""

    stage: str
    position: int
    status: RunStatus
    command: str
    log: str  # path of the log file, relative to the workspace
    deps: tuple[str, ...] = ()  # names of the stages it waits for
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    error: str | None = None
    cached_from: str | None = None  # the id of the run whose outs it has
    why: str = ""  # why it ran, or did not have to
    cpus: float = 0.0  # what it asks of the machine
    memory: int = 0  # bytes


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of training code. `params` keep their JSON types."""

    id: str
    name: str
    experiment: str
    status: RunStatus
    created_at: float
    started_at: float | None
    ended_at: float | None
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, SeriesSummary] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)
    process: ProcessIdentity | None = None
    heartbeat_at: float | None = None
    pipeline: str | None = None
    job_id: int | None = None
    error: str | None = None

    def duration(self, now: float) -> float | None:
        """Seconds from start to end, or to `now` while it runs; None before it starts."""
        if self.started_at is None:
            return None
        end = self.ended_at if self.ended_at is not None else now
        return max(end - self.started_at, 0.0)  # the clock may have been put back


class RunRow(NamedTuple):
    """A run as a line of a table: `values` has one entry for each field that was asked for, None where it has none."""

    id: str
    name: str
    experiment: str
    status: RunStatus
    created_at: float
    started_at: float | None
    ended_at: float | None
    heartbeat_at: float | None
    job_id: int | None
    pipeline: str | None
    user: str
    values: tuple[Any, ...] = ()

    def duration(self, now: float) -> float | None:
        """As of a run."""
        if self.started_at is None:
            return None
        end = self.ended_at if self.ended_at is not None else now
        return max(end - self.started_at, 0.0)  # the clock may have been put back


@dataclass(frozen=True, slots=True)
class Spread:
    """Of a figure over the runs of a group: how many have it, their mean and sample standard deviation.

    `std` is NaN for fewer than two.
    """

    n: int
    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs that have the same value of a field; None is the group of those without it."""

    value: Any
    n: int
    figures: tuple[Spread | None, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldNames:
    """The names that the runs of a store have used."""

    metrics: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
