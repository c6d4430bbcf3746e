"""Where the stages of a job run, as [executor] of mlops.toml says."""

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlops_console.core.config import Config
from mlops_console.core.errors import UsageError
from mlops_console.pipelines.executor import LOCAL, Executor


@contextmanager
def executor_of(config: Config, progress: Callable[[float | None, str], None]) -> Iterator[Executor]:
    """What runs the stages while the block is in progress.

    Args:
        progress: told what takes its time.

    Raises:
        UsageError: Dask is wanted, and is not installed.
        JobError: the Dask cluster does not answer, or is no match.
    """
    if config.executor.kind == "local":
        yield LOCAL
        return
    if importlib.util.find_spec("distributed") is None:
        raise UsageError('[executor] kind = "dask" needs Dask.', "pip install 'mlops-console[dask]'")
    from mlops_console.remote.cluster import connected
    from mlops_console.remote.home import DaskExecutor

    with connected(config.executor, config.worker.slots, progress) as cluster:
        yield DaskExecutor(cluster.client, cluster.name, sampled=True)
