"""A served model for the tests that only ask."""

from collections.abc import Iterator

import httpx
import pytest

from mlops_console.store.workspace import open_workspace
from tests.serving.helpers import FRAUD, ROW, Server, add_version, fraud_model, serving


@pytest.fixture(scope="module")
def fraud_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """fraud:1 as revision 1 of production; it is not swapped."""
    workspace = open_workspace(tmp_path_factory.mktemp("served"))
    version = add_version(workspace, fraud_model(), FRAUD, [ROW])
    with serving(workspace, version) as server:
        yield server
    workspace.store.close()


@pytest.fixture(scope="module")
def client(fraud_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fraud_server.url, timeout=30) as client:
        yield client
