"""A coroutine that has most likely nothing to wait for: whoever does not wait needs no timer."""

from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Begun(Generic[T]):
    """A coroutine that runs already. `result` is what it gave where it did not wait, else None: then await it, once."""

    __slots__ = ("_coroutine", "_waits_for", "result")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self.result: T | None = None
        self._coroutine = coroutine
        try:
            self._waits_for = coroutine.send(None)
        except StopIteration as done:
            self.result = done.value

    def __await__(self) -> Generator[Any, Any, T]:
        waits_for = self._waits_for
        try:
            while True:
                try:
                    sent = yield waits_for
                except BaseException as error:  # noqa: BLE001 - whatever it is, it is meant for the coroutine
                    waits_for = self._coroutine.throw(error)
                else:
                    waits_for = self._coroutine.send(sent)
        except StopIteration as done:
            result: T = done.value
            return result
