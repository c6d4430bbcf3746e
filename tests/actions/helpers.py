"""Deployments as a user makes them: through the actions, a real worker and a real server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from mlops_console.core.jobs import Job
from mlops_console.store import runs, series
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.delivery.helpers import TOML
from tests.serving.helpers import add_compiled_constant, add_constant
from tests.support import free_port


@contextmanager
def project(workspace: Workspace) -> Iterator[dict[str, str]]:
    """An mlops.toml with a staging and a gated production environment; their addresses. Its worker is stopped."""
    ports = {"staging": free_port(), "production": free_port()}
    workspace.config_path.write_text(TOML.format(**ports))
    try:
        yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    finally:
        client.stop_worker(workspace)


def add_scored(workspace: Workspace, label: int, auc: float, is_compiled: bool = True) -> str:
    """A version that answers `label` and whose run has logged `test/auc`; its reference."""
    version = (add_compiled_constant if is_compiled else add_constant)(workspace, label)
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="calm-otter-1", experiment="fraud")
        series.ingest(tx, run_id, [("test/auc", 0, auc, 0.0)])
        tx.execute(
            "UPDATE model_versions SET run_key = (SELECT key FROM runs WHERE id = ?) WHERE version = ?",
            (run_id, version.version),
        )
    return version.ref


def perform(workspace: Workspace, action: str, request: Mapping[str, Any]) -> Job:
    """Queue an action and wait for its end."""
    execution = client.execute(workspace, action, request)
    assert execution.job_id is not None
    return client.wait(workspace, execution.job_id, timeout=40)


def answer(url: str) -> tuple[str, str, list[int]]:
    """Model, revision and prediction that a server gives."""
    response = httpx.post(f"{url}/invocations", json={"instances": [[1.0]]})
    predictions: list[int] = response.json()["predictions"]
    return response.headers["x-model"], response.headers["x-revision"], predictions
