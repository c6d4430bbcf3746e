"""DORA's figures of an environment, read from the store and from git. What they mean is in `core.dora`."""

from collections.abc import Iterable
from pathlib import Path

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.dora import Delivered, Dora, reached_traffic, reckon
from mlops_console.core.models import ModelVersion
from mlops_console.core.runs import Run
from mlops_console.store import deployments, models, runs
from mlops_console.store.database import Connection
from mlops_console.tracking.commit_times import commit_times

_EVERY = 1 << 62  # revisions at the most


def dora(db: Connection, environment: str, start: float, end: float, folder: Path | None = None) -> Dora:
    """The figures of an environment and a period.

    Args:
        start, end: of the period, in seconds since the epoch; the end is not part of it.
        folder: in whose git repository the commits are looked for; without one all lead times begin at the runs.
    """
    found = deployments.revisions(db, environment, _EVERY)
    origins = _origins(db, [r for r in found if r.live_at is not None and start <= r.live_at < end])
    commits = {run.provenance.git_commit for run in origins.values() if run.provenance.git_commit is not None}
    times = commit_times(folder, commits) if folder is not None else {}
    return reckon(environment, [_delivered(db, revision, origins, times) for revision in found], start, end)


def _origins(db: Connection, served: Iterable[Revision]) -> dict[str, Run]:
    """The runs that made the versions of these revisions, by version."""
    wanted = {revision.model_ref for revision in served if revision.kind == "deploy"}
    made_by = {version.ref: version.run_id for version in _versions(db, served) if version.ref in wanted}
    found = {run.id: run for run in runs.of_ids(db, [id for id in set(made_by.values()) if id is not None])}
    return {ref: found[id] for ref, id in made_by.items() if id is not None}


def _versions(db: Connection, served: Iterable[Revision]) -> list[ModelVersion]:
    return [version for model in {revision.model for revision in served} for version in models.versions(db, model)]


def _delivered(db: Connection, revision: Revision, origins: dict[str, Run], times: dict[str, float]) -> Delivered:
    run = origins.get(revision.model_ref)
    return Delivered(
        revision,
        canary_at=_canary_at(db, revision) if reached_traffic(revision) else None,
        committed_at=times.get(run.provenance.git_commit or "") if run else None,
        run_at=(run.started_at or run.created_at) if run else None,
    )


def _canary_at(db: Connection, revision: Revision) -> float | None:
    for change in deployments.changes(db, revision.environment, revision.revision):
        if change.state is RevisionState.CANARY:
            return change.at
    return None
