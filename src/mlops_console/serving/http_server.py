"""uvicorn's server, with an end that costs no client an answer, and certificates that are renewed while it runs."""

import asyncio
import logging
import math
import ssl
from pathlib import Path
from socket import socket

import uvicorn

from mlops_console.serving.quick import CLOSING, http_config

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
        self.config.load()
        self._listener = listener
        self._loaded = _state(certificate, key)
        if self.config.ssl is not None:
            self._context = self.config.ssl
            self.config.ssl.sni_callback = self._choose_context

    async def answer(self) -> None:
        """Answer until SIGTERM or SIGINT, or until `should_exit`."""
        await self.serve([self._listener.dup()])  # of which uvloop closes its own

    def drain_for(self, seconds: float) -> None:
        """How long the requests under way get when it is stopped, from now on."""
        self.config.timeout_graceful_shutdown = math.ceil(seconds)

    def renew(self, certificate: Path, key: Path) -> None:
        """Use these files for connections from now on, if they are others or have changed. Where they can't be read or
        don't fit each other, as while they are being written, those before stay in use."""
        state = _state(certificate, key)
        if state is None or state == self._loaded or self.config.ssl is None:
            return
        self._loaded = state
        fresh = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            fresh.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            logger.warning("the certificate in %s is not taken over: %s", certificate, error)
        else:
            self._context = fresh

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Leave without losing a request: also connections that wait to be accepted get their answers, and those that
        are kept open are closed with an answer, not between two requests."""
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSING]
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        taken = [
            loop.connect_accepted_socket(self._protocol, connection, ssl=self.config.ssl)
            for connection in _accept_all(self._listener)
        ]
        try:
            async with asyncio.timeout(_LEAVE):
                await asyncio.gather(*taken, return_exceptions=True)  # some may have hung up
                while self.server_state.connections:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pass  # those are idle, or slow: uvicorn knows which
        await super().shutdown(sockets)

    def _choose_context(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        """Called for each handshake, with or without a name."""
        connection.context = self._context

    def _protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def event_loop() -> asyncio.Runner:
    """What runs it: uvloop where it is installed."""
    return asyncio.Runner(loop_factory=uvicorn.Config(app="").get_loop_factory())


def _accept_all(listener: socket) -> list[socket]:
    """The connections that wait. From then on the kernel gives new ones to the processes that share the port; one whose
    handshake is just under way is reset, unless `net.ipv4.tcp_migrate_req` is on."""
    found = []
    with listener:
        while True:
            try:
                found.append(listener.accept()[0])
            except ConnectionAbortedError:
                continue
            except OSError:  # none waits any more
                return found


def _state(*files: Path | None) -> tuple[tuple[Path, int], ...] | None:
    """When each file was changed; None where that can't be seen."""
    try:
        return tuple((file, file.stat().st_mtime_ns) for file in files if file is not None)
    except OSError:
        return None
