"""Whether an address can be listened on, and servers whose address is another one all at once."""

import errno
import os
import socket

import httpx
import pytest

from mlops_console.core.deployments import Environment, ServerSettings
from mlops_console.serving.listening import PortTakenError, bound, probe
from mlops_console.store import deploying
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import add_constant, environment, serving
from tests.support import free_port, wait_for

BODY = {"instances": [[1.0]]}
IN_USE = os.strerror(errno.EADDRINUSE)


def place(port: int, host: str = "127.0.0.1") -> Environment:
    return Environment("production", "fraud", port, host)


def test_a_port_that_siblings_share_is_taken_for_others() -> None:
    with bound(place(0), shared=True) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        probe(place(port), shared=True)
        with pytest.raises(PortTakenError, match=f"Port {port} of 127.0.0.1 can't be listened on: {IN_USE}"):
            probe(place(port), shared=False)
    probe(place(port), shared=False)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-machine.invalid", "two..dots"])
def test_an_address_of_another_machine_or_of_none_can_not_be_had(host: str) -> None:
    with pytest.raises(PortTakenError, match=f"of {host} can't be listened on: .+[^.]\\.$"):
        probe(place(free_port(), host), shared=True)


def move(workspace: Workspace, host: str, port: int, settings: ServerSettings | None = None) -> None:
    with workspace.store.write() as tx:
        deploying.ensure_environment(tx, "production", "fraud", host, port, settings)


def asked(url: str) -> str:
    return httpx.post(f"{url}/invocations", json=BODY).headers["x-model"]


def test_a_server_stays_while_its_new_address_is_taken_and_goes_when_it_is_free(workspace: Workspace) -> None:
    version, other = add_constant(workspace, 1), add_constant(workspace, 2)
    with serving(workspace, version) as server:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            move(workspace, "127.0.0.1", port, ServerSettings(certificate="none.pem", key="none.key"))
            why = f"Port {port} of 127.0.0.1 can't be listened on: {IN_USE}."
            wait_for(lambda: environment(workspace).error == why, 20)
            assert asked(server.url) == "fraud:1"
            server.swap(other)  # it follows on
            assert asked(server.url) == "fraud:2"
            assert environment(workspace).error == why
            move(workspace, "127.0.0.1", int(server.url.rsplit(":", 1)[1]))
            wait_for(lambda: environment(workspace).error is None, 20)
            assert asked(server.url) == "fraud:2"
            move(workspace, "127.0.0.1", port)
            wait_for(lambda: environment(workspace).error == why, 20)
            assert server.process.poll() is None
        assert server.process.wait(20) == 0  # in good order: the worker starts the next one at once


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0"])
def test_its_own_port_on_another_host_is_no_port_of_another_program(workspace: Workspace, host: str) -> None:
    with serving(workspace, add_constant(workspace, 1)) as server:
        move(workspace, host, int(server.url.rsplit(":", 1)[1]))
        assert server.process.wait(20) == 0
    assert environment(workspace).error is None


def test_another_server_of_ours_is_another_program_too(workspace: Workspace) -> None:
    """It would let us share its port, and a half of the requests."""
    with serving(workspace, add_constant(workspace, 1)) as server, bound(place(0), shared=True) as other:
        other.listen()
        port = other.getsockname()[1]
        move(workspace, "127.0.0.1", port)
        wait_for(lambda: f"Port {port}" in (environment(workspace).error or ""), 20)
        assert asked(server.url) == "fraud:1"
        assert environment(workspace).ready
