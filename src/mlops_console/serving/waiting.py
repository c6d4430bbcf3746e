"""How many requests wait for a prediction: looked after while any do, as a scrape may come at any moment."""

import asyncio
from collections.abc import Callable

from mlops_console.serving.engine import Engine

_LOOK = 0.05  # seconds between two looks


class Waiting:
    """Belongs to the event loop's thread.

    Args:
        tell: takes the number, at every look.
    """

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._engines: set[Engine] = set()
        self._looks = False

    def watch(self, engine: Engine) -> None:
        """Requests may wait for this one from now on."""
        self._engines.add(engine)
        if not self._looks:
            self._looks = True
            asyncio.get_running_loop().call_later(_LOOK, self._look)

    def _look(self) -> None:
        waiting = {engine: engine.waiting for engine in self._engines}
        self._tell(sum(waiting.values()))
        self._engines = {engine for engine, requests in waiting.items() if requests}
        self._looks = bool(self._engines)
        if self._looks:
            asyncio.get_running_loop().call_later(_LOOK, self._look)
