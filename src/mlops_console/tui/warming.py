"""What the first rollback needs is imported before it is asked for: at 3 a.m. the first one is the one that counts."""

from importlib import import_module
from typing import TYPE_CHECKING

from mlops_console.tui.background import Background

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

_AFTER = 1.0  # seconds that belong to the first frame and the first reads


class Warming(Background):
    """Imports, once."""

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__("warming", workspace)

    def _work(self) -> None:
        if not self._ended.wait(_AFTER):
            import_module("mlops_console.actions.rollback")
            import_module("mlops_console.tui.flows")
