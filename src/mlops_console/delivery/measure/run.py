"""One measuring: what is missing, each in turn; what fails does not keep the rest from being measured."""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlops_console.core.config import Config
from mlops_console.core.errors import MlopsError
from mlops_console.core.models import ModelVersion
from mlops_console.delivery.gate_names import Kind
from mlops_console.delivery.measure import dataset, example, fairness, latency, replay, size, slices, training_data
from mlops_console.delivery.measure.needs import ON_DATASET, Need, Problems, dataset_context, find, missing
from mlops_console.delivery.measure.served import Served
from mlops_console.delivery.situation import candidate_for, look, settings_of
from mlops_console.store import measurements
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace

logger = logging.getLogger(__name__)

Result = Mapping[str, Any]

# Memory is measured before anything large was in it; what takes longest comes last.
_ORDER: tuple[Kind, ...] = ("size", "example", "latency", "data_drift", *ON_DATASET, "replay")


def measure(workspace: Workspace, environment: str, model_ref: str, *, replay: bool = False) -> Problems:
    """Measure what the store does not have; why some of it could not be, by kind and version.

    Raises:
        UsageError, NotFoundError, ConfigError: the request or mlops.toml makes no sense.
    """
    config = workspace.config()
    wanted, problems = find(workspace, config, environment, model_ref, replay=replay)
    lacking = sorted(missing(workspace, config, environment, wanted), key=lambda need: _ORDER.index(need.kind))
    measuring = _Measuring(workspace, config, environment, model_ref, lacking)
    for need in lacking:
        try:
            result = measuring.result(need)
        except MlopsError as error:
            logger.warning("%s of %s: %s", need.kind, need.version.ref, error)
            problems[need.kind, need.version.ref] = error.message.rstrip(".")
            continue
        with workspace.store.write() as tx:
            measurements.put(tx, need.version, need.kind, measuring.context(need), result)
    return problems


class _Measuring:
    """What several measurements share, each made when it is first asked for."""

    def __init__(
        self, workspace: Workspace, config: Config, environment: str, model_ref: str, lacking: Sequence[Need]
    ) -> None:
        self.workspace = workspace
        self.config = config
        self.environment = environment
        self.lacking = lacking
        with workspace.store.read() as db:
            version = candidate_for(db, settings_of(config, environment), environment, model_ref)
            self.live = look(db, environment, version).live_candidate
        self.served = functools.cache(self._served)
        self.answers = functools.cache(self._answers)

    def result(self, need: Need) -> Result:
        """Raises MlopsError where it can't be measured."""
        ways: Mapping[Kind, Callable[[ModelVersion], Result]] = {
            "size": lambda version: size.measure(self.workspace, version),
            "example": lambda version: example.measure(self.workspace, self.served(version.ref)),
            "latency": lambda version: self.latencies[version.ref],
            "data_drift": self._data_drift,
            "slices": lambda version: slices.measure(self.evaluation, self.answers(version.ref)),
            "fairness": lambda version: fairness.measure(self.evaluation, self.answers(version.ref)),
            "replay": self._replay,
        }
        return ways[need.kind](need.version)

    def context(self, need: Need) -> str:
        """The context of a need that has been measured."""
        if need.kind in ON_DATASET:
            return dataset_context(self.evaluation.version, self.evaluation.target)
        assert need.context is not None  # only a dataset version may be unknown beforehand
        return need.context

    @functools.cached_property
    def versions(self) -> Mapping[str, ModelVersion]:
        live = [self.live.version] if self.live else []
        return {version.ref: version for version in (*live, *(need.version for need in self.lacking))}

    @functools.cached_property
    def latencies(self) -> Mapping[str, Result]:
        refs = [need.version.ref for need in self.lacking if need.kind == "latency"]
        return latency.measure(self.workspace, [self.served(ref) for ref in refs])

    @functools.cached_property
    def evaluation(self) -> dataset.Evaluation:
        return dataset.read(self.workspace, self.config, self.environment)

    def _served(self, ref: str) -> Served:
        return Served(self.workspace, self.versions[ref])

    def _answers(self, ref: str) -> dataset.Answers:
        return dataset.ask(self.served(ref), self.evaluation)

    def _data_drift(self, version: ModelVersion) -> Result:
        assert self.live is not None  # without it nothing needs this
        return training_data.measure(self.workspace, version, self.live.version, self.config.monitor.settings)

    def _replay(self, version: ModelVersion) -> Result:
        assert self.live is not None  # without it nothing needs this
        limit = self.config.environments[self.environment].replay
        requests = PredictionLog(self.workspace.predictions_path).newest(self.environment, limit)
        return replay.measure(self.served(self.live.version.ref), self.served(version.ref), requests).as_json()
