"""One cluster for all tests of a process."""

from collections.abc import Iterator

import pytest

from mlops_console.store.workspace import Workspace
from tests.remote.cluster import DaskCluster
from tests.remote.project import Project


@pytest.fixture(scope="session")
def running_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    cluster = DaskCluster(tmp_path_factory.mktemp("dask"))
    try:
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
def cluster(running_cluster: DaskCluster) -> DaskCluster:
    """A scheduler with the workers a and b; one that a test has killed is replaced."""
    for name, options in (("a", ("--resources", "cpus=4")), ("b", ())):
        if name not in running_cluster.workers:
            running_cluster.start_worker(name, *options)
    return running_cluster


@pytest.fixture
def project(workspace: Workspace, cluster: DaskCluster) -> Iterator[Project]:
    project = Project(workspace, cluster.address)
    yield project
    project.close()
