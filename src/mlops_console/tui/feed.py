"""The console's ear: one thread that asks the store for news and tells the app what kind it was."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlops_console.core.errors import StoreError
from mlops_console.store import changes
from mlops_console.tui.background import Background
from mlops_console.tui.messages import StoreChanged

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

INTERVAL = 0.15  # seconds


class Feed(Background):
    """Posts one `StoreChanged` for all that was written since the one before. Silent while nothing is.

    The first one names every topic: whoever reads because of it misses nothing that comes later.
    """

    def __init__(self, workspace: "Workspace", post: Callable[[StoreChanged], object]) -> None:
        super().__init__("feed", workspace)
        self._post = post

    def _work(self) -> None:
        seq, version = self._begin()
        while not self._ended.wait(INTERVAL):
            try:
                found = self._workspace.store.data_version()
                if found == version:
                    continue
                with self._workspace.store.read() as db:
                    news = changes.since(db, seq)
            except StoreError:
                continue  # a store that can't be read now is tried again; the views say what is wrong
            version = found
            if news:
                seq = news[-1].seq
                self._post(StoreChanged(frozenset(str(item.topic) for item in news)))

    def _begin(self) -> tuple[int, int]:
        """The newest change and the version of the store before anybody reads it."""
        seq, version = 0, -1
        with contextlib.suppress(StoreError), self._workspace.store.read() as db:
            seq = changes.latest(db)
        self._post(StoreChanged(frozenset(changes.Topic)))
        return seq, version
