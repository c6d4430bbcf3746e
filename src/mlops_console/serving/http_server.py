"""uvicorn's server, with an end that costs no client an answer, and certificates that are renewed while it runs."""

import asyncio
import logging
import ssl
from pathlib import Path
from socket import socket

import uvicorn

from mlops_console.serving.connection import http_config

_LEAVE = 1.0  # seconds for a client to come back on a connection that stays open, and be told that it closes

logger = logging.getLogger(__name__)


class HttpServer(uvicorn.Server):
    """Answers on one listening socket, which other processes may share.

    Args:
        drain: seconds for the requests under way when it is stopped.
        certificate, key: files for TLS.
    """

    def __init__(
        self,
        application: object,
        listener: socket,
        drain: float,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        super().__init__(http_config(application, drain, *(str(file) if file else None for file in (certificate, key))))
        self._listener = listener
        self._loaded = _state(certificate, key)

    async def answer(self) -> None:
        """Answer until SIGTERM or SIGINT, or until `should_exit`."""
        await self.serve([self._listener.dup()])  # of which uvloop closes its own

    def renew(self, certificate: Path, key: Path) -> None:
        """Use these files for connections from now on, if they are others or have changed; a pair that doesn't fit,
        as one that is just being written, leaves the old one in use."""
        state = _state(certificate, key)
        if state == self._loaded or self.config.ssl is None:
            return
        self._loaded = state
        try:
            self.config.ssl.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            logger.warning("the certificate in %s is not taken over: %s", certificate, error)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Leave without losing a request: also connections that wait to be accepted get their answers, and those that
        are kept open are closed with an answer, not between two requests."""
        for server in self.servers:
            server.close()
        waiting = _accept_all(self._listener)
        loop = asyncio.get_running_loop()
        for connection in waiting:
            await loop.connect_accepted_socket(self._protocol, connection, ssl=self.config.ssl)
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        try:
            async with asyncio.timeout(_LEAVE):
                while self.server_state.connections:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pass  # those are idle, or slow: uvicorn knows which
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def event_loop() -> asyncio.Runner:
    """What runs it: uvloop where it is installed."""
    return asyncio.Runner(loop_factory=uvicorn.Config(app="").get_loop_factory())


def _accept_all(listener: socket) -> list[socket]:
    """The connections that wait, and no further ones: nothing comes between the last look and the end of listening."""
    found = []
    try:
        while True:
            found.append(listener.accept()[0])
    except BlockingIOError:
        listener.close()
    return found


def _state(*files: Path | None) -> tuple[tuple[Path, int] | None, ...]:
    return tuple((file, file.stat().st_mtime_ns) if file is not None and file.exists() else None for file in files)
