"""One HTTP connection: uvicorn's, with bounds on what a client may send, on the time that it may take, and on the time
that others have to wait for it."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from array import array

MOST_HEAD = 64 * 1024  # bytes of a request that are not its body: its line, headers and trailers
_CHUNK_HEAD = 64  # bytes that the size of each chunk of a body may take besides
_HEAD_TIME = 30.0  # seconds for it to come, and for the first one of a connection to begin
_AT_ONCE = 16 * 1024  # bytes that are read before others get their turn: some hundred small requests
_READ_TIME = 30.0  # seconds in which a client must take some of an answer that waits for it


class _Parser(httptools.HttpRequestParser):
    """Reads on where a request asks for another protocol: httptools takes what follows its head for that.

    Args:
        ordinary_head: gives the head that it has just read anew, without the question.
    """

    def __init__(self, connection: "BoundedConnection", ordinary_head: Callable[[], bytes]) -> None:
        self._connection = connection
        self._ordinary_head = ordinary_head
        self._begin()

    def _begin(self) -> None:
        super().__init__(self._connection)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does: requests may be pipelined

    def feed_data(self, data: "bytes | bytearray | memoryview[int] | array[int]") -> None:
        while True:
            try:
                super().feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = memoryview(data)[upgrade.args[0] :]
            head = self._ordinary_head()
            self._begin()
            super().feed_data(head)


class _Flow(FlowControl):
    """uvicorn reads on as soon as an application asks for a body, whatever else has come already."""

    def __init__(self, transport: asyncio.Transport, may_read: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._may_read = may_read

    def resume_reading(self) -> None:
        if self._may_read():
            super().resume_reading()


class BoundedConnection(HttpToolsProtocol):
    """Closes on a client that sends headers or trailers without an end, or headers endlessly slowly, or that reads no
    answers. Who asks for another protocol (`Upgrade`) is answered in this one, as RFC 9110 lets a server do."""

    _beside_body = 0  # bytes of the request so far
    _in_head = False
    _rest = memoryview(b"")  # what has come and is not read yet
    _reading: asyncio.Handle | None = None
    _timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None

    def __init__(self, config: Config, *args: Any, **named: Any) -> None:
        super().__init__(config, *args, **named)
        self.parser = _Parser(self, self._ordinary_head)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _Flow(transport, lambda: not self._rest and not self.pipeline)
        self._timer = self.loop.call_later(_HEAD_TIME, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_read_timer()
        self._rest = memoryview(b"")
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        self._stop_read_timer()
        super().resume_writing()

    def _watch_reader(self, before: int | None = None) -> None:
        """Hang up where the client has taken nothing since the last look."""
        left = self.transport.get_write_buffer_size()
        if before is not None and left >= before:
            self.transport.abort()
            return
        self._read_timer = self.loop.call_later(_READ_TIME, self._watch_reader, left)

    def data_received(self, data: bytes) -> None:
        if not self._rest and len(data) <= _AT_ONCE:
            self.read(data)
            return
        self._rest = memoryview(bytes(self._rest) + data)
        self.flow.pause_reading()
        self._read_on()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._read_on()

    def _read_on(self) -> None:
        """Read what has come, piece by piece, as soon as all before it is answered or under way."""
        if self._rest and not self.pipeline and self._reading is None:
            self._reading = self.loop.call_soon(self._read_piece)

    def _read_piece(self) -> None:
        self._reading = None
        piece, self._rest = bytes(self._rest[:_AT_ONCE]), self._rest[_AT_ONCE:]
        if piece and not self.transport.is_closing():
            self.read(piece)
            self._read_on()
            self.flow.resume_reading()

    def read(self, data: bytes) -> None:
        """Some of what the client sends."""
        self._beside_body += len(data)
        super().data_received(data)
        if self._in_head and self._timer is None:
            self._timer = self.loop.call_later(_HEAD_TIME, self.transport.close)
        if self._beside_body <= MOST_HEAD or self.transport.is_closing():
            return
        if self._in_head:
            self.send_400_response(f"The request's head is larger than {MOST_HEAD} bytes.")
        else:  # trailers, or what comes with the sizes of chunks: there may be an answer already
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._beside_body = True, 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_timer()
        if not self._asks_for_another_protocol:  # else its ordinary head comes next
            self.begin_request()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # a trailer is no header (RFC 9110, section 6.5.1)
            super().on_header(name, value)

    def on_chunk_header(self) -> None:
        self._beside_body -= _CHUNK_HEAD

    def on_body(self, body: bytes) -> None:
        self._beside_body -= len(body)
        self.take_body(body)

    def on_message_complete(self) -> None:
        if not self._asks_for_another_protocol:
            self.end_request()

    def begin_request(self) -> None:
        """The head has been read."""
        super().on_headers_complete()

    def take_body(self, body: bytes) -> None:
        """Some of the body has come."""
        super().on_body(body)

    def end_request(self) -> None:
        """The whole request has come."""
        super().on_message_complete()

    @property
    def _asks_for_another_protocol(self) -> bool:
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _ordinary_head(self) -> bytes:
        """What has been read of a request, without its `Upgrade`."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _stop_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
