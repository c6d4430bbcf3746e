"""What the triggers view reads, in a thread."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.errors import ConfigError
from mlops_console.core.jobs import Job

if TYPE_CHECKING:
    from mlops_console.core.triggers import Trigger, TriggerState
    from mlops_console.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class TriggerRead:
    """A trigger of mlops.toml with its state and its newest jobs, the newest first."""

    trigger: "Trigger"
    state: "TriggerState"
    jobs: tuple[Job, ...]


@dataclass
class TriggersLoaded(Message, bubble=False):
    """`worker`: whether there is one; `problem` is what keeps mlops.toml from being read."""

    triggers: tuple[TriggerRead, ...]
    worker: bool = True
    problem: ConfigError | None = None


def read_triggers(workspace: "Workspace") -> TriggersLoaded:
    from mlops_console.store import jobs, triggers

    try:
        known = workspace.config().triggers
    except ConfigError as error:
        return TriggersLoaded((), problem=error)
    with workspace.store.read() as db:
        found = (TriggerRead(t, triggers.state(db, t.name), tuple(triggers.jobs_of(db, t.name))) for t in known)
        return TriggersLoaded(tuple(found), jobs.worker(db) is not None)
