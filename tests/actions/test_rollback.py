"""Rolling back through a real worker to a real server."""

from mlops_console.core.jobs import JobState
from mlops_console.store import deployments
from mlops_console.store.workspace import Workspace
from tests.actions.helpers import add_scored, answer, perform, project


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
