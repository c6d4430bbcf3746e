"""Rolling back through a real worker to a real server."""

from typing import Any

from mlops_console import actions
from mlops_console.core.jobs import JobState
from mlops_console.store import deployments, jobs, models
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.actions.helpers import add_scored, answer, perform, project
from tests.delivery.helpers import add_version, make_live, write_config


def test_back_and_forth_and_to_a_chosen_revision(workspace: Workspace) -> None:
    with project(workspace) as urls:
        for label in (1, 2, 3):
            request = {"model_ref": add_scored(workspace, label, 0.9), "environment": "staging"}
            assert perform(workspace, "deploy", request).state is JobState.SUCCEEDED
        for to, restores, version in ((None, 2, 2), (None, 3, 3), (1, 1, 1)):
            job = perform(workspace, "rollback", {"environment": "staging", "to": to, "reason": "bad at night"})
            assert job.state is JobState.SUCCEEDED, job.error
            assert (job.result["restores"], job.result["version"]) == (restores, version)
            assert answer(urls["staging"]) == (f"fraud:{version}", str(job.result["revision"]), [version])
        with workspace.store.read() as db:
            newest = deployments.revisions(db, "staging")[0]
        assert (newest.revision, newest.kind, newest.restores, newest.reason) == (6, "rollback", 1, "bad at night")


def test_what_was_planned_is_what_is_done(workspace: Workspace) -> None:
    """Two people roll back at the same moment: the second must not undo what the first has done."""
    with project(workspace):
        for label in (1, 2):
            request = {"model_ref": add_scored(workspace, label, 0.9), "environment": "staging"}
            assert perform(workspace, "deploy", request).state is JobState.SUCCEEDED
        plan = actions.plan(workspace, "rollback", {"environment": "staging"})
        for _ in range(2):
            job = perform(workspace, "rollback", {"environment": "staging", **plan.settles})
            assert (job.state, job.result["version"]) == (JobState.SUCCEEDED, 1)


def test_what_a_request_leaves_open_is_settled_when_it_is_queued(workspace: Workspace) -> None:
    write_config(workspace)
    first, second = add_version(workspace), add_version(workspace)
    make_live(workspace, "staging", first)
    make_live(workspace, "staging", second)
    with workspace.store.write() as tx:
        models.set_alias(tx, "fraud", "champion", 2)
        jobs.register_worker(tx, current_process(), "0")  # one that never looks
    asks: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
        ("rollback", {"environment": "staging"}, {"to": 1}, {}),
        (
            "deploy",
            {"environment": "staging", "model_ref": "fraud@champion"},
            {"model_ref": "fraud:2"},
            {"break_glass": None, "if_busy": "wait"},
        ),
    ]
    for name, request, settled, left in asks:
        job_id = client.execute(workspace, name, request).job_id
        assert job_id is not None
        with workspace.store.read() as db:
            assert jobs.get(db, job_id).request == {**request, **settled, "reason": "", **left}


def test_a_broken_mlops_toml_does_not_stop_a_rollback(workspace: Workspace) -> None:
    with project(workspace) as urls:
        for label in (1, 2):
            perform(workspace, "deploy", {"model_ref": add_scored(workspace, label, 0.9), "environment": "staging"})
        text = workspace.config_path.read_text()
        workspace.config_path.write_text("[environments.staging\n")
        job = perform(workspace, "rollback", {"environment": "staging"})
        workspace.config_path.write_text(text)
        assert job.state is JobState.SUCCEEDED, job.error
        assert answer(urls["staging"]) == ("fraud:1", "3", [1])
