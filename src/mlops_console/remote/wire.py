"""Messages between home and a stage on a Dask worker: on a Dask queue in each direction, in order, none twice."""

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client, Queue

from mlops_console.core.errors import MlopsError

PIECE = 1 << 20  # bytes of content in one message
_MOST = 16  # messages that wait to be taken
_LOOK = 0.1  # seconds between two looks at a queue


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
        while self._asked(self._queue.qsize) >= _MOST:
            self._meanwhile()
            time.sleep(_LOOK)
        self.put_at_once(kind, content, **facts)

    def put_at_once(self, kind: str, content: bytes = b"", **facts: Any) -> None:
        self._asked(lambda: self._queue.put([kind, self._sender, json.dumps(facts), content]))

    def take(self) -> Message:
        """The next message, as soon as there is one."""
        while not self.arrived():
            self._meanwhile()
            time.sleep(_LOOK)
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

    def put_file(self, sha256: str, path: Path) -> int:
        """Send the content of a file; its bytes."""
        sent = 0
        self.put("content", sha256=sha256)
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                self.put("piece", piece)
                sent += len(piece)
        self.put("end")
        return sent

    def close(self) -> None:
        """Let the scheduler forget what nobody will take."""
        self._asked(self._queue.close)

    def _asked(self, ask: "Callable[[], Any]") -> Any:
        if self._client.status != "running":
            raise LineError("The Dask scheduler does not answer any more.")
        try:
            return ask()
        except (OSError, RuntimeError, CancelledError) as error:  # a closed connection is any of these to Dask
            raise LineError("The Dask scheduler does not answer any more.") from error


def pieces(take: Callable[[], Message]) -> Iterator[bytes]:
    """The content that a message of kind `content` has announced."""
    while (message := take()).kind == "piece":
        yield message.content
