"""What the threads beside the console have in common."""

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace


class Background:
    """A thread from the first frame to the end of the console; `_work` returns soon after `_ended` is set."""

    def __init__(self, name: str, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"console-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def _work(self) -> None:
        raise NotImplementedError
