"""A load of keep-alive clients in a process of its own, each asking again as soon as it is answered."""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized

CLIENTS = 8
_RETRY = 0.005  # seconds after a connection was refused


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: when it was sent and answered (on the monotonic clock of the machine), and the revision, or "" for a
    failure."""

    sent: float
    at: float
    revision: str


@dataclass(slots=True)
class Load:
    """The answers are there once the `with` of `load` has ended."""

    answers: list[Answer] = field(default_factory=list)
    count: "Synchronized[int] | None" = None

    def so_far(self) -> int:
        """How many answers there are by now."""
        return self.count.value if self.count is not None else len(self.answers)

    @property
    def failed(self) -> int:
        return sum(answer.revision == "" for answer in self.answers)

    @property
    def per_second(self) -> float:
        return len(self.answers) / (self.answers[-1].at - self.answers[0].at)

    def last(self, revision: str, since: float, until: float) -> float:
        """When the last answer of a revision came in this span; `since` if none did."""
        return max((a.at for a in self.answers if since < a.at < until and a.revision == revision), default=since)

    def first(self, revision: str, since: float) -> float:
        return min(a.at for a in self.answers if a.at > since and a.revision == revision)


@contextmanager
def load(port: int, body: bytes) -> Iterator[Load]:
    """Send `body` to /invocations of a local port from 8 clients while the `with` lasts."""
    count = multiprocessing.get_context("spawn").Value("q", 0)
    found = Load(count=count)
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(port, body, theirs, count), daemon=True)
    process.start()
    try:
        ours.recv()  # it has begun
        yield found
        ours.send("stop")
        found.answers.extend(Answer(*answer) for answer in ours.recv())
    finally:
        process.terminate()
        process.join()


def _run(port: int, body: bytes, pipe: Connection, count: "Synchronized[int]") -> None:
    pipe.send("begun")
    pipe.send(asyncio.run(_ask_until_stopped(port, body, pipe, count)))
    pipe.recv()  # the other side has read it and ends this process


async def _ask_until_stopped(
    port: int, body: bytes, pipe: Connection, count: "Synchronized[int]"
) -> list[tuple[float, float, str]]:
    head = f"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    answers: list[tuple[float, float, str]] = []
    clients = [asyncio.create_task(_ask(port, head.encode() + body, answers, count)) for _ in range(CLIENTS)]
    await asyncio.to_thread(pipe.recv)
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    return sorted(answers, key=lambda answer: answer[1])


async def _ask(port: int, request: bytes, answers: list[tuple[float, float, str]], count: "Synchronized[int]") -> None:
    while True:
        sent = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while True:
                sent = time.monotonic()
                writer.write(request)
                revision = await _read(reader)
                answers.append((sent, time.monotonic(), revision))
                count.value = len(answers)
        except (OSError, asyncio.IncompleteReadError):
            answers.append((sent, time.monotonic(), ""))
            await asyncio.sleep(_RETRY)


async def _read(reader: asyncio.StreamReader) -> str:
    """The X-Revision of an answer, "" if it is not a good one."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    await reader.readexactly(int(headers["content-length"]))
    return headers.get("x-revision", "") if " 200 " in lines[0] else ""
