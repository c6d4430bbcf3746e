"""The short way for requests that are answered at once: whatever comes, and in whatever pieces, the answers are those
of the long way."""

import asyncio
import itertools
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from mlops_console.serving import quick
from mlops_console.serving.http_server import HttpServer
from mlops_console.serving.quick import Connection, http_config
from tests.serving.test_http_server import listening, until_started

ANSWER = re.compile(rb"HTTP/1\.1 (\d+) [^\r]*\r\n((?:[^\r]+\r\n)*)\r\n")


class Echo:
    """Says what it was asked, and which way it came; what begins with `slow` can't be answered at once."""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        head, content = told(scope["path"], body, b"long")
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": content})

    def at_once(
        self, path: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[list[tuple[bytes, bytes]], bytes] | None:
        if body.startswith(b"slow"):
            return None
        if body.startswith(b"odd"):
            raise ZeroDivisionError
        head, content = told(path, body, b"short")
        return [*head, *((name, value) for name, value in headers if name.startswith(b"x-"))], content


def told(path: str, body: bytes, way: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    content = path.encode() + b" " + body
    return [(b"content-length", str(len(content)).encode()), (b"way", way)], content


def post(body: bytes, path: bytes = b"/a", more: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (path, more, len(body), body)


def chunked(body: bytes) -> bytes:
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks


GET = b"GET /g HTTP/1.1\r\nHost: x\r\n\r\n"
GET_WITH_BODY = b"GET /g HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


def answers(content: bytes) -> list[tuple[bytes, bytes]]:
    """What was answered, and by which way, in order."""
    found, at = [], 0
    while match := ANSWER.match(content, at):
        assert match[1] == b"200"
        fields = dict(line.split(b": ", 1) for line in match[2].lower().splitlines())
        end = match.end() + int(fields[b"content-length"])
        found.append((content[match.end() : end], fields[b"way"]))
        at = end
    assert at == len(content)
    return found


async def send(connection: Connection, piece: bytes) -> None:
    """Let it read a piece before the next one comes."""
    connection.data_received(piece)
    await asyncio.sleep(0)


def converse(
    talk: Callable[[Connection, asyncio.StreamReader], Awaitable[None]], application: Echo | None = None
) -> None:
    """Let `talk` send pieces to a connection, and read what it answers."""

    async def run() -> None:
        config, state = http_config(application or Echo(), 1.0), ServerState()
        config.load()
        taken: list[Connection] = []

        def connection() -> Connection:
            taken.append(Connection(config, state, {}))
            return taken[0]

        loop = asyncio.get_running_loop()
        server = await loop.create_server(connection, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        while not taken or taken[0].transport is None:
            await asyncio.sleep(0)

        async with asyncio.timeout(20):
            await talk(taken[0], reader)
        writer.close()
        server.close()

    asyncio.run(run())


def ask(pieces: Iterable[bytes], expected: int) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []

    async def talk(connection: Connection, reader: asyncio.StreamReader) -> None:
        for piece in pieces:
            await send(connection, piece)
        content = b""
        while content.count(b"HTTP/1.1 200") < expected:
            content += await reader.read(65_536)
        found.extend(answers(content))

    converse(talk)
    return found


def test_a_post_that_has_come_whole_is_answered_at_once() -> None:
    assert ask([post(b"1")], 1) == [(b"/a 1", b"short")]


def test_so_is_one_whose_body_comes_by_itself() -> None:
    head, body = post(b"12345")[:-5], b"12345"
    assert ask([head, body], 1) == [(b"/a 12345", b"short")]


def test_the_rest_of_a_body_is_not_waited_for_long() -> None:
    found: list[tuple[bytes, bytes]] = []

    async def talk(connection: Connection, reader: asyncio.StreamReader) -> None:
        await send(connection, post(b"12345")[:-1])
        while connection._held is not None:
            await asyncio.sleep(0.001)
        await send(connection, b"5")
        content = b""
        while not content.endswith(b"5"):
            content += await reader.read(65_536)
        found.extend(answers(content))

    converse(talk)
    assert found == [(b"/a 12345", b"long")]


def test_a_head_that_is_known_is_answered_with_the_body_of_the_new_request() -> None:
    bodies = [b"1", b"2", b"3", b"22", b"4", b"slow", b"fast", b"5"]
    found = ask([post(body) for body in bodies], len(bodies))
    assert [content for content, _ in found] == [b"/a " + body for body in bodies]
    assert [way for _, way in found] == [b"short"] * 5 + [b"long"] + [b"short"] * 2


@pytest.mark.parametrize(
    "request_",
    [
        GET,
        chunked(b"slow"),
        post(b"slow"),
        post(b"1", b"/%61"),
        post(b"1" * (quick._MOST_HELD + 1)),
        post(b"1", more=b"Expect: 100-continue\r\n"),
    ],
)
def test_all_else_goes_the_long_way(request_: bytes) -> None:
    async def talk(connection: Connection, reader: asyncio.StreamReader) -> None:
        await send(connection, request_)
        content = b""
        while b"way: long" not in content:
            content += await reader.read(65_536)

    converse(talk)


@pytest.mark.parametrize(
    "line", [b"POST /a HTTP/1.0\r\nConnection: keep-alive", b"POST /a HTTP/1.1\r\nConnection: close"]
)
def test_who_asks_for_no_more_is_hung_up_on(line: bytes) -> None:
    content = b""

    async def talk(connection: Connection, reader: asyncio.StreamReader) -> None:
        nonlocal content
        await send(connection, line + b"\r\nHost: x\r\nContent-Length: 1\r\n\r\n1")
        content = await reader.read()

    converse(talk)
    assert b"way: long" in content
    assert b"connection: close" in content


REQUESTS = st.lists(
    st.one_of(
        st.binary(max_size=3).map(post),
        st.just(post(b"same")),
        st.just(post(b"slow")),
        st.just(post(b"q", b"/a?b=c")),
        st.binary(min_size=1, max_size=9).map(chunked),
        st.just(chunked(b"0\r\n\r\n")),  # its content looks like the end of its framing
        st.just(GET),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(REQUESTS, st.data())
def test_any_requests_in_any_pieces_get_their_answers_in_order(requests: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(requests)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12).map(sorted))
    whole = [b"".join(requests[:count]) for count in range(len(requests))]
    edges = sorted({0, len(stream), *cuts, *data.draw(st.lists(st.sampled_from([len(part) for part in whole])))})
    pieces = [stream[start:end] for start, end in itertools.pairwise(edges)]
    assert [content for content, _ in ask(pieces, len(requests))] == [_expected(request) for request in requests]


def _expected(request: bytes) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    path = head.split(b" ")[1].partition(b"?")[0]
    if b"chunked" in head:
        length, _, rest = body.partition(b"\r\n")
        body = rest[: int(length, 16)]
    return path + b" " + body


def test_a_connection_in_use_stays_open_and_an_idle_one_does_not() -> None:
    """Also where each request is of a known head, which uvicorn's own timer does not see."""

    async def talk(connection: Connection, reader: asyncio.StreamReader) -> None:
        connection.timeout_keep_alive = 0.5  # type: ignore[assignment]
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while loop.time() - begun < 1.2:
            await send(connection, post(b"1"))
            assert await reader.read(65_536)
            await asyncio.sleep(0.05)
        assert await reader.read() == b""  # it is closed in the end

    converse(talk)


def test_a_request_under_way_is_no_idle_connection() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Echo):
        async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
            begun.set()
            await go_on.wait()
            await super().__call__(scope, receive, send)

    async def talk(connection: Connection, reader: asyncio.StreamReader) -> None:
        connection.timeout_keep_alive = 0  # type: ignore[assignment]
        await send(connection, post(b"1") + GET)
        await begun.wait()
        for _ in range(20):  # turns of the loop, in which an idle one would be closed
            await asyncio.sleep(0)
        go_on.set()
        content = b""
        while b"/g " not in content:
            found = await reader.read(65_536)
            assert found
            content += found

    converse(talk, Slow())


def test_what_is_held_after_an_answer_in_the_same_piece_is_let_go_too() -> None:
    async def talk(connection: Connection, reader: asyncio.StreamReader) -> None:
        await send(connection, post(b"1") + post(b"12345")[:-1])
        while connection._held is not None:
            await asyncio.sleep(0.001)
        await send(connection, b"5")
        content = b""
        while b"/a 12345" not in content:
            content += await reader.read(65_536)
        assert answers(content) == [(b"/a 1", b"short"), (b"/a 12345", b"long")]

    converse(talk)


def test_a_head_that_came_with_the_next_one_is_not_known() -> None:
    """The next one's length is such that the same bytes once more look like the first request: they are its body."""
    first, length = post(b"x" * 40), 0
    for _ in range(3):  # the length is in the head, whose length is in it
        head = post(b"y" * length)[: -length or None]
        length = 40 + len(head)
    piece = first + head
    assert len(piece) - first.index(b"\r\n\r\n") - 4 == length
    assert _talked([piece, piece], 2) == [b"/a " + b"x" * 40, b"/a " + piece[:length]]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"POST /a HTTP/1.1\r\nX-Name: one\r\nX-B: ", GET_WITH_BODY, GET_WITH_BODY], [b"/a {}", b"/g {}"]),
        ([post(b"12345")[:-8], post(b"12345")[-8:], post(b"12345")[-8:]], [b"/a 12345"]),
    ],
    ids=["its end is a request", "its end is a line end"],
)
def test_no_head_is_known_that_was_not_one_piece(pieces: list[bytes], expected: list[bytes]) -> None:
    assert _talked(pieces, len(expected)) == expected


