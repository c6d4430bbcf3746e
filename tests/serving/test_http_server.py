"""The end of a server: who waits is answered, and who keeps it waiting does not hold it up."""

import asyncio
import shutil
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from mlops_console.serving.http_server import HttpServer
from tests.serving.test_access import make_certificate

ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def listening() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    return listener


def gone(address: tuple[str, int]) -> None:
    """Connect and hang up at once, by a reset."""
    with socket.create_connection(address) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_what_waits_to_be_accepted_is_answered() -> None:
    async def run() -> list[bytes]:
        listener = listening()
        server = HttpServer(answer, listener, 1.0)
        answering = asyncio.create_task(server.answer())
        await until_started(server)
        clients = [socket.create_connection(listener.getsockname()) for _ in range(3)]
        gone(listener.getsockname())
        for client in clients:
            client.sendall(ASK)
        await server.shutdown()
        answers = []
        for client in clients:
            with client:
                answers.append(client.recv(1000))
        answering.cancel()
        return answers

    for found in asyncio.run(run()):
        assert found.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in found


def test_clients_that_say_nothing_do_not_hold_up_its_end(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    certificate, key = make_certificate(tmp_path)

    async def run() -> None:
        listener = listening()
        server = HttpServer(answer, listener, 1.0, certificate, key)
        answering = asyncio.create_task(server.answer())
        await until_started(server)
        silent = [socket.create_connection(listener.getsockname()) for _ in range(2)]
        gone(listener.getsockname())
        async with asyncio.timeout(20):
            await server.shutdown()
        answering.cancel()
        for client in silent:
            client.close()

    asyncio.run(run())


async def until_started(server: HttpServer) -> None:
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.005)
