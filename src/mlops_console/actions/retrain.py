"""What a retraining of what is live asks of `train`: which pipeline, and on which rows."""

from typing import Any

from mlops_console.core.errors import UsageError
from mlops_console.core.models import ModelRef
from mlops_console.drift.retraining import live_revision
from mlops_console.store import models, runs
from mlops_console.store.workspace import Workspace


def retraining_of(workspace: Workspace, environment: str) -> dict[str, Any]:
    """The request of the action `train` that is proposed for an environment: the pipeline that has made its live
    version, on the served rows that are proposed where a stage of it reads such.

    Raises:
        NotFoundError: nothing is live there.
        UsageError: no pipeline of mlops.toml has made the live version.
        ConfigError: mlops.toml is wrong.
    """
    pipelines = workspace.config().pipelines
    with workspace.store.read() as db:
        live = live_revision(db, environment)
        version = models.get(db, ModelRef(live.model, live.version))
        found = runs.of_ids(db, [version.run_id]) if version.run_id else []
    pipeline = found[0].pipeline if found else None
    if pipeline not in pipelines:
        by = (
            f"was made by pipeline {pipeline!r}, which mlops.toml has no more"
            if pipeline
            else "was made by no pipeline"
        )
        raise UsageError(
            f"{version.ref}, which is live in {environment}, {by}.",
            "Name the pipeline that trains it: mlops-console train PIPELINE.",
        )
    if pipelines[pipeline].reads_served:
        return {"pipeline": pipeline, "served": environment}
    same_data = f"no stage of {pipeline} reads served rows (served = true), so it trains on the data that it has"
    return {"pipeline": pipeline, "reason": f"retraining for {environment}; {same_data}"}
