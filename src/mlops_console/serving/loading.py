"""From a version in the store to one that can answer."""

import functools
import json
import logging
from collections.abc import Iterator
from typing import Any

from mlops_console.core.errors import ConfigError, ModelError
from mlops_console.core.models import ModelVersion
from mlops_console.models import compiled
from mlops_console.serving.errors import HttpError
from mlops_console.serving.inputs import Batch, from_records
from mlops_console.serving.model import Loaded, test_with_example
from mlops_console.store.workspace import Workspace

logger = logging.getLogger(__name__)


def load(workspace: Workspace, version: ModelVersion) -> Loaded:
    """Bring a version into memory: its compiled form where there is one that agrees, else the estimator itself.

    Raises:
        ModelError, StoreError: the file is missing, damaged or not trusted.
    """
    try:
        form = compiled.load(workspace, version)
    except ModelError as error:
        logger.warning("%s serves without its compiled form: %s", version.ref, error)
        form = None
    if form is not None:
        estimator = functools.cache(lambda: _load_estimator(workspace, version))
        return Loaded(version, compiled=form, load_estimator=estimator)
    return _load_estimator(workspace, version)


def _load_estimator(workspace: Workspace, version: ModelVersion) -> Loaded:
    from mlops_console.models.storage import load_model

    return Loaded(version, load_model(workspace, version, _trusted_types(workspace, version.model)))


def test(workspace: Workspace, loaded: Loaded) -> Batch | None:
    """Let a version predict its input example, and return that; None where it has none.

    Raises:
        ModelError, StoreError: it can't, or the example is missing or damaged.
    """
    version = loaded.version
    if version.input_example is None:
        return None
    return test_with_records(loaded, json.loads(workspace.objects.read_checked(version.input_example)))


def test_with_records(loaded: Loaded, records: Any) -> Batch:
    """As `test`, with the rows of the input example."""
    version = loaded.version
    try:
        example = from_records(version.signature, records)
    except HttpError as error:
        raise ModelError(f"The input example of {version.ref} does not fit its signature: {error.message}") from None
    test_with_example(loaded, example)
    loaded.hasten(example)
    return example


def _trusted_types(workspace: Workspace, model: str) -> Iterator[str]:
    """An mlops.toml in the middle of an edit must not keep a rollback from a model that needs no trust."""
    try:
        yield from workspace.config().model(model).trusted_types
    except ConfigError as error:
        logger.warning("No type is trusted beside scikit-learn's own: %s", error)
