"""Rollouts against the store; the server's part is played by the test."""

import threading

import pytest

from mlops_console.core.deployments import RevisionState, ServerHealth
from mlops_console.core.errors import JobError, JobStopped, RefusedError
from mlops_console.delivery import rollout
from mlops_console.store import deployments, jobs
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import FakeJob, add_version, make_live, port_of, write_config
from tests.support import wait_for


def serve_next(workspace: Workspace, environment: str, error: str | None = None) -> threading.Thread:
    """Do in a thread what a server does with the next revision."""

    def look() -> bool:
        with workspace.store.read() as db:
            found = deployments.environment(db, environment)
        if found is None or found.desired is None or found.desired.state is not RevisionState.LOADING:
            return False
        with workspace.store.write() as tx:
            if error is None:
                deployments.mark_live(tx, environment, found.desired.revision)
            else:
                deployments.mark_failed(tx, environment, found.desired.revision, error)
        return True

    def serve() -> None:
        wait_for(look)
        workspace.store.close()

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_a_deployment_ends_when_its_revision_is_live(workspace: Workspace) -> None:
    write_config(workspace)
    add_version(workspace, {"test/auc": 0.9})
    server = serve_next(workspace, "staging")
    result = rollout.deploy(workspace, "fraud:1", "staging", "first", FakeJob())
    server.join()
    assert result == {
        "environment": "staging",
        "revision": 1,
        "model": "fraud",
        "version": 1,
        "kind": "deploy",
        "restores": None,
    }
    with workspace.store.read() as db:
        environment = deployments.environment(db, "staging")
        revision = deployments.revision(db, "staging", 1)
    assert environment is not None
    assert (environment.port, environment.observed) == (port_of(workspace, "staging"), 1)
    assert (revision.actor, revision.reason, revision.state) == ("ann", "first", RevisionState.LIVE)


def test_gates_are_asked_again_and_their_results_kept(workspace: Workspace) -> None:
    write_config(workspace)
    version = add_version(workspace, {"test/auc": 0.9})
    with pytest.raises(RefusedError, match="fraud:1 was never live in staging"):
        rollout.deploy(workspace, "fraud:1", "production", "", FakeJob())
    with workspace.store.read() as db:
        assert deployments.revisions(db, "production") == []
        assert deployments.environment(db, "production") is None
    make_live(workspace, "staging", version)
    server = serve_next(workspace, "production")
    rollout.deploy(workspace, "fraud:1", "production", "", FakeJob())
    server.join()
    with workspace.store.read() as db:
        assert [gate.passed for gate in deployments.gate_results(db, "production", 1)] == [True] * 3


def test_a_version_that_can_not_be_loaded_leaves_the_one_before_it(workspace: Workspace) -> None:
    write_config(workspace)
    make_live(workspace, "staging", add_version(workspace))
    add_version(workspace)
    server = serve_next(workspace, "staging", error="Object 0000… is damaged.")
    with pytest.raises(JobError) as caught:
        rollout.deploy(workspace, "fraud:2", "staging", "", FakeJob())
    server.join()
    assert caught.value.message == "staging could not serve fraud:2: Object 0000… is damaged."
    assert caught.value.hint == "It serves fraud:1 on."


def test_a_server_that_is_down_is_not_said_to_serve_on(workspace: Workspace) -> None:
    write_config(workspace)
    make_live(workspace, "staging", add_version(workspace))
    add_version(workspace)
    with workspace.store.write() as tx:
        deployments.report_server(tx, "staging", ServerHealth.FAILED, None, "The port is taken.")
    server = serve_next(workspace, "staging", error="The port is taken.")
    with pytest.raises(JobError) as caught:
        rollout.deploy(workspace, "fraud:2", "staging", "", FakeJob())
    server.join()
    assert caught.value.hint == "Nothing serves there."


def test_a_rollback_is_a_new_revision_that_no_gate_stops(workspace: Workspace) -> None:
    write_config(workspace)
    make_live(workspace, "production", add_version(workspace, {"test/auc": 0.1}))
    make_live(workspace, "production", add_version(workspace, {"test/auc": 0.9}))
    server = serve_next(workspace, "production")
    result = rollout.rollback(workspace, "production", None, "bad", FakeJob())
    server.join()
    assert (result["revision"], result["version"], result["kind"], result["restores"]) == (3, 1, "rollback", 1)
    with workspace.store.read() as db:
        states = [revision.state for revision in deployments.revisions(db, "production")]
    assert states == [RevisionState.LIVE, RevisionState.RETIRED, RevisionState.RETIRED]


def test_without_a_server_a_rollout_is_given_up(workspace: Workspace) -> None:
    write_config(workspace)
    make_live(workspace, "staging", add_version(workspace))
    add_version(workspace)
    with pytest.raises(JobError, match="it was not live within 0 s"):
        rollout.deploy(workspace, "fraud:2", "staging", "", FakeJob(), timeout=0.1)
    with workspace.store.read() as db:
        environment = deployments.environment(db, "staging")
    assert environment is not None
    assert environment.desired is not None
    assert environment.desired.model_ref == "fraud:1"


def test_a_rollout_can_be_stopped(workspace: Workspace) -> None:
    write_config(workspace)
    add_version(workspace)
    with pytest.raises(JobStopped):
        rollout.deploy(workspace, "fraud:1", "staging", "", FakeJob(stop=True))
    with workspace.store.read() as db:
        assert deployments.revision(db, "staging", 1).state is RevisionState.FAILED


def test_a_stop_that_comes_too_late_is_told_as_what_it_was(workspace: Workspace) -> None:
    write_config(workspace)
    add_version(workspace)

    class LateJob(FakeJob):
        def stop_requested(self) -> bool:
            with workspace.store.write() as tx:
                deployments.mark_live(tx, "staging", 1)
            return True

    assert rollout.deploy(workspace, "fraud:1", "staging", "", LateJob())["revision"] == 1


def test_the_same_job_again_only_waits(workspace: Workspace) -> None:
    """The worker died after the revision was written, and the next one performs the job anew."""
    write_config(workspace)
    add_version(workspace)
    with workspace.store.write() as tx:
        job = FakeJob(id=jobs.enqueue(tx, "deploy", "staging", {}, "ann"))
    with pytest.raises(JobError):
        rollout.deploy(workspace, "fraud:1", "staging", "", job, timeout=0)
    make_live(workspace, "staging", add_version(workspace))
    with pytest.raises(JobError, match="it was not live within 0 s"):
        rollout.deploy(workspace, "fraud:1", "staging", "", job)
    with workspace.store.read() as db:
        assert len(deployments.revisions(db, "staging")) == 2
