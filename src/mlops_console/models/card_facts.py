"""What is known of a model version for its card, read from the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_console.core.config import Config, Model
from mlops_console.core.datasets import RunInput
from mlops_console.core.environments import Evaluate
from mlops_console.core.errors import ConfigError
from mlops_console.core.models import CompiledModel, ModelVersion
from mlops_console.core.runs import Artifact, Run
from mlops_console.store import artifacts, compiled, datasets, deployments, measurements, runs
from mlops_console.store.measurements import Measurement
from mlops_console.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Attributes:
    settings: [models.NAME] of mlops.toml.
    evaluated: what the environments of the model are evaluated on, by environment.
    live_in: the environments that serve it, with the revision.
    measured: by kind and context.
    """

    version: ModelVersion
    run: Run | None = None
    inputs: tuple[RunInput, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    compiled: CompiledModel | None = None
    live_in: Mapping[str, int] = field(default_factory=dict)
    measured: Mapping[tuple[str, str], Measurement] = field(default_factory=dict)
    settings: Model = field(default_factory=Model)
    evaluated: Mapping[str, Evaluate] = field(default_factory=dict)
    project: str = ""


def gather(workspace: Workspace, version: ModelVersion) -> CardFacts:
    """All that the store and mlops.toml know. Without a readable mlops.toml only the store is asked."""
    try:
        config = workspace.config()
    except ConfigError:
        config = None
    with workspace.store.read() as db:
        run = runs.get(db, version.run_id) if version.run_id else None
        live = {e.name: e.live for e in deployments.environments(db) if e.live and e.live.model_ref == version.ref}
        return CardFacts(
            version,
            run,
            tuple(datasets.run_inputs(db, run.id)) if run else (),
            tuple(artifacts.listing(db, run.id)) if run else (),
            compiled.get(db, version.model, version.version),
            {name: revision.revision for name, revision in live.items()},
            measurements.of_version(db, version),
            config.model(version.model) if config else Model(),
            _evaluated(config, version.model) if config else {},
            config.project.name if config else "",
        )


def _evaluated(config: Config, model: str) -> dict[str, Evaluate]:
    return {
        name: environment.evaluate
        for name, environment in config.environments.items()
        if environment.model == model and environment.evaluate is not None
    }
