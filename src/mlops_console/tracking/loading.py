"""`load_model`: a stored model version, ready to predict."""

from pathlib import Path
from typing import Any

from mlops_console.core.models import ModelRef
from mlops_console.models import storage
from mlops_console.store import models
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking.start import locate


def load_model(ref: str, *, workspace: str | Path | Workspace | None = None) -> Any:
    """Load a model by number or alias: `fraud:7`, `fraud@champion`.

    The file is checked by its SHA-256, and its types against scikit-learn's own and the `trusted_types` of the model in
    mlops.toml; nothing is ever unpickled.

    Args:
        ref: the model version.
        workspace: as for `start_run`.

    Raises:
        UsageError: `ref` is no model reference; there is no "latest".
        NotFoundError: there is no such model, version or alias.
        ModelError: the file is damaged, or holds types that are not trusted.
    """
    found = open_workspace(locate(workspace))
    wanted = ModelRef.parse(ref)
    try:
        with found.store.read() as db:
            version = models.get(db, wanted)
    finally:
        found.store.close()
    return storage.load_model(found, version, trusted_types(found, version.model))


def trusted_types(workspace: Workspace, model: str) -> tuple[str, ...]:
    """What mlops.toml trusts in the files of a model; nothing where there is none.

    Raises:
        ConfigError: mlops.toml is wrong.
    """
    return workspace.config().model(model).trusted_types if workspace.config_path.is_file() else ()