def _talked(pieces: list[bytes], expected: int) -> list[bytes]:
    """So many answers, before what follows is found to be no request."""
    found: list[bytes] = []

    async def talk(connection: Connection, reader: asyncio.StreamReader) -> None:
        for piece in pieces:
            await send(connection, piece)
        content = b""
        while content.count(b"HTTP/1.1 ") < expected:
            content += await reader.read(65_536)
        found.extend(body for body, _ in answers(content.partition(b"HTTP/1.1 400")[0]))

    converse(talk)
    return found


def test_a_trailer_is_no_header() -> None:
    async def talk(connection: Connection, reader: asyncio.StreamReader) -> None:
        await send(connection, chunked(b"1")[:-2] + b"X-Name: late\r\n\r\n")
        content = b""
        while b"/c 1" not in content:
            content += await reader.read(65_536)
        assert b"late" not in content

    converse(talk)


def test_what_fails_at_once_is_asked_the_long_way() -> None:
    assert ask([post(b"1"), post(b"odd"), post(b"odd")], 3) == [
        (b"/a 1", b"short"),
        (b"/a odd", b"long"),
        (b"/a odd", b"long"),
    ]


@pytest.mark.parametrize("request_", [post(b"1"), post(b"slow")])
def test_who_sends_thousands_at_once_leaves_others_their_turn(request_: bytes) -> None:
    count = 3_000

    async def talk(connection: Connection, reader: asyncio.StreamReader) -> None:
        loop, turns, content = asyncio.get_running_loop(), 0, bytearray()

        def turn() -> None:
            nonlocal turns
            turns += 1
            loop.call_soon(turn)

        loop.call_soon(turn)
        connection.data_received(request_ * count)
        assert not connection.transport.is_reading()
        while content.count(b"HTTP/1.1 200") < count:
            content += await reader.read(1_000_000)
        assert turns >= len(request_) * count / 16_384
        while not connection.transport.is_reading():
            await asyncio.sleep(0)

    converse(talk)


def test_a_server_that_is_stopped_between_the_head_and_the_body_answers_still() -> None:
    async def run() -> bytes:
        listener = listening()
        server = HttpServer(Echo(), listener, 1.0)
        answering = asyncio.create_task(server.answer())
        await until_started(server)
        client = socket.create_connection(listener.getsockname())
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(client, post(b"1"))
        first = await loop.sock_recv(client, 65_536)
        assert b"way: short" in first
        ending = asyncio.create_task(server.shutdown())
        await loop.sock_sendall(client, post(b"2")[:-1])
        await asyncio.sleep(0)
        await loop.sock_sendall(client, b"2")
        async with asyncio.timeout(10):
            content = await loop.sock_recv(client, 65_536)
            await ending
        client.close()
        answering.cancel()
        return content

    found = asyncio.run(run())
    assert b"connection: close" in found
    assert found.endswith(b"/a 2")
