"""Deploying through a real worker to a real server."""

import socket

import httpx
import pytest

from mlops_console.core.deployments import Environment
from mlops_console.core.errors import RefusedError
from mlops_console.core.jobs import JobState
from mlops_console.store import deployments, ledger
from mlops_console.store.workspace import Workspace
from tests.actions.helpers import add_scored, answer, perform, project
from tests.support import free_port, wait_for


def test_versions_are_deployed_through_staging_to_production(workspace: Workspace) -> None:
    with project(workspace) as urls:
        for label, auc in ((1, 0.85), (2, 0.9)):
            ref = add_scored(workspace, label, auc)
            for environment in ("staging", "production"):
                job = perform(workspace, "deploy", {"model_ref": ref, "environment": environment, "reason": "better"})
                assert job.state is JobState.SUCCEEDED, job.error
                assert job.result["revision"] == label
                assert answer(urls[environment]) == (ref, str(label), [label])
        with workspace.store.read() as db:
            entry = ledger.entries(db)[0]
            assert deployments.gate_results(db, "production", 2)[0].figure == "fraud:2 is live in staging as revision 2"
        assert (entry.action, entry.subject, entry.outcome) == ("deploy", "production", "succeeded")
        assert (entry.detail["model"], entry.detail["version"], entry.detail["revision"]) == ("fraud", 2, 2)
    with pytest.raises(httpx.ConnectError):
        answer(urls["production"])


def test_a_gate_refuses_and_nothing_changes(workspace: Workspace) -> None:
    with project(workspace):
        ref = add_scored(workspace, 1, 0.7)
        with pytest.raises(RefusedError, match="fraud:1 does not pass 2 of 3 gates of production"):
            perform(workspace, "deploy", {"model_ref": ref, "environment": "production"})
        with workspace.store.read() as db:
            assert deployments.environments(db) == []
            entry = ledger.entries(db)[0]
        assert (entry.outcome, entry.detail["model_ref"]) == ("refused", "fraud:1")


def test_a_damaged_version_fails_with_one_sentence_and_the_old_one_serves_on(workspace: Workspace) -> None:
    with project(workspace) as urls:
        perform(workspace, "deploy", {"model_ref": add_scored(workspace, 1, 0.9), "environment": "staging"})
        ref = add_scored(workspace, 2, 0.9, is_compiled=False)
        with workspace.store.read() as db:
            (sha256,) = db.execute("SELECT sha256 FROM model_versions WHERE version = 2").fetchone()
        path = workspace.objects.path(sha256)
        path.chmod(0o644)
        path.write_bytes(b"damaged")
        job = perform(workspace, "deploy", {"model_ref": ref, "environment": "staging"})
        assert job.state is JobState.FAILED
        assert job.error is not None
        assert job.error.startswith("staging does not serve fraud:2: ")
        with workspace.store.read() as db:
            entry = ledger.entries(db)[0]
        assert entry.outcome == "failed"
        assert (entry.detail["model"], entry.detail["version"], entry.detail["revision"]) == ("fraud", 2, 2)
        assert answer(urls["staging"]) == ("fraud:1", "1", [1])


def test_a_port_in_use_fails_the_first_deployment(workspace: Workspace) -> None:
    with project(workspace):
        ref = add_scored(workspace, 1, 0.9)
        port = workspace.config().environments["staging"].port
        with socket.create_server(("127.0.0.1", port)):
            job = perform(workspace, "deploy", {"model_ref": ref, "environment": "staging"})
        assert job.state is JobState.FAILED
        assert f"Port {port} of 127.0.0.1 can't be listened on: Address already in use." in str(job.error)


def test_a_changed_port_moves_the_server(workspace: Workspace) -> None:
    with project(workspace) as urls:
        ref = add_scored(workspace, 1, 0.9)
        perform(workspace, "deploy", {"model_ref": ref, "environment": "staging"})
        before, port = workspace.config().environments["staging"].port, free_port()
        workspace.config_path.write_text(workspace.config_path.read_text().replace(str(before), str(port)))
        job = perform(workspace, "deploy", {"model_ref": ref, "environment": "staging"})
        assert job.state is JobState.SUCCEEDED, job.error
        assert answer(f"http://127.0.0.1:{port}") == ("fraud:1", "2", [1])
        wait_for(lambda: _refuses(urls["staging"]))


def test_a_server_stays_where_it_is_while_another_program_has_its_new_port(workspace: Workspace) -> None:
    with project(workspace) as urls:
        first, second = (add_scored(workspace, label, 0.9) for label in (1, 2))
        text = workspace.config_path.read_text()
        workspace.config_path.write_text(text.replace("[environments.staging]", "[environments.staging]\nworkers = 2"))
        perform(workspace, "deploy", {"model_ref": first, "environment": "staging"})
        old = workspace.config().environments["staging"].port
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            text = workspace.config_path.read_text()
            workspace.config_path.write_text(text.replace(f"port = {old}", f"port = {port}"))
            job = perform(workspace, "deploy", {"model_ref": second, "environment": "staging"})
            why = f"Port {port} of 127.0.0.1 can't be listened on: Address already in use."
            assert (job.state, job.error) == (JobState.FAILED, f"fraud:2 is live in staging, but: {why}")
            assert answer(urls["staging"]) == ("fraud:2", "2", [2])
            assert _staging(workspace).error == why
            job = perform(workspace, "rollback", {"environment": "staging"})
            assert job.state is JobState.SUCCEEDED, job.error
            assert answer(urls["staging"]) == ("fraud:1", "3", [1])
            assert _staging(workspace).error == why
        wait_for(lambda: _refuses(urls["staging"]), 20)
        wait_for(lambda: len(_staging(workspace).ready) == 2, 20)
        assert answer(f"http://127.0.0.1:{port}") == ("fraud:1", "3", [1])
        assert _staging(workspace).error is None


def test_a_deployment_waits_for_every_process_that_is_wanted(workspace: Workspace) -> None:
    with project(workspace) as urls:
        ref = add_scored(workspace, 1, 0.9)
        perform(workspace, "deploy", {"model_ref": ref, "environment": "staging"})
        text = workspace.config_path.read_text()
        workspace.config_path.write_text(text.replace("[environments.staging]", "[environments.staging]\nworkers = 2"))
        job = perform(workspace, "deploy", {"model_ref": ref, "environment": "staging"})
        assert [process.serving for process in _staging(workspace).ready] == [2, 2]
        assert job.state is JobState.SUCCEEDED, job.error
        port = free_port()
        old = workspace.config().environments["staging"].port
        text = workspace.config_path.read_text()
        workspace.config_path.write_text(text.replace(f"port = {old}", f"port = {port}"))
        job = perform(workspace, "deploy", {"model_ref": ref, "environment": "staging"})  # both move
        assert job.state is JobState.SUCCEEDED, job.error
        assert [process.serving for process in _staging(workspace).ready] == [3, 3]
        assert answer(f"http://127.0.0.1:{port}") == ("fraud:1", "3", [1])
        assert _refuses(urls["staging"])


def _staging(workspace: Workspace) -> Environment:
    with workspace.store.read() as db:
        found = deployments.environment(db, "staging")
    assert found is not None
    return found


def _refuses(url: str) -> bool:
    try:
        httpx.get(f"{url}/v2/health/live")
    except httpx.ConnectError:
        return True
    return False
