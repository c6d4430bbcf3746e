"""What the models view shows, read from the store."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.deployments import RevisionState
from mlops_console.core.errors import ConfigError, NotFoundError
from mlops_console.core.models import ModelVersion
from mlops_console.core.runs import Run

if TYPE_CHECKING:
    from mlops_console.core.config import Config
    from mlops_console.store.database import Connection
    from mlops_console.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version with the run that made it and the environments in which it is live."""

    version: ModelVersion
    run: Run | None
    live_in: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """The figure by which a model's versions are judged."""

    metric: str
    goal: str


@dataclass(frozen=True, slots=True)
class Models:
    rows: tuple[VersionRow, ...]
    metrics: Mapping[str, MetricColumn]  # by model


@dataclass
class ModelsRead(Message, bubble=False):
    models: Models


def read_models(workspace: "Workspace") -> ModelsRead:
    """All versions, by model and newest first.

    Raises:
        StoreError: the store can't be read.
    """
    from mlops_console.store import deployments, models

    try:
        config = workspace.config()
    except ConfigError:
        config = None  # the app says what is wrong with it; the store is shown all the same
    with workspace.store.read() as db:
        live: dict[tuple[str, int], list[str]] = {}
        for environment in deployments.environments(db):
            for revision in deployments.revisions(db, environment.name, limit=50):
                if revision.state is RevisionState.LIVE:
                    live.setdefault((revision.model, revision.version), []).append(environment.name)
        rows = tuple(
            VersionRow(version, _run(db, version), tuple(live.get((version.model, version.version), ())))
            for version in models.versions(db)
        )
    return ModelsRead(Models(rows, _metrics(rows, config)))


def _run(db: "Connection", version: ModelVersion) -> Run | None:
    from mlops_console.store import runs

    if version.run_id is None:
        return None
    try:
        return runs.get(db, version.run_id)
    except NotFoundError:
        return None


def _metrics(rows: Sequence[VersionRow], config: "Config | None") -> dict[str, MetricColumn]:
    """Of each model the metric of mlops.toml, else the one that most of its versions have."""
    found: dict[str, MetricColumn] = {}
    for model in dict.fromkeys(row.version.model for row in rows):
        settings = config.model(model) if config else None
        if settings is not None and settings.metric:
            found[model] = MetricColumn(settings.metric, settings.goal)
            continue
        runs_of = [row.run for row in rows if row.version.model == model and row.run]
        counts = Counter(name for run in runs_of for name in run.metrics)
        if counts:
            order = min(counts, key=lambda n: (-counts[n], not n.startswith(("test", "val")), n))
            found[model] = MetricColumn(order, "maximize")
    return found
