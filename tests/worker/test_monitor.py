"""The checks that `[monitor] every` asks for."""

import time

from mlops_console.core.config import parse_config
from mlops_console.core.jobs import MONITOR
from mlops_console.core.models import Column, ModelVersion, Signature
from mlops_console.core.predictions import Prediction
from mlops_console.store import datasets, deploying, jobs, models
from mlops_console.store.workspace import Workspace
from mlops_console.worker.monitor import Monitor
from tests.answered import log_rows
from tests.delivery.helpers import add_live, add_server

CONFIG = parse_config('[project]\nname = "x"\n[monitor]\nevery = "1ms"\nwindow = "1h"\n')


def deploy(workspace: Workspace) -> ModelVersion:
    """A live version with reference data, and a server that says it is ready."""
    with workspace.store.write() as tx:
        data = datasets.add_version(
            tx, "train", sha256="0" * 64, rows=9, columns=1, schema={}, profile={}, sample="0" * 64
        )
        signature = Signature((Column("x", "float64", "numeric"),), "regression")
        version = models.add_version(
            tx,
            "m",
            sha256="0" * 64,
            size=1,
            estimator="Ridge",
            signature=signature,
            reference=(data.dataset, data.version),
        )
        deploying.ensure_environment(tx, "production", "m", "127.0.0.1", 8100)
        add_server(tx, "production", add_live(tx, "production", version).revision)
    return version


def queued(workspace: Workspace) -> list[tuple[str, str, str]]:
    with workspace.store.read() as db:
        return [(job.action, job.subject, job.actor) for job in jobs.open_jobs(db)]


def test_new_traffic_is_checked_once(workspace: Workspace) -> None:
    deploy(workspace)
    Monitor(workspace).look(CONFIG)
    assert queued(workspace) == []  # nothing was answered yet
    rows = [Prediction(time.time(), 1, {"x": 1.0}, {"predict": 0.0})] * 100
    log_rows(workspace, "production", rows)
    monitor = Monitor(workspace)
    monitor.look(None)
    monitor.look(parse_config('[project]\nname = "x"'))
    assert queued(workspace) == []  # nobody asked for it
    monitor.look(CONFIG)
    Monitor(workspace).look(CONFIG)  # one is queued already
    assert queued(workspace) == [("check_drift", "production", MONITOR)]
