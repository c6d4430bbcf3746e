"""What every action is made of: its checked request, its plan, its performance and its entry in the ledger."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mlops_console.core.errors import ConfigError, RefusedError, UsageError
from mlops_console.core.jobs import Job
from mlops_console.core.plans import Plan
from mlops_console.core.text import did_you_mean, safe_line
from mlops_console.store import jobs, ledger
from mlops_console.store.database import Connection
from mlops_console.store.identity import actor as os_user
from mlops_console.store.workspace import Workspace

RunsIn = Literal["process", "worker", "caller"]
_PROGRESS_EVERY = 0.2  # seconds between two writes of a job's progress


class Request(BaseModel):
    """What is asked of an action. Unknown fields are errors."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")


Note = Annotated[str, Field(max_length=500), AfterValidator(safe_line)]  # what a person has to say of it
R = TypeVar("R", bound=Request)


@dataclass(slots=True)
class JobContext:
    """What an action may ask and tell while it is performed. `id` is None for an action that its caller performs."""

    workspace: Workspace
    action: str
    subject: str
    id: int | None = None
    actor: str = field(default_factory=os_user)
    stopping: Callable[[], bool] | None = None
    recorded: bool = False
    _told: tuple[float, str] = (0.0, "")

    def progress(self, fraction: float | None, text: str) -> None:
        """Say how far it is, from 0 to 1 (None: not known), and at what. Cheap to call often."""
        now = time.monotonic()
        if self.id is None or (text == self._told[1] and now - self._told[0] < _PROGRESS_EVERY):
            return
        self._told = (now, text)
        with self.workspace.store.write() as tx:
            jobs.set_progress(tx, self.id, fraction, text)

    def stop_requested(self) -> bool:
        if self.stopping is not None and self.stopping():
            return True
        if self.id is None:
            return False
        with self.workspace.store.read() as db:
            return jobs.get(db, self.id).stop_requested_at is not None

    def record(self, tx: Connection, detail: Mapping[str, Any]) -> None:
        """Write the entry of the success into the ledger, in the transaction of the change that it tells of.

        An action that does not call this gets its entry when it has returned, with its request and result as detail.
        """
        ledger.append(tx, self.actor, self.action, self.subject, "succeeded", {**detail, "job": self.id})
        self.recorded = True

    def leave_unrecorded(self) -> None:
        """Nothing came of it that the ledger has to tell: its success gets no entry."""
        self.recorded = True


@dataclass(frozen=True, slots=True)
class Action(Generic[R]):
    """One thing a user can ask for.

    Attributes:
        runs_in: `process`: a child process of the worker, with its own log, stopped by a signal; `worker`: a thread of
            the worker, at once, one after another for each subject (deploy, rollback); `caller`: the asking process.
        plan: what it would change. Reads only. Raises UsageError for what makes no sense; sets `Plan.refused` for what
            may not be.
        perform: does it and returns the result, anything that JSON can hold. Raises MlopsError when it fails,
            RefusedError when something stands in the way, JobStopped when it gave up because a stop was asked for: the
            job ends `stopped` then. A
            `worker` action may be performed again for the same job id, if the worker died in the middle: it must then
            finish what was begun.
        queued: what else is to be written when the job is queued, in the same transaction, given the job's id.
        succeeded: what else is to be written when its job has succeeded, in the same transaction, given the job and the
            result.
        takes_slot: whether a `process` takes one of `[worker] slots`; what is short waits for no training, and as many
            of its like run at once beside them.
        queues: a `caller` action that may queue a job, whose id is `job` in its result (or None): it needs a worker.
    """

    name: str
    request: type[R]
    runs_in: RunsIn
    plan: Callable[[Workspace, R], Plan]
    perform: Callable[[Workspace, R, JobContext], dict[str, Any]]
    queued: Callable[[Connection, Workspace, R, int], None] | None = None
    succeeded: Callable[[Connection, Workspace, R, Job, Mapping[str, Any]], None] | None = None
    takes_slot: bool = True
    queues: bool = False

    def check(self, request: Mapping[str, Any]) -> R:
        """The request as checked data.

        Raises:
            UsageError: a field is missing, unknown or of the wrong kind.
        """
        try:
            return self.request.model_validate(dict(request))
        except ValidationError as error:
            raise self._explain(error) from None

    def _explain(self, error: ValidationError) -> UsageError:
        first = error.errors()[0]
        field_name = ".".join(str(part) for part in first["loc"])
        known = list(self.request.model_fields)
        hint = f"It takes: {', '.join(known)}."
        if first["type"] == "extra_forbidden":
            return UsageError(f"{self.name} does not take {field_name!r}{did_you_mean(field_name, known) or '.'}", hint)
        if first["type"] == "missing":
            return UsageError(f"{self.name} needs {field_name!r}.", hint)
        value = repr(first["input"])
        problem = first["msg"].removeprefix("Value error, ")
        return UsageError(
            f"{self.name}: {field_name} is {value if len(value) <= 60 else value[:57] + '…'}: "
            f"{problem[:1].lower()}{problem[1:]}.",
            hint,
        )


def ensure_writable(workspace: Workspace) -> None:
    """Refuse to act where the console is read-only.

    Raises:
        RefusedError: `MLOPS_READ_ONLY` is set, or mlops.toml has `[console] read_only = true`.
    """
    if os.environ.get("MLOPS_READ_ONLY", "").lower() not in ("", "0", "false", "no"):
        raise RefusedError(
            "This is a read-only console: MLOPS_READ_ONLY is set, so nothing may be changed.",
            "Unset MLOPS_READ_ONLY to act.",
        )
    try:
        read_only = workspace.config().console.read_only
    except ConfigError:  # an mlops.toml in the middle of an edit must not keep anybody from stopping a job
        return
    if read_only:
        raise RefusedError(
            "This workspace is read-only: mlops.toml says [console] read_only = true.",
            "Set it to false to act.",
        )
