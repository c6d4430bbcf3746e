"""What holds for every path: gzip, request ids, heads that are too long, methods."""

import asyncio
import gzip
import json
import socket
from typing import Any

import httpx
import pytest
from uvicorn.server import ServerState

from mlops_console.core.deployments import ServerSettings
from mlops_console.serving import connection
from mlops_console.serving.application import PATHS
from mlops_console.serving.connection import MOST_HEAD
from mlops_console.serving.errors import WrongPathError
from mlops_console.serving.quick import Connection, http_config
from mlops_console.store import deploying
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import ROW, Server, add_constant, error_of, serving
from tests.support import free_port

CONTENT = json.dumps({"dataframe_records": [ROW]}).encode()


def test_gzip_both_ways(client: httpx.Client) -> None:
    many = json.dumps({"dataframe_records": [ROW] * 1000}).encode()
    answer = client.post("/invocations", content=gzip.compress(many), headers={"Content-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.json()["predictions"]) == 1000
    plain = client.post("/invocations", content=many, headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == answer.json()


def test_bad_encodings(client: httpx.Client) -> None:
    for content, encoding, sentence in (
        (CONTENT, "gzip", "The body is not gzip, though Content-Encoding says so."),
        (gzip.compress(CONTENT)[:-4], "gzip", "The gzip body ends too early."),
        (CONTENT, "br", "The body's Content-Encoding is not known; gzip is."),
    ):
        answer = client.post("/invocations", content=content, headers={"Content-Encoding": encoding})
        assert (answer.status_code, error_of(answer)) == (400, sentence)


def test_a_gzip_bomb_is_unpacked_no_further_than_the_limit(client: httpx.Client) -> None:
    bomb = gzip.compress(b" " * 200_000_000, 1)
    answer = client.post("/invocations", content=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413


def test_request_ids(client: httpx.Client) -> None:
    given = client.post("/invocations", content=CONTENT, headers={"X-Request-Id": "order-7:a"})
    assert given.headers["x-request-id"] == "order-7:a"
    made = [client.post("/invocations", content=CONTENT).headers["x-request-id"] for _ in range(2)]
    strange = client.post("/invocations", content=CONTENT, headers={"X-Request-Id": "a b\tc"}).headers["x-request-id"]
    assert len({*made, strange}) == 3
    assert " " not in strange


def test_a_head_that_does_not_end_is_cut_off(fraud_server: Server) -> None:
    port = int(fraud_server.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as endless:
        endless.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n")
        sent = 0
        try:
            while sent < 50 * MOST_HEAD:
                sent += endless.send(b"X-A: " + b"a" * 1000 + b"\r\n")
        except ConnectionError:
            pass
        assert sent < 50 * MOST_HEAD
    assert httpx.get(f"{fraud_server.url}/ping").status_code == 200


@pytest.mark.parametrize("request_line", [b"GET /ping", b"POST /invocations"])
@pytest.mark.parametrize("endless", [b"0\r\n" + b"X: y\r\n" * 1000, b"1;" + b"a" * 10_000])
def test_what_comes_beside_a_body_without_an_end_is_cut_off(
    fraud_server: Server, request_line: bytes, endless: bytes
) -> None:
    """Trailers, and extensions of a chunk."""
    port = int(fraud_server.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(request_line + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + endless)
        sent = 0
        try:
            while sent < 200 * MOST_HEAD:
                sent += client.send(endless[2:])
        except ConnectionError:
            pass
        assert sent < 200 * MOST_HEAD
    assert httpx.get(f"{fraud_server.url}/ping").status_code == 200


def test_a_body_in_ten_thousand_chunks_is_read(fraud_server: Server) -> None:
    port = int(fraud_server.url.rsplit(":", 1)[1])
    padded = CONTENT + b" " * (10_000 - len(CONTENT))
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
        client.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        client.sendall(b"".join(b"1\r\n%c\r\n" % byte for byte in padded) + b"0\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("at_once", [False, True])
def test_a_request_for_another_protocol_is_answered_as_an_ordinary_one(
    fraud_server: Server, protocol: str, chunked: bool, at_once: bool
) -> None:
    """Byte by byte and all at once, and what follows on the same connection too."""
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(CONTENT), CONTENT) if chunked else CONTENT
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(CONTENT)}"
    asked = f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {protocol}\r\nHTTP2-Settings: AAMAAABk\r\n{length}"
    upgrading = f"POST /invocations HTTP/1.1\r\nHost: x\r\nX-Request-Id: one\r\n{asked}\r\n\r\n".encode() + body
    without_body = f"GET /version HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n".encode()
    last = b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    sent = upgrading * 3 + without_body + last
    with socket.create_connection(("127.0.0.1", int(fraud_server.url.rsplit(":", 1)[1])), timeout=20) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in [sent] if at_once else [sent[at : at + 1] for at in range(len(sent))]:
            raw.sendall(part)
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    assert answer.count(b"HTTP/1.1 200 OK") == answer.count(b"HTTP/1.1 ") == 5
    assert answer.count(b'{"predictions":[1]}') == answer.count(b"x-request-id: one") == 3


def test_a_request_that_upgrades_and_closes_is_answered_too(client: httpx.Client) -> None:
    answer = client.post("/invocations", content=CONTENT, headers={"Connection": "Upgrade, close", "Upgrade": "h2c"})
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")


def test_connect_is_refused(fraud_server: Server) -> None:
    with socket.create_connection(("127.0.0.1", int(fraud_server.url.rsplit(":", 1)[1])), timeout=20) as raw:
        raw.sendall(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n")
        assert raw.recv(65_536).startswith(b"HTTP/1.1 400 ")


def test_head_answers_without_a_body(client: httpx.Client) -> None:
    answer = client.head("/ping")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_body_that_comes_byte_by_byte_gets_no_more_time_than_another_one(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        settings = ServerSettings(deadline=1.0)
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", port := free_port(), settings)
    with (
        serving(workspace, add_constant(workspace, 1), port),
        socket.create_connection(("127.0.0.1", port), timeout=0.1) as slow,
    ):
        slow.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        answer = b""
        for _ in range(100):
            try:
                answer = slow.recv(4096)
                break
            except TimeoutError:
                slow.sendall(b" ")
    assert answer.startswith(b"HTTP/1.1 504 ")


def test_a_file_that_is_damaged_is_told_in_one_sentence(workspace: Workspace) -> None:
    with serving(workspace, add_constant(workspace, 1)) as server:
        workspace.predictions_path.write_bytes(b"no database" * 1000)
        answer = httpx.post(f"{server.url}/feedback", json={"id": "a", "label": 1})
        assert (answer.status_code, error_of(answer)) == (503, "The server can't answer this; its log says why.")
    log = (workspace.logs_dir / "server.log").read_text()
    assert "is no SQLite database or is damaged" in log
    assert "Traceback" not in log


def test_a_client_that_reads_no_answers_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        body = b" " * 50_000_000
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def ask() -> None:
        config, state = http_config(answer, 1.0), ServerState()
        config.load()
        lost = asyncio.Event()

        class Watched(Connection):
            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                lost.set()

        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Watched(config, state, {}), "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()) as rude:
            rude.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(10):
                await lost.wait()
        server.close()

    monkeypatch.setattr(connection, "_READ_TIME", 0.05)
    asyncio.run(ask())


def test_no_long_path_is_kept_in_memory() -> None:
    before = PATHS._find.cache_info().currsize
    with pytest.raises(WrongPathError):
        PATHS.find("GET", "/" + "a" * 60_000)
    assert PATHS._find.cache_info().currsize == before
