"""A project whose worker is stopped after the test, and that must leave no process behind."""

from collections.abc import Iterator

import pytest

from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.support import wait_for
from tests.worker.project import Project


@pytest.fixture
def project(workspace: Workspace) -> Iterator[Project]:
    project = Project(workspace)
    yield project
    client.stop_worker(workspace)
    wait_for(lambda: not project.processes(), what="the end of all processes of the project")
