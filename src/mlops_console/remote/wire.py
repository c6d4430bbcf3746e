"""Messages between home and a stage on a Dask worker: on a Dask queue in each direction, in order, none twice."""

import errno
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client, Queue

from mlops_console.core.errors import MlopsError
from mlops_console.store.objects import Objects

PIECE = 1 << 20  # bytes of content in one message
_MOST = 16  # messages that wait to be taken
_SHORT, _LOOK = 0.001, 0.1  # seconds between two looks at a queue, at first and in the end


class LineError(MlopsError):
    """The Dask scheduler, through which all messages go, can't be reached."""


@dataclass(frozen=True, slots=True)
class Message:
    """`facts` are anything that JSON can hold."""

    kind: str
    sender: str
    facts: dict[str, Any]
    content: bytes = b""


class Line:
    """One direction of messages.

    Args:
        sender: who writes here; "" for one who only reads.
        meanwhile: called while there is nothing to do but wait. It may raise, to give up.
    """

    def __init__(self, client: Client, name: str, sender: str, meanwhile: Callable[[], None]) -> None:
        self._client = client
        self._sender = sender
        self._meanwhile = meanwhile
        self._taken: deque[Message] = deque()
        self._queue = self._asked(lambda: Queue(name, client=client))

    def put(self, kind: str, content: bytes = b"", **facts: Any) -> None:
        """Send a message, as soon as there is room."""
        self._wait(lambda: self._asked(self._queue.qsize) < _MOST)
        self.put_at_once(kind, content, **facts)

    def put_at_once(self, kind: str, content: bytes = b"", **facts: Any) -> None:
        self._asked(lambda: self._queue.put([kind, self._sender, json.dumps(facts), content]))

    def take(self) -> Message:
        """The next message, as soon as there is one."""
        self._wait(lambda: bool(self.arrived()))
        return self._taken.popleft()

    def put_back(self, message: Message) -> None:
        """Have this one as the next."""
        self._taken.appendleft(message)

    def arrived(self) -> deque[Message]:
        """The messages that have come and are not taken yet."""
        if not self._taken:
            for kind, sender, facts, content in self._asked(lambda: self._queue.get(batch=True)):
                self._taken.append(Message(kind, sender, json.loads(facts), content))
        return self._taken

    def put_objects(self, files: Mapping[str, Path]) -> int:
        """Send the content of files, by their SHA-256, one behind the other; how many bytes that were.

        Raises:
            OSError: one can't be read, or is shorter than it was.
        """
        sizes = {sha256: path.stat().st_size for sha256, path in files.items()}
        self.put("objects", sizes=sizes)
        waiting = b""
        for sha256, path in files.items():
            with path.open("rb") as file:
                left = sizes[sha256]
                while left:
                    block = file.read(min(left, PIECE - len(waiting)))
                    if not block:
                        raise OSError(errno.EIO, "it has become shorter while it was read", str(path))
                    left -= len(block)
                    waiting += block
                    if len(waiting) == PIECE:
                        self.put("piece", waiting)
                        waiting = b""
        if waiting:
            self.put("piece", waiting)
        return sum(sizes.values())

    def close(self) -> None:
        """Let the scheduler forget what nobody will take."""
        self._asked(self._queue.close)

    def _wait(self, is_so: Callable[[], bool]) -> None:
        pause = _SHORT
        while not is_so():
            self._meanwhile()
            time.sleep(pause)
            pause = min(2 * pause, _LOOK)

    def _asked(self, ask: "Callable[[], Any]") -> Any:
        if self._client.status != "running":
            raise LineError("The Dask scheduler does not answer any more.")
        try:
            return ask()
        except (OSError, RuntimeError, CancelledError) as error:  # a closed connection is any of these to Dask
            raise LineError("The Dask scheduler does not answer any more.") from error


def take_objects(objects: Objects, sizes: Mapping[str, int], take: Callable[[], Message]) -> None:
    """Keep the objects that a message of kind `objects` has announced, from the pieces that `take` gives.

    Raises:
        StoreError: one has another content.
        OSError: the disk is full.
    """
    waiting = b""

    def content(left: int) -> Iterator[bytes]:
        nonlocal waiting
        while left:
            block = waiting or take().content
            waiting = block[left:]
            yield block[:left]
            left -= min(left, len(block))

    for sha256, size in sizes.items():
        objects.put_pieces(sha256, content(size))
