"""No revision stays in a state that nobody works on, whatever becomes of the job that should bring it on its way."""

from collections.abc import Iterator

import pytest

from mlops_console import actions
from mlops_console.core.deployments import RevisionState as S
from mlops_console.core.jobs import Job, JobState
from mlops_console.delivery.begin import begin_deploy
from mlops_console.store import deployments, jobs
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from mlops_console.worker.settle import Outcome, settle
from tests.delivery.helpers import FakeJob, add_version, advance, make_live, states, the, write_config
from tests.support import wait_for


@pytest.fixture
def project(workspace: Workspace) -> Iterator[Workspace]:
    """fraud:1 is to be deployed to staging, which needs an approval."""
    write_config(workspace, staging="approvals = 1")
    add_version(workspace)
    yield workspace
    client.stop_worker(workspace)


def approved(workspace: Workspace) -> int:
    """Revision 1, whose last approval was given; the job that is queued for it, while there is no worker."""
    begin_deploy(workspace, "fraud:1", "staging", "", FakeJob(actor="ann"))
    _, result = actions.perform(workspace, "approve", {"environment": "staging"})
    job_id: int = result["job"]
    return job_id


def begun(workspace: Workspace, *reached: S) -> Job:
    """A running job whose revision has come so far."""
    with workspace.store.write() as tx:
        job_id = jobs.enqueue(tx, "deploy", "staging", {"model_ref": "fraud:1", "environment": "staging"}, "ann")
        job = jobs.claim(tx, job_id)
    assert job is not None
    revision = begin_deploy(workspace, "fraud:1", "staging", "", FakeJob(id=job_id)).revision
    with workspace.store.write() as tx:
        advance(tx, "staging", revision, *reached)
    return job


@pytest.mark.parametrize(
    ("before", "after", "state", "told"),
    [
        ("[project]", "[projekt]", JobState.FAILED, "projekt"),
        ("staging", "other", JobState.FAILED, "There is no environment 'staging'"),
        ("[project]", "[console]\nread_only = true\n[project]", JobState.REFUSED, "This workspace is read-only"),
    ],
    ids=["broken", "without the environment", "read-only"],
)
def test_an_approved_revision_fails_with_its_job(
    project: Workspace, before: str, after: str, state: JobState, told: str
) -> None:
    job_id = approved(project)
    text = project.config_path.read_text()
    assert before in text
    project.config_path.write_text(text.replace(before, after))
    client.ensure_worker(project)
    job = client.wait(project, job_id, timeout=30)
    assert job.state is state
    with project.store.read() as db:
        revision = deployments.revision(db, "staging", 1)
    assert (revision.state, revision.error, revision.job_id) == (S.FAILED, job.error, job_id)
    assert told in str(revision.error)


def test_a_job_that_is_stopped_before_it_begins_takes_its_revision_with_it(project: Workspace) -> None:
    job_id = approved(project)
    actions.perform(project, "stop_job", {"job": job_id})
    assert states(project, "staging") == [S.PLANNED]
    client.ensure_worker(project)
    wait_for(lambda: states(project, "staging") == [S.ABORTED])
    with project.store.read() as db:
        found = deployments.revision(db, "staging", 1)
    assert found.error == f"job {job_id} (roll_out) was stopped before it was live"


@pytest.mark.parametrize("reached", [(), (S.TESTING,), (S.TESTING, S.CANARY)], ids=["loading", "testing", "canary"])
@pytest.mark.parametrize(
    ("outcome", "state", "error"),
    [
        (Outcome(JobState.FAILED, "The disk is full."), S.FAILED, "The disk is full."),
        (Outcome(JobState.STOPPED), S.ABORTED, "job 1 (deploy) was stopped before it was live"),
    ],
    ids=["failed", "stopped"],
)
def test_a_rollout_that_ends_in_the_middle_leaves_nothing_on_its_way(
    workspace: Workspace, reached: tuple[S, ...], outcome: Outcome, state: S, error: str
) -> None:
    write_config(workspace)
    add_version(workspace)
    job = begun(workspace, *reached)
    assert settle(workspace, job, outcome)
    assert the(workspace, "staging").candidate is None
    with workspace.store.read() as db:
        found = deployments.revision(db, "staging", 1)
    assert (found.state, found.error) == (state, error)


def test_what_waits_or_is_worked_on_is_left_alone(workspace: Workspace) -> None:
    """The job of a deployment ends where its revision waits; the approved one has the job that is queued for it."""
    write_config(workspace, staging="approvals = 1")
    make_live(workspace, "production", add_version(workspace))
    waiting = begun(workspace)
    assert settle(workspace, waiting, Outcome(JobState.SUCCEEDED))
    assert states(workspace, "staging") == [S.WAITING]
    job_id = actions.perform(workspace, "approve", {"environment": "staging"})[1]["job"]
    with workspace.store.write() as tx:
        other = jobs.get(tx, jobs.enqueue(tx, "train", "train", {}, "ann"))
    assert settle(workspace, other, Outcome(JobState.FAILED, "No luck."))
    assert states(workspace, "staging") == [S.PLANNED]
    assert states(workspace, "production") == [S.LIVE]
    with workspace.store.read() as db:
        assert deployments.revision(db, "staging", 1).job_id == job_id
