"""Jobs: queued or running actions, and the workers that perform them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mlops_console.core.runs import ProcessIdentity
from mlops_console.core.text import clock

MONITOR = "monitor"  # the actor of the drift checks that the worker queues by itself


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    STOPPED = "stopped"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class Turn:
    """When a job's turn comes.

    Attributes:
        priority: the greater goes first; of the same, the one that was queued first.
        not_before: seconds since the epoch.
        key: of any number of jobs with this key only the first one is ever queued.
    """

    priority: int = 0
    not_before: float | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    id: int
    action: str
    subject: str  # what it acts on, for people: "train", "production"
    request: Mapping[str, Any]
    state: JobState
    actor: str
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    process: ProcessIdentity | None = None  # None while queued, and for jobs the worker performs itself
    heartbeat_at: float | None = None
    progress: float | None = None  # 0 to 1
    progress_text: str = ""
    stop_requested_at: float | None = None
    exit_code: int | None = None
    error: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    turn: Turn = Turn()

    def telling(self, now: float) -> str:
        """What there is to say beside its state: why it failed, when its turn comes, what it is at."""
        if self.error:
            return self.error
        if self.state is JobState.QUEUED:
            later = self.turn.not_before if self.turn.not_before is not None and self.turn.not_before > now else None
            return f"begins at {clock(later)}" if later is not None else ""
        if self.state is not JobState.RUNNING:
            return ""  # what it told at last is over
        return self.progress_text if self.stop_requested_at is None else "stopping"


@dataclass(frozen=True, slots=True)
class Worker:
    process: ProcessIdentity
    started_at: float
    heartbeat_at: float
    version: str
    stop_requested_at: float | None = None
