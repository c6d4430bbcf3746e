"""Why something is live, or was: the chain of one revision, read from the store."""

from mlops_console.core.deployments import Revision
from mlops_console.core.errors import NotFoundError
from mlops_console.core.jobs import Job
from mlops_console.core.lineage import Lineage, Passage, gaps
from mlops_console.core.models import ModelRef
from mlops_console.core.runs import Artifact, Run
from mlops_console.core.text import clock
from mlops_console.store import artifacts, datasets, deployments, jobs, models, runs
from mlops_console.store.database import Connection

_PATCH = "git/"  # where the paths of the artifacts begin that tell what was not committed
_TRIGGER = "trigger:"  # how its actor begins


def why(db: Connection, environment: str, revision: int | None = None, *, at: float | None = None) -> Lineage:
    """The chain of a revision.

    Args:
        revision: its number; by default what is live.
        at: a moment (seconds since the epoch): by default what was live then.

    Raises:
        NotFoundError: there is no such revision, or nothing is or was live.
    """
    found = _chosen(db, environment, revision, at)
    origin = _origin(db, found)
    version = models.get(db, ModelRef(found.model, found.version))
    run = runs.get(db, version.run_id) if version.run_id else None
    passage = _passage(db, found)
    admitted = _passage(db, origin) if origin else None
    patch = uncommitted(db, run)
    inputs = tuple(datasets.run_inputs(db, run.id)) if run else ()
    training = jobs.get(db, run.job_id) if run and run.job_id is not None else None
    return Lineage(
        environment,
        passage,
        admitted,
        version,
        run,
        patch,
        inputs,
        training,
        _trigger(training, (admitted or passage).job),
        gaps(passage, admitted, version, run, patch, inputs),
    )


def _chosen(db: Connection, environment: str, number: int | None, at: float | None) -> Revision:
    known = deployments.environment(db, environment)
    if known is None:
        raise NotFoundError(f"Nothing was ever deployed to {environment!r}.", "'mlops-console status' shows what was.")
    if number is not None:
        return deployments.revision(db, environment, number)
    found = known.live if at is None else deployments.live_at(db, environment, at)
    if found is None:
        when = "is live" if at is None else f"was live at {clock(at)}"
        raise NotFoundError(
            f"Nothing {when} in {environment}.", f"'mlops-console history {environment}' shows its revisions."
        )
    return found


def _origin(db: Connection, revision: Revision) -> Revision | None:
    """The deployment that a rollback goes back to, also through other rollbacks."""
    found = revision
    while found.restores is not None:
        found = deployments.revision(db, found.environment, found.restores)
    return None if found.kind == "rollback" or found is revision else found


def _passage(db: Connection, revision: Revision) -> Passage:
    where = (revision.environment, revision.revision)
    return Passage(
        revision,
        tuple(deployments.changes(db, *where)),
        tuple(deployments.gate_results(db, *where)),
        tuple(deployments.approvals(db, *where)),
        jobs.get(db, revision.job_id) if revision.job_id is not None else None,
    )


def uncommitted(db: Connection, run: Run | None) -> tuple[Artifact, ...]:
    """The artifacts of a run that tell what was not committed when it was started."""
    if run is None:
        return ()
    return tuple(artifact for artifact in artifacts.listing(db, run.id) if artifact.path.startswith(_PATCH))


def _trigger(*found: Job | None) -> str | None:
    for job in found:
        if job is not None and job.actor.startswith(_TRIGGER):
            return job.actor.removeprefix(_TRIGGER)
    return None
