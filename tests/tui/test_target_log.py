"""The log of a job that deploys to a target is that of its commands."""

import json
from pathlib import Path

from mlops_console.core.deployments import TargetSettings
from mlops_console.store import deploying, deployments, jobs, models
from mlops_console.store.workspace import Workspace
from mlops_console.tui.screens.jobs.view import read_detail
from tests.delivery.helpers import SIGNATURE


def deployed(workspace: Workspace, environment: str, target: TargetSettings | None) -> int:
    """The job of a deployment there."""
    with workspace.store.write() as tx:
        version = models.add_version(tx, "fraud", sha256="0" * 64, size=1, estimator="Tree", signature=SIGNATURE)
        job_id = jobs.enqueue(tx, "deploy", environment, {}, "ann")
        deploying.ensure_environment(tx, environment, "fraud", "127.0.0.1", 1, target=target)
        deploying.add_revision(tx, environment, version, kind="deploy", actor="ann", reason="", job_id=job_id)
    return job_id


def test_the_console_shows_what_the_commands_printed(workspace: Workspace) -> None:
    elsewhere = deployed(workspace, "production", TargetSettings("./deploy.sh"))
    here = deployed(workspace, "staging", None)
    assert read_detail(workspace, elsewhere).log == Path(".mlops", "logs", str(elsewhere), "target.log")
    assert read_detail(workspace, here).log is None


def test_a_target_is_kept_as_it_was_settled(workspace: Workspace) -> None:
    target = TargetSettings("a {model}", "b", "c", 12.5)
    deployed(workspace, "production", target)
    with workspace.store.read() as db:
        found = deployments.environment(db, "production")
        [stored] = db.execute("SELECT target FROM environments").fetchone()
    assert found is not None
    assert found.target == target
    assert json.loads(stored)["kind"] == "command"
