"""From a version in the store to one that can answer."""

import json
import logging
from typing import Any

from mlops_console.core.errors import ConfigError, ModelError
from mlops_console.core.models import ModelVersion
from mlops_console.models.storage import load_model
from mlops_console.serving.errors import HttpError
from mlops_console.serving.inputs import Batch, from_records
from mlops_console.serving.model import Loaded, test_with_example
from mlops_console.store.workspace import Workspace

logger = logging.getLogger(__name__)


def load_tested(workspace: Workspace, version: ModelVersion) -> Loaded:
    """Load a version and let it predict its input example.

    Raises:
        ModelError, StoreError: the file is missing, damaged or not trusted, or the example can't be predicted.
    """
    loaded = Loaded(version, load_model(workspace, version, _trusted_types(workspace, version.model)))
    if version.input_example is not None:
        test_with_example(loaded, _read_example(workspace, version, version.input_example))
    return loaded


def _trusted_types(workspace: Workspace, model: str) -> tuple[str, ...]:
    """An mlops.toml in the middle of an edit must not keep a rollback from a model that needs no trust."""
    try:
        return workspace.config().model(model).trusted_types
    except ConfigError as error:
        logger.warning("No type is trusted beside scikit-learn's own: %s", error)
        return ()


def _read_example(workspace: Workspace, version: ModelVersion, sha256: str) -> Batch:
    records: Any = json.loads(workspace.objects.read_checked(sha256))
    try:
        return from_records(version.signature, records)
    except HttpError as error:
        raise ModelError(f"The input example of {version.ref} does not fit its signature: {error.message}") from None
