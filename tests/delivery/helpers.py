"""Workspaces with versions that nobody can load: enough for plans and for the store's part of a rollout."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_console.core.deployments import Revision
from mlops_console.core.models import Column, ModelRef, ModelVersion, Signature
from mlops_console.core.runs import RunStatus
from mlops_console.store import deployments, models, runs, series
from mlops_console.store.workspace import Workspace
from tests.support import free_port

SIGNATURE = Signature((Column("amount", "float64", "numeric"),), "classification", (0, 1), True)

TOML = """
[project]
name = "fraud-detection"
[models.fraud]
metric = "test/auc"
goal = "maximize"
[environments.staging]
model = "fraud"
port = {staging}
[environments.production]
model = "fraud"
port = {production}
requires = "staging"
gates = ["test/auc >= 0.80", "test/auc >= live - 0.01"]
"""


def write_config(workspace: Workspace, production: int | None = None) -> None:
    """An mlops.toml whose ports nobody listens on."""
    text = TOML.format(staging=free_port(), production=production or free_port())
    workspace.config_path.write_text(text)


def port_of(workspace: Workspace, environment: str) -> int:
    return workspace.config().environments[environment].port


def add_version(
    workspace: Workspace,
    metrics: Mapping[str, float] | None = None,
    params: Mapping[str, Any] | None = None,
    signature: Signature = SIGNATURE,
    model: str = "fraud",
) -> ModelVersion:
    """The next version, with a run that logged these metrics."""
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="calm-otter-1", experiment="fraud", status=RunStatus.SUCCEEDED)
        runs.set_params(tx, run_id, dict(params or {}))
        series.ingest(tx, run_id, [(name, 0, value, time.time()) for name, value in (metrics or {}).items()])
        return models.add_version(
            tx, model, sha256="0" * 64, size=1, estimator="Tree", signature=signature, run_id=run_id
        )


def make_live(workspace: Workspace, environment: str, version: ModelVersion | ModelRef) -> Revision:
    """A revision that a server has made live."""
    port = port_of(workspace, environment)
    with workspace.store.write() as tx:
        found = models.get(tx, ModelRef(version.model, version.version))
        deployments.ensure_environment(tx, environment, found.model, "127.0.0.1", port)
        revision = deployments.add_revision(tx, environment, found, kind="deploy", actor="ann", reason="")
        deployments.mark_live(tx, environment, revision.revision)
        return deployments.revision(tx, environment, revision.revision)


@dataclass(slots=True)
class FakeJob:
    """A job without a queue."""

    id: int | None = None
    actor: str = "ann"
    stop: bool = False
    told: list[str] = field(default_factory=list)

    def progress(self, fraction: float | None, text: str) -> None:
        self.told.append(text)

    def stop_requested(self) -> bool:
        return self.stop
