"""A version as a server answers with it."""

from typing import TYPE_CHECKING, Any

from mlops_console.core.models import ModelVersion
from mlops_console.models.compiled import UncoveredRowsError
from mlops_console.serving.inputs import Batch
from mlops_console.serving.loading import load
from mlops_console.serving.model import Loaded
from mlops_console.store.workspace import Workspace

if TYPE_CHECKING:
    from numpy.typing import NDArray

Outputs = dict[str, "NDArray[Any]"]


class Served:
    """A version in memory: the form that a server takes, and scikit-learn for rows that the ONNX form does not."""

    def __init__(self, workspace: Workspace, version: ModelVersion) -> None:
        """Raises ModelError, StoreError: it can't be loaded."""
        self.version = version
        self.loaded: Loaded = load(workspace, version)
        self._workspace = workspace
        self._plain: Loaded | None = None

    @property
    def form(self) -> str:
        return "ONNX" if self.loaded.is_compiled else "scikit-learn"

    def predict(self, batch: Batch) -> Outputs:
        """As `Loaded.predict`.

        Raises:
            WrongInputError: the model does not take these rows.
        """
        try:
            return self.loaded.predict(batch)
        except UncoveredRowsError:
            return self._scikit_learn().predict(batch)

    def _scikit_learn(self) -> Loaded:
        if self._plain is None:
            from mlops_console.models.storage import load_model

            trusted = self._workspace.config().model(self.version.model).trusted_types
            self._plain = Loaded(self.version, load_model(self._workspace, self.version, trusted))
        return self._plain
