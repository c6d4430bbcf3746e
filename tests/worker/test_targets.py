"""The worker brings versions to targets, asks whether they serve, and leaves nothing behind when it is killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from mlops_console.core.deployments import Environment, ServerHealth
from mlops_console.core.jobs import Job, JobState
from mlops_console.store import deployments, jobs
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from mlops_console.worker.targets import Targets
from tests.delivery.test_targets import SLOW, add_version, read_pid, write_target
from tests.support import wait_for
from tests.worker.project import Project


def act(workspace: Workspace, action: str, **request: object) -> int:
    job_id = client.execute(workspace, action, request).job_id
    assert job_id is not None
    return job_id


def ended(workspace: Workspace, job_id: int) -> Job:
    return client.wait(workspace, job_id, 30)


def environment(workspace: Workspace) -> Environment:
    with workspace.store.read() as db:
        found = deployments.environment(db, "production")
    assert found is not None
    return found


def test_a_deployment_and_a_rollback_are_jobs_with_a_log(project: Project) -> None:
    workspace = project.workspace
    write_target(workspace, deploy="python tell.py {version}", rollback="python tell.py back {version}")
    add_version(workspace)
    add_version(workspace, b"another")
    for ref in ("fraud:1", "fraud:2"):
        assert ended(workspace, act(workspace, "deploy", model_ref=ref, environment="production")).error is None
    job = ended(workspace, act(workspace, "rollback", environment="production"))
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    assert job.result["version"] == 1
    lines = (workspace.root / "told.jsonl").read_text().splitlines()
    assert [json.loads(line)["words"] for line in lines] == [["1"], ["2"], ["back", "1"]]
    shown = subprocess.run(
        [sys.executable, "-m", "mlops_console", "job", "show", str(job.id)],
        cwd=workspace.root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f".mlops/logs/{job.id}/target.log" in shown.stdout
    log = (workspace.logs_dir / str(job.id) / "target.log").read_text()
    assert log == "── mlops-console: python tell.py back 1 ──\n"


def test_a_worker_that_is_killed_leaves_no_command_and_the_next_one_runs_it_anew(project: Project) -> None:
    workspace = project.workspace
    write_target(workspace, deploy="python slow.py")
    (workspace.root / "slow.py").write_text(SLOW)
    add_version(workspace)
    job_id = act(workspace, "deploy", model_ref="fraud:1", environment="production")
    child = read_pid(workspace.root / "child")
    os.kill(project.worker_pid(), signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(child), what="the end of the command")
    (workspace.root / "slow.py").write_text("")
    client.ensure_worker(workspace)
    assert ended(workspace, job_id).state is JobState.SUCCEEDED
    assert environment(workspace).health is ServerHealth.READY


def test_cancelling_the_job_ends_the_command(project: Project) -> None:
    workspace = project.workspace
    write_target(workspace, deploy="python slow.py")
    (workspace.root / "slow.py").write_text(SLOW)
    add_version(workspace)
    job_id = act(workspace, "deploy", model_ref="fraud:1", environment="production")
    child = read_pid(workspace.root / "child")
    client.execute(workspace, "stop_job", {"job": job_id})
    job = ended(workspace, job_id)
    assert job.state is JobState.STOPPED
    assert not psutil.pid_exists(child)


def test_a_target_is_asked_again_and_again(project: Project) -> None:
    workspace = project.workspace
    write_target(workspace, deploy="true", status="test ! -e broken")
    add_version(workspace)
    ended(workspace, act(workspace, "deploy", model_ref="fraud:1", environment="production"))
    asking = Targets(workspace, every=0.05)
    asking.look()
    assert not asking.is_idle

    def comes(health: ServerHealth) -> bool:
        asking.look()
        return environment(workspace).health is health

    (workspace.root / "broken").touch()
    wait_for(lambda: comes(ServerHealth.FAILED))
    assert environment(workspace).error == "The status command of production ended with exit code 1."
    (workspace.root / "broken").unlink()
    wait_for(lambda: comes(ServerHealth.READY))
    asking.stop()


def test_a_worker_that_ends_ends_the_question_under_way(project: Project) -> None:
    workspace = project.workspace
    write_target(workspace, deploy="true", status="python slow.py")
    (workspace.root / "slow.py").write_text("")
    add_version(workspace)
    ended(workspace, act(workspace, "deploy", model_ref="fraud:1", environment="production"))
    client.stop_worker(workspace)
    (workspace.root / "slow.py").write_text(SLOW)
    asking = Targets(workspace, every=0.05)
    wait_for(lambda: asking.look() or (workspace.root / "child").exists())
    child = read_pid(workspace.root / "child")
    asking.stop()
    assert not psutil.pid_exists(child)
    assert environment(workspace).health is ServerHealth.READY


def test_nothing_is_asked_of_an_environment_without_a_status_command(project: Project) -> None:
    workspace = project.workspace
    write_target(workspace, deploy="true")
    add_version(workspace)
    ended(workspace, act(workspace, "deploy", model_ref="fraud:1", environment="production"))
    asking = Targets(workspace, every=0.0)
    asking.look()
    assert asking.is_idle
    with workspace.store.read() as db:
        assert jobs.open_jobs(db) == []
    assert not Path(workspace.logs_dir / "target-production.log").exists()
