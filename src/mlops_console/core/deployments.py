"""Environments and revisions: what serves where, and how it came to."""

from dataclasses import dataclass
from enum import StrEnum

from mlops_console.core.runs import ProcessIdentity


class RevisionState(StrEnum):
    """Where a revision stands. At most one revision of an environment is `live`."""

    WAITING = "waiting"  # for an approval
    LOADING = "loading"
    LIVE = "live"
    RETIRED = "retired"
    FAILED = "failed"


class ServerHealth(StrEnum):
    """What the worker and the server say of an environment's server process."""

    NONE = "none"  # nothing was ever deployed
    STOPPED = "stopped"  # a version is live, but no worker serves it
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


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

    @property
    def model_ref(self) -> str:
        return f"{self.model}:{self.version}"


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment with the state of its server.

    `desired` is the revision that should serve, `live` the one that does, or did until its server ended, and `observed`
    the number of the one that the server says it serves.
    """

    name: str
    model: str
    port: int
    host: str
    desired: Revision | None = None
    observed: int | None = None
    health: ServerHealth = ServerHealth.NONE
    error: str | None = None
    process: ProcessIdentity | None = None
    heartbeat_at: float | None = None
    live: Revision | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"
