"""A receiver of webhooks that does as it is told: one word for each request."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """`script`: what it answers, "200" when that is used up; "hang" until the test ends, "close" without an answer."""

    script: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/T0KEN"

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    @property
    def keys(self) -> list[str]:
        return [headers["idempotency-key"] for headers in self.headers]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["content-length"]))
        word = receiver.script.pop(0) if receiver.script else "200"
        receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
        receiver.bodies.append(body)
        if word == "hang":
            receiver.ended.wait(30)
        if word in ("hang", "close"):
            self.close_connection = True
            return
        if word == "drip":  # an endless answer
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * 5_000)
            return
        self.send_response(int(word))
        self.send_header("Location", "file:///etc/passwd")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def receiving(*script: str) -> Iterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver(list(script))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.receiver = receiver  # type: ignore[attr-defined]
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
