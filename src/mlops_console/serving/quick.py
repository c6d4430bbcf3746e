"""A short way for requests that are answered at once: a task, its events and its messages, as uvicorn has them for each
request, take longer than a small model does."""

import asyncio
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import uvicorn
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from mlops_console.serving.connection import BoundedConnection

CLOSING = (b"connection", b"close")  # among the default headers of a server that is being stopped
BACKLOG = 2048  # connections that wait to be accepted
_KEEP_ALIVE = 75  # seconds that an idle connection stays open
_HOLD_TIME = 0.01  # seconds for the rest of a request whose head has come: many clients send the body by itself
_MOST_HELD = 64 * 1024  # bytes of its body


class _Known(NamedTuple):
    """The head of a request that was answered at once. `length`: of the whole request, in bytes."""

    head: bytes
    length: int
    path: str
    headers: list[tuple[bytes, bytes]]


class Connection(BoundedConnection):
    """Gives a POST to the application's `at_once` as soon as its body is there; what that does not answer, and all
    else, goes uvicorn's way.

    Most clients send the same head again and again: what was read of the last one is not read anew.
    """

    _held: bytes | None = None  # the body, so far, of a request that has not gone uvicorn's way yet
    _holding: asyncio.TimerHandle | None = None
    _known: _Known | None = None
    _begun = 0  # requests in the piece that is read
    _is_between = True  # two requests: nothing of the next one has come
    _last_path: str | None = None  # of what was answered at once in it
    _answered_at = 0.0  # when that was last, by the loop's clock

    def __init__(self, config: Config, *args: Any, **named: Any) -> None:
        super().__init__(config, *args, **named)
        self._at_once = getattr(self.app, "at_once", None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_holding()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if self._held is not None:
            self._let_go()
        super().shutdown()

    def read(self, data: bytes) -> None:
        known, self._known = self._known, None
        if known is not None and self._is_answered_as_before(known, data):
            self._known = known
            return
        was_between, self._begun, self._last_path = self._is_between, 0, None
        super().read(data)
        if self._last_path is not None and was_between and self._begun == 1 and self._is_between:
            self._known = _known(data, self._last_path, self.headers)
        if self._held is not None and self._holding is None:
            self._holding = self.loop.call_later(_HOLD_TIME, self._let_go)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun += 1
        self._is_between = False

    def on_message_complete(self) -> None:
        self._is_between = True
        super().on_message_complete()

    def begin_request(self) -> None:
        self._unset_keepalive_if_required()  # that of an answer in the same piece
        if self._is_worth_holding:
            self._held = b""
        else:
            super().begin_request()

    def take_body(self, body: bytes) -> None:
        if self._held is None:
            super().take_body(body)
            return
        self._held += body
        if len(self._held) > _MOST_HELD:
            self._let_go()

    def end_request(self) -> None:
        if self._held is not None:
            path = self.url.partition(b"?")[0].decode()
            if self._is_answered(path, self.headers, self._held):
                self._stop_holding()
                self._last_path = path
                self.on_response_complete()
                return
            self._let_go()
        super().end_request()

    def timeout_keep_alive_handler(self) -> None:
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    @property
    def _is_worth_holding(self) -> bool:
        parser = self.parser
        return (
            self._at_once is not None
            and parser.get_method() == b"POST"
            and (self.cycle is None or self.cycle.response_complete)
            and not self.expect_100_continue
            and parser.should_keep_alive()
            and parser.get_http_version() == "1.1"
            and self.url.startswith(b"/")
            and self.url.isascii()
            and not (b"%" in self.url or b"#" in self.url)  # uvicorn knows what they mean
        )

    def _is_answered_as_before(self, known: _Known, data: bytes) -> bool:
        return (
            len(data) == known.length
            and data.startswith(known.head)
            and self._is_answered(known.path, known.headers, data[len(known.head) :])
        )

    def _is_answered(self, path: str, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        if self.flow.write_paused or self.transport.is_closing() or CLOSING in self.server_state.default_headers:
            return False
        assert self._at_once is not None
        try:
            answer = self._at_once(path, headers, body)
        except Exception:  # noqa: BLE001 - as uvicorn does around an application: the long way meets it too, and tells it
            return False
        if answer is None:
            return False
        self._write(*answer)
        self._answered_at = self.loop.time()
        return True

    def _write(self, head: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """A good answer, by an application that writes no line ends into its headers."""
        lines = [b"%b: %b\r\n" % pair for pair in (*self.server_state.default_headers, *head)]
        self.transport.write(b"".join((STATUS_LINE[200], *lines, b"\r\n", body)))

    def _let_go(self) -> None:
        """Send a request uvicorn's way after all, with what has come of its body."""
        body = self._held
        self._stop_holding()
        super().begin_request()
        if body:
            super().take_body(body)

    def _stop_holding(self) -> None:
        self._held = None
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None


def _known(data: bytes, path: str, headers: list[tuple[bytes, bytes]]) -> _Known | None:
    """What is to be known of a request that is all of the data; None where its framing is more than a length."""
    end = data.find(b"\r\n\r\n") + 4
    if end < 4 or (b"content-length", b"%d" % (len(data) - end)) not in headers:
        return None
    return _Known(data[:end], len(data), path, headers)


def http_config(
    application: Any, drain: float, certificate: str | None = None, key: str | None = None
) -> uvicorn.Config:
    """How uvicorn serves an application of ours.

    Args:
        drain: seconds for the requests under way when the server is stopped.
        certificate, key: files for TLS.
    """
    return uvicorn.Config(
        application,
        http=Connection,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        backlog=BACKLOG,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=math.ceil(drain),
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
