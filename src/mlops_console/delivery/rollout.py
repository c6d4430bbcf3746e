"""How a revision comes to serve: it is written into the store, the model server follows, and the rollout waits."""

import time
from typing import Any, Protocol

from mlops_console.core.deployments import Revision, RevisionState, ServerHealth
from mlops_console.core.errors import JobError, JobStopped, RefusedError
from mlops_console.core.models import ModelRef
from mlops_console.delivery.situation import (
    advice,
    candidate_for,
    check_gates,
    look,
    refusal,
    rollback_target,
    settings_of,
)
from mlops_console.store import deployments, models
from mlops_console.store.workspace import Workspace

TIMEOUT = 60.0  # seconds for the server to start, load and test a version
_POLL = 0.005  # seconds


class Job(Protocol):
    """What a rollout needs to know of the job that it is."""

    @property
    def id(self) -> int | None: ...
    @property
    def actor(self) -> str: ...
    def progress(self, fraction: float | None, text: str) -> None: ...
    def stop_requested(self) -> bool: ...


def deploy(
    workspace: Workspace, model_ref: str, environment: str, reason: str, job: Job, timeout: float = TIMEOUT
) -> dict[str, Any]:
    """Make a version serve in an environment; returns when it does. Performed again for the same job, it waits on.

    Raises:
        RefusedError: a gate does not pass; nothing has changed.
        JobError: it could not be loaded; the version before it serves on.
        JobStopped: a stop was asked for.
        UsageError, NotFoundError, ConfigError: the request makes no sense.
    """
    revision = _begun(workspace, job) or _begin_deploy(workspace, model_ref, environment, reason, job)
    return _follow(workspace, revision, job, timeout)


def rollback(
    workspace: Workspace, environment: str, to: int | None, reason: str, job: Job, timeout: float = TIMEOUT
) -> dict[str, Any]:
    """Make an environment serve what an earlier revision served, as a new revision. Gates are not asked.

    Args:
        to: that revision's number; by default the one before, see `rollback_target`.

    Raises:
        JobError: it could not be loaded; the version before it serves on.
        JobStopped: a stop was asked for.
        UsageError, NotFoundError: there is nothing to go back to.
    """
    revision = _begun(workspace, job) or _begin_rollback(workspace, environment, to, reason, job)
    return _follow(workspace, revision, job, timeout)


def _begun(workspace: Workspace, job: Job) -> Revision | None:
    """The revision that this job has made already, before the worker died."""
    if job.id is None:
        return None
    with workspace.store.read() as db:
        return deployments.revision_of_job(db, job.id)


def _begin_deploy(workspace: Workspace, model_ref: str, environment: str, reason: str, job: Job) -> Revision:
    settings = settings_of(workspace.config(), environment)
    with workspace.store.write() as tx:
        version = candidate_for(tx, settings, environment, model_ref)
        gates = check_gates(tx, settings, look(tx, environment, version))
        refused = refusal(version.ref, environment, gates)
        if refused is not None:
            raise RefusedError(refused, advice(version.ref, settings, gates))
        deployments.ensure_environment(tx, environment, settings.model, settings.host, settings.port)
        return deployments.add_revision(
            tx, environment, version, kind="deploy", actor=job.actor, reason=reason, job_id=job.id, gates=gates
        )


def _begin_rollback(workspace: Workspace, environment: str, to: int | None, reason: str, job: Job) -> Revision:
    with workspace.store.write() as tx:
        target = rollback_target(environment, deployments.revisions(tx, environment), to)
        return deployments.add_revision(
            tx,
            environment,
            models.get(tx, ModelRef(target.model, target.version)),
            kind="rollback",
            actor=job.actor,
            reason=reason,
            restores=target.revision,
            job_id=job.id,
        )


def _follow(workspace: Workspace, revision: Revision, job: Job, timeout: float) -> dict[str, Any]:
    """Wait until the server says what became of the revision."""
    environment, number = revision.environment, revision.revision
    job.progress(None, f"{environment} loads {revision.model_ref}")
    deadline = time.monotonic() + timeout
    seen = None
    while True:
        news = workspace.store.data_version()
        if news != seen:
            seen = news
            with workspace.store.read() as db:
                revision = deployments.revision(db, environment, number)
            if revision.state is not RevisionState.LOADING:
                return _outcome(workspace, revision)
            if job.stop_requested() and _give_up(workspace, revision, "a stop was asked for before it was live"):
                raise JobStopped(f"Revision {number} of {environment} was stopped before it was live.")
        if time.monotonic() > deadline:
            _give_up(workspace, revision, f"it was not live within {timeout:.0f} s")
        time.sleep(_POLL)


def _give_up(workspace: Workspace, revision: Revision, error: str) -> bool:
    """Whether it was not too late for that: the server may have made it live in this very moment."""
    with workspace.store.write() as tx:
        return deployments.mark_failed(tx, revision.environment, revision.revision, error)


def _outcome(workspace: Workspace, revision: Revision) -> dict[str, Any]:
    if revision.live_at is None:
        with workspace.store.read() as db:
            environment = deployments.environment(db, revision.environment)
        serving = environment.live if environment and environment.health is ServerHealth.READY else None
        raise JobError(
            f"{revision.environment} could not serve {revision.model_ref}: {revision.error}",
            f"It serves {serving.model_ref} on." if serving else "Nothing serves there.",
        )
    return {
        "environment": revision.environment,
        "revision": revision.revision,
        "model": revision.model,
        "version": revision.version,
        "kind": revision.kind,
        "restores": revision.restores,
    }
