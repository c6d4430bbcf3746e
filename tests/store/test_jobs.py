"""The queue: what counts as the same job, and who may end one."""

import time
from typing import Any

import pytest

from mlops_console.core.jobs import Job, JobState, Turn
from mlops_console.store import jobs
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace

REQUEST = {"pipeline": "train", "params": {"fit.lr": float("inf")}}


def enqueue(workspace: Workspace, turn: Turn = jobs.NOW) -> int:
    with workspace.store.write() as tx:
        return jobs.enqueue(tx, "train", "train", REQUEST, "ada", turn)


def same(workspace: Workspace, turn: Turn = jobs.NOW, **request: Any) -> Job | None:
    with workspace.store.read() as db:
        return jobs.same(db, "train", REQUEST | request, turn)


def test_a_queued_job_is_the_same_if_request_and_turn_are(workspace: Workspace) -> None:
    later = time.time() + 3600
    job_id = enqueue(workspace, Turn(5, later))
    found = same(workspace, Turn(5, later))
    assert found is not None
    assert found.id == job_id
    assert same(workspace, Turn(5)) is None
    assert same(workspace, Turn(9, later)) is None
    assert same(workspace, Turn(5, later), pipeline="other") is None
    with workspace.store.write() as tx:
        jobs.request_stop(tx, job_id)
    assert same(workspace, Turn(5, later)) is None


def test_a_job_that_is_performed_by_a_process_may_have_read_old_files(workspace: Workspace) -> None:
    job_id = enqueue(workspace)
    with workspace.store.write() as tx:
        jobs.claim(tx, job_id)
    assert same(workspace) is not None
    with workspace.store.write() as tx:
        jobs.take(tx, job_id, current_process())
    assert same(workspace) is None


def test_a_running_job_is_the_same_for_a_moment_only(workspace: Workspace) -> None:
    job_id = enqueue(workspace)
    with workspace.store.write() as tx:
        jobs.claim(tx, job_id)
        tx.execute("UPDATE jobs SET created_at = ?", (time.time(),))
    assert same(workspace) is not None
    with workspace.store.write() as tx:
        tx.execute("UPDATE jobs SET created_at = created_at - 4")
    assert same(workspace) is None


def test_a_job_with_a_key_is_only_that_of_its_key(workspace: Workspace) -> None:
    job_id = enqueue(workspace, Turn(key="build 7"))
    assert same(workspace) is None
    with workspace.store.read() as db:
        found = jobs.with_key(db, "build 7")
        assert jobs.with_key(db, "build 8") is None
    assert found is not None
    assert found.id == job_id


@pytest.mark.parametrize(("beaten", "ended"), [(0.0, True), (1.0, False)])
def test_a_job_believed_lost_ends_only_if_it_gave_no_sign_of_life_since(
    workspace: Workspace, beaten: float, ended: bool
) -> None:
    job_id = enqueue(workspace)
    with workspace.store.write() as tx:
        jobs.claim(tx, job_id)
        seen = jobs.get(tx, job_id).heartbeat_at
        assert seen is not None
        tx.execute("UPDATE jobs SET heartbeat_at = heartbeat_at + ?", (beaten,))
        assert jobs.finish(tx, job_id, JobState.LOST, heartbeat_before=seen) is ended
        assert jobs.get(tx, job_id).state is (JobState.LOST if ended else JobState.RUNNING)
