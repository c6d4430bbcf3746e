"""Requests as fast as a server answers them: 8 keep-alive clients in one process of their own, on bare sockets.

A client in asyncio needs more of the processor than the servers that are measured here.
"""

import multiprocessing
import selectors
import socket
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

CLIENTS = 8
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Hammered:
    """`seconds` from the first request to the last answer; `failed` are answers other than 200, and broken lines;
    `median` and `p99` are latencies in seconds."""

    requests: int
    failed: int
    seconds: float
    median: float
    p99: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def hammer(port: int, path: str, body: bytes, seconds: float, headers: str = "") -> Hammered:
    """Ask a local port for so long, each client again as soon as it is answered."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(port, request(path, body, headers), seconds, theirs), daemon=True)
    process.start()
    try:
        found: Hammered = ours.recv()
        return found
    finally:
        process.join()


def request(path: str, body: bytes, headers: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _run(port: int, content: bytes, seconds: float, pipe: Connection) -> None:
    selector = selectors.DefaultSelector()
    sent: dict[socket.socket, float] = {}
    for _ in range(CLIENTS):
        client = socket.create_connection(("127.0.0.1", port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(client, selectors.EVENT_READ)
    begun = time.perf_counter()
    for key in selector.get_map().values():
        client = key.fileobj  # type: ignore[assignment]
        sent[client] = time.perf_counter()
        client.sendall(content)
    took: list[float] = []
    failed = 0
    end = begun + seconds
    while sent:
        for key, _ in selector.select(5):
            client = key.fileobj  # type: ignore[assignment]
            failed += not _answered(client)
            now = time.perf_counter()
            took.append(now - sent.pop(client))
            if now < end:
                sent[client] = now
                client.sendall(content)
    took.sort()
    pipe.send(
        Hammered(len(took), failed, time.perf_counter() - begun, took[len(took) // 2], took[int(len(took) * 0.99)])
    )


def _answered(client: socket.socket) -> bool:
    """Read one answer to its end; whether it is a good one."""
    content = client.recv(_CHUNK)
    while (end := content.find(b"\r\n\r\n")) < 0:
        content += client.recv(_CHUNK)
    at = content.lower().index(b"content-length: ") + len(b"content-length: ")
    left = end + 4 + int(content[at : content.index(b"\r\n", at)]) - len(content)
    while left > 0:
        left -= len(client.recv(left))
    return content.startswith(b"HTTP/1.1 200")
