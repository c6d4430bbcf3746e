"""Alerts: something to tell a person; silences: what nobody wants to be told for a while."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

ANY = "*"  # of a silence: all rules, or all subjects
_STEP = 60.0  # seconds that a clock may be put back without a word
OF_ENVIRONMENT = frozenset({"drift", "performance", "error_rate", "latency", "data_quality", "server"})
KINDS = (*sorted(OF_ENVIRONMENT), "job", "job_slow", "disk", "trigger", "delivery")


class Severity(StrEnum):
    WARNING = "warning"
    CRITICAL = "critical"


class AlertEvent(StrEnum):
    """What of an alert is delivered."""

    OPENED = "opened"
    RESOLVED = "resolved"
    REMINDER = "reminder"


@dataclass(frozen=True, slots=True)
class Alert:
    """Open until `resolved_at`. `rule` and `subject` together name it: no two open ones share them.

    Attributes:
        kind: what it is about, one of `KINDS`.
        rule: the name of the rule in mlops.toml; the kind where none of them made it.
        environment: that it is about; "" for jobs, triggers, the disk.
        detail: figures for programs, by name.
        acknowledged_at: when a person has taken it up, `acknowledged_by` whom, with a `note`.
        silenced_until: nobody is told of it before; None where nothing silences it.
        told_at: when it was first handed to the outbox; None while it is silenced.
        resolved_by: who has ended it by hand, with a `resolved_note`; "" where it was right again.
    """

    id: int
    kind: str
    subject: str
    severity: Severity
    message: str
    created_at: float
    resolved_at: float | None = None
    rule: str = ""
    environment: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    acknowledged_at: float | None = None
    acknowledged_by: str = ""
    note: str = ""
    silenced_until: float | None = None
    told_at: float | None = None
    resolved_by: str = ""
    resolved_note: str = ""

    @property
    def state(self) -> str:
        """In one word: resolved, silenced, acknowledged, open."""
        if self.resolved_at is not None:
            return "resolved"
        if self.silenced_until is not None:
            return "silenced"
        return "open" if self.acknowledged_at is None else "acknowledged"


@dataclass(frozen=True, slots=True)
class Silence:
    """No alert of this `rule` (or kind, or `*`) about this `subject` (or `*`) is delivered until `until`."""

    id: int
    rule: str
    subject: str
    until: float
    actor: str
    note: str
    created_at: float

    def holds(self, now: float) -> bool:
        """A clock that goes back makes it no longer: before its beginning it silences nothing."""
        return self.created_at - _STEP <= now < self.until

    def covers(self, rule: str, kind: str, subject: str, now: float) -> bool:
        return self.holds(now) and self.rule in (ANY, rule, kind) and self.subject in (ANY, subject)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one destination.

    Attributes:
        key: the same at each attempt, so that a receiver can leave out what it has already.
        destination: which one, as `core.destinations` names it; never its URL.
        state: "waiting", "sent", "given up".
        error: why the last attempt failed.
    """

    id: int
    key: str
    alert: int
    event: AlertEvent
    destination: str
    body: Mapping[str, Any]
    created_at: float
    state: str = "waiting"
    attempts: int = 0
    ended_at: float | None = None
    error: str = ""
