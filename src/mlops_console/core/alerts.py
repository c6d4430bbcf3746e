"""Alerts: something to tell a person."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Alert:
    """Open until `resolved_at`. `kind` and `subject` together name it: no two open ones share them."""

    id: int
    kind: str  # "drift", "server", "job", "trigger"
    subject: str
    severity: Severity
    message: str
    created_at: float
    resolved_at: float | None = None
