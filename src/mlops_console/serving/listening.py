"""The address of a model server: a socket on it, and whether it can be had at all.

Several processes share a port by SO_REUSEPORT, also one that may get siblings later. That would let another program
share it too: where no sibling has the port yet, it is to be looked first whether it is free.
"""

import socket

from mlops_console.core.deployments import Environment
from mlops_console.core.errors import MlopsError


class PortTakenError(MlopsError):
    """The environment's port can't be listened on."""


def bound(environment: Environment, shared: bool) -> socket.socket:
    """A socket that does not listen yet.

    Args:
        shared: also where siblings have the port.

    Raises:
        PortTakenError: another program has it, or this machine has no such address.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(environment.host, environment.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except UnicodeError:
        raise taken(environment, "that is no name of a machine") from None
    except OSError as error:
        raise taken(environment, error.strerror) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise taken(environment, error.strerror) from None
    return listener


def probe(environment: Environment, shared: bool) -> None:
    """Bind the address for a moment. Raises as `bound`."""
    bound(environment, shared).close()


def taken(environment: Environment, why: str | None) -> PortTakenError:
    return PortTakenError(
        f"Port {environment.port} of {environment.host} can't be listened on: {why}.",
        f"End the program that has it, or give environments.{environment.name} another port in mlops.toml.",
    )
