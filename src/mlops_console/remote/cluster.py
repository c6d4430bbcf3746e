"""The Dask cluster that stages run on: one that is there, or one that a batch system makes for the job."""

import importlib
import importlib.util
import platform
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dask
from distributed import Client
from distributed.versions import VersionMismatchWarning

from mlops_console._version import __version__
from mlops_console.core.config import ExecutorConfig
from mlops_console.core.errors import JobError, UsageError
from mlops_console.core.text import safe_line
from mlops_console.remote.far import check_versions

if TYPE_CHECKING:
    from dask_jobqueue.core import JobQueueCluster

CONNECT = 5.0  # seconds
_PACKAGE = "mlops-console"
_CLASSES = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "lsf": "LSFCluster",
    "htcondor": "HTCondorCluster",
    "oar": "OARCluster",
    "moab": "MoabCluster",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    client: Client
    name: str  # for people


@contextmanager
def connected(settings: ExecutorConfig, slots: int, progress: Callable[[float | None, str], None]) -> Iterator[Cluster]:
    """A client of the cluster that is meant, for as long as the block takes.

    Raises:
        UsageError: dask-jobqueue is needed, and is not installed, or does not take its options.
        JobError: the scheduler does not answer, or its workers are no match for this machine.
    """
    if settings.jobqueue is None:
        assert settings.address is not None, "the settings were checked"
        with _client_of(settings.address, settings.address, progress) as client:
            yield Cluster(client, settings.address)
        return
    with jobqueue_cluster(settings) as cluster:
        submit = str(cluster.job_cls.submit_command).split()[0]
        if shutil.which(submit) is None:
            raise UsageError(f"There is no {submit} here, which is to start Dask workers.", "Run it where jobs can be.")
        cluster.scale(jobs=settings.jobs or slots)
        with _client_of(cluster, settings.jobqueue, progress) as client:
            yield Cluster(client, f"of {settings.jobqueue}")


def jobqueue_cluster(settings: ExecutorConfig) -> "JobQueueCluster":
    """A scheduler in this process, whose workers the batch system starts as its jobs.

    Raises:
        UsageError: dask-jobqueue is not installed, or does not take the options.
    """
    assert settings.jobqueue is not None, "the settings were checked"
    if importlib.util.find_spec("dask_jobqueue") is None:
        raise UsageError("[executor] jobqueue needs dask-jobqueue.", "pip install 'mlops-console[dask]'")
    kind: Any = getattr(importlib.import_module("dask_jobqueue"), _CLASSES[settings.jobqueue])
    try:
        cluster: JobQueueCluster = kind(**settings.options)
    except (TypeError, ValueError, RuntimeError, OSError) as error:
        raise UsageError(
            f"mlops.toml: dask-jobqueue's {kind.__name__} does not take executor.options: {_line(error)}.",
            f"The documentation of dask-jobqueue tells the options of {kind.__name__}.",
        ) from None
    return cluster


@contextmanager
def _client_of(
    cluster: "str | JobQueueCluster", name: str, progress: Callable[[float | None, str], None]
) -> Iterator[Client]:
    progress(None, f"connects to Dask {name}")
    with dask.config.set({"distributed.comm.timeouts.connect": CONNECT}):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", VersionMismatchWarning)  # what counts of it is checked below
                client = Client(cluster, timeout=CONNECT, set_as_default=False, name="mlops-console")
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            raise JobError(
                f"The Dask scheduler {name} does not answer: {_line(error)}.",
                "Start it, or mend [executor] of mlops.toml.",
            ) from None
        try:
            _check(client, name)
            yield client
        finally:
            client.close()


def _check(client: Client, name: str) -> None:
    """See that the workers that are there have the mlops-console of this machine. Those that come later look for it
    themselves.
    """
    try:
        found: Any = client.get_versions(packages=[_PACKAGE])
    except (OSError, RuntimeError) as error:
        raise JobError(f"The Dask scheduler {name} does not answer: {_line(error)}.", "Start it anew.") from None
    for address, told in found["workers"].items():
        versions, who = told["packages"], f"Dask worker {address}"
        check_versions(who, versions.get(_PACKAGE), versions.get("python"), __version__, platform.python_version())


def _line(error: BaseException) -> str:
    return safe_line(str(error).strip().partition("\n")[0] or type(error).__name__, 200).rstrip(".")
