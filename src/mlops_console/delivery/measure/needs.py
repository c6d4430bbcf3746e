"""What an environment's gates need to have measured, and what of it is not in the store yet.

A measurement is known by version, kind and context: what else it depends on. Where that is the same, it is not made
again.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlops_console.core.config import Config, Dataset
from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.environments import Evaluate
from mlops_console.core.errors import ConfigError, MlopsError
from mlops_console.core.models import ModelVersion, served_form
from mlops_console.core.text import did_you_mean
from mlops_console.data.hashing import Hasher
from mlops_console.delivery.gate_names import Kind
from mlops_console.delivery.gates import Gate, parse_gate
from mlops_console.delivery.situation import candidate_for, look, settings_of
from mlops_console.store import compiled, datasets, measurements
from mlops_console.store.database import Connection
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace

REPLAY_HOLDS = 600.0  # seconds that a replay stands for the newest traffic
ON_DATASET: tuple[Kind, ...] = ("slices", "fairness")

Problems = dict[tuple[Kind, str], str]  # by kind and version


@dataclass(frozen=True, slots=True)
class Need:
    """One measurement. `context` is None where it takes the process to find out: a dataset version not known yet."""

    kind: Kind
    version: ModelVersion
    context: str | None


def find(
    workspace: Workspace, config: Config, environment: str, model_ref: str, *, replay: bool
) -> tuple[list[Need], Problems]:
    """Every measurement that the gates of an environment look at, and why there can't be some.

    Args:
        replay: also the replay that a plan shows, where no gate asks for it.

    Raises:
        UsageError, NotFoundError, ConfigError: the request or mlops.toml makes no sense.
    """
    settings = settings_of(config, environment)
    gates = [parse_gate(text) for text in settings.gates]
    _check_columns(config, environment, gates)
    kinds = _kinds(gates, replay=replay and _is_logged(workspace, environment))
    if not kinds:
        return [], {}
    with workspace.store.read() as db:
        situation = look(db, environment, candidate_for(db, settings, environment, model_ref))
    candidate = situation.candidate.version
    live = situation.live_candidate.version if situation.live_candidate else None
    problems: Problems = {}
    if "replay" in kinds and not _is_logged(workspace, environment):
        del kinds["replay"]
        problems["replay", candidate.ref] = f"{environment} has no logged requests"
    dataset: str | None = None
    try:
        if any(kind in kinds for kind in ON_DATASET):
            dataset = _dataset_ref(workspace, config, environment)
    except MlopsError as error:
        for kind in ON_DATASET:
            kinds.pop(kind, None)
            problems |= {(kind, version.ref): error.message.rstrip(".") for version in (candidate, live) if version}
    return _needs(workspace, config, environment, candidate, live, kinds, dataset), problems


def _kinds(gates: Iterable[Gate], *, replay: bool) -> dict[Kind, bool]:
    """What has to be measured, and whether of the live version too."""
    kinds: dict[Kind, bool] = {}
    for gate in gates:
        if gate.subject.is_measured:
            kinds[gate.subject.kind] = kinds.get(gate.subject.kind, False) or gate.is_relative
    return kinds | ({"replay": False} if replay else {})


def _needs(
    workspace: Workspace,
    config: Config,
    environment: str,
    candidate: ModelVersion,
    live: ModelVersion | None,
    kinds: Mapping[Kind, bool],
    dataset: str | None,
) -> list[Need]:
    found: list[Need] = []
    with workspace.store.read() as db:
        for kind, is_relative in kinds.items():
            if kind in ("data_drift", "replay"):
                if live is not None:
                    forms = f"{_form(db, candidate)} {_form(db, live)}"
                    found.append(Need(kind, candidate, _beside(config, environment, kind, live, forms)))
                continue
            versions = [candidate, *([live] if live and is_relative and live.ref != candidate.ref else [])]
            forms = ", ".join(f"{version.ref} as {_form(db, version)}" for version in versions)
            for version in versions:
                context = dataset if kind in ON_DATASET else forms if kind == "latency" else _form(db, version)
                found.append(Need(kind, version, context))
    return found


def missing(workspace: Workspace, config: Config, environment: str, wanted: Sequence[Need]) -> list[Need]:
    """Those that the store does not have, or has for something else or from too long ago."""
    evaluate = config.environments[environment].evaluate
    with workspace.store.read() as db:
        return [need for need in wanted if not _is_there(workspace, db, environment, evaluate, need)]


def _check_columns(config: Config, environment: str, gates: Iterable[Gate]) -> None:
    """That mlops.toml says on what gates about slices and groups are measured.

    Raises:
        ConfigError: it does not.
    """
    for gate in gates:
        if gate.subject.kind in ON_DATASET:
            evaluate, _, _ = evaluated(config, environment)
            key = "slices" if gate.subject.kind == "slices" else "sensitive"
            listed: tuple[str, ...] = getattr(evaluate, key)
            column = gate.subject.column
            if column not in listed:
                raise ConfigError(
                    f"The gate {gate.text!r} names the column {column!r}, which environments.{environment}.evaluate."
                    f"{key} does not list{did_you_mean(column, listed) or '.'}",
                    f"Add {column!r} to {key} in [environments.{environment}.evaluate].",
                )


def evaluated(config: Config, environment: str) -> tuple[Evaluate, Dataset, str]:
    """What `[environments.NAME.evaluate]` says, its dataset and the target in it.

    Raises:
        ConfigError: it is not there, or its dataset is not.
    """
    evaluate = config.environments[environment].evaluate
    where = f"environments.{environment}.evaluate"
    if evaluate is None:
        raise ConfigError(
            f"Gates on slices and fairness of {environment} need [{where}].",
            'Add it with dataset = "NAME" and the columns: slices = ["country"], sensitive = ["gender"].',
        )
    dataset = config.datasets.get(evaluate.dataset)
    if dataset is None:
        raise ConfigError(
            f"mlops.toml: {where}.dataset names {evaluate.dataset!r}, which is no dataset"
            f"{did_you_mean(evaluate.dataset, config.datasets) or '.'}",
            f"Add [datasets.{evaluate.dataset}] with a path and a target.",
        )
    if dataset.target is None:
        raise ConfigError(
            f"mlops.toml: {where}.dataset names {evaluate.dataset!r}, which has no target.",
            f'Add target = "COLUMN" to [datasets.{evaluate.dataset}]: the column that holds what is true.',
        )
    return evaluate, dataset, dataset.target


def _is_logged(workspace: Workspace, environment: str) -> bool:
    return PredictionLog(workspace.predictions_path).first_at(environment) is not None


def _dataset_ref(workspace: Workspace, config: Config, environment: str) -> str | None:
    """The version that the file is now, by its content; None where that was never seen."""
    evaluate, dataset, target = evaluated(config, environment)
    tree = Hasher(workspace).tree(dataset.path)
    if tree is None:
        raise MlopsError(f"{dataset.path} is not there.", f"It is the file of the dataset {evaluate.dataset!r}.")
    with workspace.store.read() as db:
        version = datasets.find(db, evaluate.dataset, tree.sha256)
    return dataset_context(version, target) if version else None


def dataset_context(version: DatasetVersion, target: str) -> str:
    """What figures depend on that were measured on a dataset."""
    return f"{version.ref} {target}"


def _beside(config: Config, environment: str, kind: Kind, live: ModelVersion, forms: str) -> str:
    if kind == "replay":
        return f"{environment} {live.ref} {config.environments[environment].replay} {forms}"
    reference = live.reference
    data = f"{reference.dataset}:{reference.version}" if reference else "nothing"
    return f"{data} by {config.monitor.settings}"


def _form(db: Connection, version: ModelVersion) -> str:
    return served_form(compiled.get(db, version.model, version.version))[0]


def _is_there(workspace: Workspace, db: Connection, environment: str, evaluate: Evaluate | None, need: Need) -> bool:
    if need.context is None:
        return False
    found = measurements.get(db, need.version, need.kind, need.context)
    if found is None:
        return False
    if need.kind in ON_DATASET and evaluate:
        columns = evaluate.slices if need.kind == "slices" else evaluate.sensitive
        return set(columns) <= set(found.result["columns"])
    if need.kind != "replay":
        return True
    now = time.time()
    if now - found.at > REPLAY_HOLDS:
        return False
    log = PredictionLog(workspace.predictions_path)
    return log.count(environment, found.at, now) <= int(found.result["rows"]) / 2
