"""What killed processes have left behind: points are taken in, and a worker that was killed gets a successor."""

import contextlib
from typing import TYPE_CHECKING

from mlops_console.core.errors import MlopsError
from mlops_console.tui.background import Background

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

INTERVAL = 3.0  # seconds


class Recovery(Background):
    """Says nothing itself: what it finds is a change of the store as any other."""

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__("recovery", workspace)

    def _work(self) -> None:
        from mlops_console.actions.base import ensure_writable
        from mlops_console.tracking.recover import recover
        from mlops_console.worker.client import take_over

        while not self._ended.wait(INTERVAL):
            with contextlib.suppress(MlopsError, OSError):  # a read-only disk: the views say what is wrong
                recover(self._workspace)
                ensure_writable(self._workspace)
                take_over(self._workspace)
