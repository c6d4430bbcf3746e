"""Targets: real commands in real processes, against a real store."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from mlops_console.core.deployments import Environment, Revision, RevisionState, ServerHealth
from mlops_console.core.errors import JobError, JobStopped, MlopsError, RefusedError
from mlops_console.delivery import rollout, target_command, targets
from mlops_console.delivery.plans import plan_deploy
from mlops_console.delivery.target_command import words
from mlops_console.store import alerts, deploying, deployments, jobs, models
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import SIGNATURE, FakeJob
from tests.support import free_port, wait_for

TOML = """
[project]
name = "fraud-detection"
[environments.production]
model = "fraud"
port = {port}
{target}
"""

# Writes down what it was told, as JSON lines, so that a test sees words and variables apart.
TELL = """
import json, os, sys
told = {name: value for name, value in os.environ.items() if name.startswith("MLOPS_")}
with open("told.jsonl", "a") as file:
    file.write(json.dumps({"words": sys.argv[1:], "variables": told}) + "\\n")
"""


def write_target(workspace: Workspace, port: int | None = None, **commands: str) -> int:
    """An mlops.toml with a target of these commands; the port of the environment."""
    port = port or free_port()
    lines = [f"{name} = {json.dumps(command)}" for name, command in commands.items()]
    table = "\n".join(["[environments.production.target]", *lines])
    workspace.config_path.write_text(TOML.format(port=port, target=table))
    (workspace.root / "tell.py").write_text(TELL)
    return port


def add_version(workspace: Workspace, content: bytes = b"a model") -> str:
    """The next version, whose file is in the object store; its SHA-256."""
    sha256 = workspace.objects.put_bytes(content)
    with workspace.store.write() as tx:
        models.add_version(tx, "fraud", sha256=sha256, size=1, estimator="Tree", signature=SIGNATURE)
    return sha256


def new_job(workspace: Workspace, action: str = "deploy") -> FakeJob:
    with workspace.store.write() as tx:
        return FakeJob(id=jobs.enqueue(tx, action, "production", {}, "ann"))


def deploy(workspace: Workspace, ref: str, job: FakeJob | None = None) -> FakeJob:
    job = job or new_job(workspace)
    rollout.deploy(workspace, ref, "production", "", job)
    return job


def told(workspace: Workspace) -> list[dict[str, object]]:
    path = workspace.root / "told.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def environment(workspace: Workspace) -> Environment:
    with workspace.store.read() as db:
        found = deployments.environment(db, "production")
    assert found is not None
    return found


def revision(workspace: Workspace, number: int) -> Revision:
    with workspace.store.read() as db:
        return deployments.revision(db, "production", number)


def states(workspace: Workspace, number: int) -> list[RevisionState]:
    with workspace.store.read() as db:
        return [change.state for change in deployments.changes(db, "production", number)]


def log_of(workspace: Workspace, job: FakeJob) -> str:
    return (workspace.logs_dir / str(job.id) / "target.log").read_text()


@contextmanager
def in_background(workspace: Workspace, ref: str, job: FakeJob) -> Iterator[list[MlopsError]]:
    """A deployment in a thread; what it raised, once the block is over."""
    raised: list[MlopsError] = []

    def perform() -> None:
        try:
            rollout.deploy(workspace, ref, "production", "", job)
        except MlopsError as error:
            raised.append(error)
        finally:
            workspace.store.close()

    thread = threading.Thread(target=perform)
    thread.start()
    try:
        yield raised
    finally:
        job.stop = True
        thread.join()


def read_pid(path: Path) -> int:
    return int(wait_for(lambda: path.exists() and path.read_text().strip()))


def test_a_deploy_command_is_told_all_and_its_version_is_live(workspace: Workspace) -> None:
    port = write_target(
        workspace,
        deploy="python tell.py {model} v{version} {path} {sha256} {port} '{model} {{model}} ${model}'",
        status="python tell.py status",
    )
    sha256 = add_version(workspace, b"the very file")
    job = deploy(workspace, "fraud:1")
    deployed, asked = told(workspace)
    path = workspace.home / "targets" / "production" / "fraud-1.skops"
    assert deployed["words"] == ["fraud", "v1", str(path), sha256, str(port), "fraud {{model}} ${model}"]
    assert asked["words"] == ["status"]
    assert deployed["variables"] == asked["variables"]
    assert deployed["variables"] == {
        "MLOPS_MODEL": "fraud",
        "MLOPS_VERSION": "1",
        "MLOPS_PATH": str(path),
        "MLOPS_SHA256": sha256,
        "MLOPS_PORT": str(port),
        "MLOPS_ENVIRONMENT": "production",
        "MLOPS_REVISION": "1",
        "MLOPS_WORKSPACE": str(workspace.root),
    }
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    assert states(workspace, 1) == [
        RevisionState.PLANNED,
        RevisionState.LOADING,
        RevisionState.TESTING,
        RevisionState.LIVE,
    ]
    assert environment(workspace).health is ServerHealth.READY
    assert "── mlops-console: python tell.py status ──" in log_of(workspace, job)


def test_nothing_of_a_value_becomes_code() -> None:
    values = {
        "model": "$(touch x); `id` 'a' \"b\"",
        "version": "1",
        "path": "/a b/{version}",
        "sha256": "",
        "port": "1",
    }
    assert words("run --to={path} {model} {sha256}", values) == ["run", "--to=/a b/{version}", values["model"], ""]


def test_a_rollback_takes_its_own_command_and_needs_no_configuration(workspace: Workspace) -> None:
    write_target(workspace, deploy="python tell.py deploy {version}", rollback="python tell.py back {version}")
    add_version(workspace)
    add_version(workspace, b"another")
    deploy(workspace, "fraud:1")
    deploy(workspace, "fraud:2")
    workspace.config_path.unlink()
    result = rollout.rollback(workspace, "production", None, "bad", new_job(workspace, "rollback"))
    assert (result["revision"], result["version"], result["restores"]) == (3, 1, 1)
    assert [call["words"] for call in told(workspace)] == [["deploy", "1"], ["deploy", "2"], ["back", "1"]]
    assert [path.name for path in (workspace.home / "targets" / "production").glob("*.skops")] == ["fraud-1.skops"]


def test_without_a_rollback_command_the_earlier_version_is_deployed(workspace: Workspace) -> None:
    write_target(workspace, deploy="python tell.py deploy {version}")
    add_version(workspace)
    add_version(workspace, b"another")
    deploy(workspace, "fraud:1")
    deploy(workspace, "fraud:2")
    rollout.rollback(workspace, "production", None, "bad", new_job(workspace, "rollback"))
    assert told(workspace)[-1]["words"] == ["deploy", "1"]


def test_a_command_that_fails_leaves_the_live_revision_and_tells_its_last_line(workspace: Workspace) -> None:
    port = write_target(workspace, deploy="true")
    add_version(workspace)
    deploy(workspace, "fraud:1")
    write_target(workspace, port, deploy="sh -c 'echo first; echo no such cluster >&2; exit 3'")
    with pytest.raises(JobError) as caught:
        deploy(workspace, "fraud:1")
    assert caught.value.message == (
        "production does not serve fraud:1: its deploy command ended with exit code 3: no such cluster. "
        "It may have changed something where the model serves."
    )
    assert caught.value.hint.startswith("fraud:1 stays the live version; ")
    found = environment(workspace)
    assert found.live is not None
    assert (found.live.revision, revision(workspace, 2).state) == (1, RevisionState.FAILED)


def test_a_command_that_is_silent_or_not_there_is_told_too(workspace: Workspace) -> None:
    port = write_target(workspace, deploy="sh -c 'exit 1'")
    add_version(workspace)
    with pytest.raises(JobError, match=r"its deploy command ended with exit code 1\. It may"):
        deploy(workspace, "fraud:1")
    write_target(workspace, port, deploy="./not-there {model}")
    with pytest.raises(JobError, match=r"exit code 127: \./not-there can't be run: No such file or directory\."):
        deploy(workspace, "fraud:1")


def test_a_status_that_does_not_pass_fails_the_revision(workspace: Workspace) -> None:
    write_target(workspace, deploy="true", status="sh -c 'echo 0 of 2 replicas; exit 1'")
    add_version(workspace)
    with pytest.raises(JobError, match="its status command ended with exit code 1: 0 of 2 replicas"):
        deploy(workspace, "fraud:1")
    assert states(workspace, 1)[-2:] == [RevisionState.TESTING, RevisionState.FAILED]


def test_a_damaged_model_never_reaches_a_command(workspace: Workspace) -> None:
    write_target(workspace, deploy="python tell.py")
    sha256 = add_version(workspace)
    path = workspace.objects.path(sha256)
    path.chmod(0o600)
    path.write_bytes(b"something else")
    with pytest.raises(JobError, match="is damaged: its content has another SHA-256"):
        deploy(workspace, "fraud:1")
    assert told(workspace) == []


SLOW = """
import os, pathlib, signal, subprocess, sys
def tidy(*_):
    pathlib.Path("tidied").touch()
    sys.exit(1)
signal.signal(signal.SIGTERM, tidy)
child = subprocess.Popen(["sleep", "600"])
pathlib.Path("child.tmp").write_text(str(child.pid))
os.rename("child.tmp", "child")
signal.pause()
"""


def test_a_stop_ends_all_that_the_command_has_started(workspace: Workspace) -> None:
    write_target(workspace, deploy="python slow.py")
    (workspace.root / "slow.py").write_text(SLOW)
    add_version(workspace)
    job = new_job(workspace)
    with in_background(workspace, "fraud:1", job) as raised:
        child = read_pid(workspace.root / "child")
        job.stop = True
    assert isinstance(raised[0], JobStopped)
    assert "its deploy command was stopped. It may have changed something" in raised[0].message
    assert (workspace.root / "tidied").exists()
    wait_for(lambda: not psutil.pid_exists(child), 10, "the end of what it has started")
    assert revision(workspace, 1).state is RevisionState.ABORTED


def test_a_command_that_takes_too_long_is_ended(workspace: Workspace) -> None:
    write_target(workspace, deploy="sleep 600", timeout="300ms")
    add_version(workspace)
    with pytest.raises(JobError, match=r"its deploy command took longer than 0\.3s"):
        deploy(workspace, "fraud:1")


def test_a_rollback_ends_the_command_that_runs_and_then_runs_alone(workspace: Workspace) -> None:
    port = write_target(workspace, deploy="python tell.py {version}", rollback="python alone.py")
    add_version(workspace)
    add_version(workspace, b"another")
    add_version(workspace, b"a third")
    deploy(workspace, "fraud:1")
    deploy(workspace, "fraud:2")
    write_target(workspace, port, deploy="python slow.py", rollback="python alone.py")
    (workspace.root / "slow.py").write_text(SLOW)
    (workspace.root / "alone.py").write_text(
        "import pathlib, psutil\n"
        "child = int(pathlib.Path('child').read_text())\n"
        "alive = [p.pid for p in psutil.process_iter(['status']) if p.info['status'] != 'zombie']\n"
        "pathlib.Path('alone').write_text(str(child not in alive))\n"
    )
    with in_background(workspace, "fraud:3", new_job(workspace)) as raised:
        read_pid(workspace.root / "child")
        result = rollout.rollback(workspace, "production", None, "bad", new_job(workspace, "rollback"))
    assert (workspace.root / "alone").read_text() == "True"
    assert (result["version"], result["revision_state"]) == (1, "live")
    assert revision(workspace, 3).state is RevisionState.ABORTED
    assert "revision 4 rolls production back" in raised[0].message


HOLDER = """
import sys, threading
from pathlib import Path
from mlops_console.delivery import target_command
from mlops_console.store.workspace import open_workspace
workspace = open_workspace(Path(sys.argv[1]))
with target_command.locked(workspace, "production", lambda: False) as lock:
    target_command.run(
        [sys.executable, "slow.py"], cwd=workspace.root, log=workspace.logs_dir / "x" / "target.log", variables={},
        timeout=600, lock=lock, stopping=lambda: False)
"""


def test_a_killed_worker_leaves_neither_the_command_nor_the_lock(workspace: Workspace) -> None:
    (workspace.root / "slow.py").write_text(SLOW)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(workspace.root)])
    child = read_pid(workspace.root / "child")
    with target_command.locked(workspace, "production", lambda: True) as held:
        assert held is None
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with target_command.locked(workspace, "production", lambda: False) as lock:
        assert lock is not None
        wait_for(lambda: not psutil.pid_exists(child), 10, "the end of what it has started")
    assert (workspace.root / "tidied").exists()


def test_what_a_command_leaves_running_serves_on(workspace: Workspace) -> None:
    (workspace.root / "leave.py").write_text(
        "import pathlib, subprocess\npathlib.Path('left').write_text(str(subprocess.Popen(['sleep', '600']).pid))\n"
    )
    write_target(workspace, deploy="python leave.py")
    add_version(workspace)
    deploy(workspace, "fraud:1")
    left = psutil.Process(read_pid(workspace.root / "left"))
    assert left.is_running()
    left.kill()


def test_the_same_job_again_runs_the_command_anew(workspace: Workspace) -> None:
    port = write_target(workspace, deploy="python slow.py")
    (workspace.root / "slow.py").write_text(SLOW)
    add_version(workspace)
    job = new_job(workspace)

    class DiedError(Exception):
        """What takes a worker's thread away in the middle."""

    class DyingJob(FakeJob):
        def stop_requested(self) -> bool:
            if (workspace.root / "child").exists():
                raise DiedError
            return False

    with pytest.raises(DiedError):
        deploy(workspace, "fraud:1", DyingJob(id=job.id))
    assert revision(workspace, 1).state is RevisionState.LOADING
    child = read_pid(workspace.root / "child")
    wait_for(lambda: not psutil.pid_exists(child), 10, "the end of what it has started")
    (workspace.root / "slow.py").write_text("")
    deploy(workspace, "fraud:1", job)
    assert revision(workspace, 1).state is RevisionState.LIVE
    assert environment(workspace).port == port


def test_servers_are_not_taken_from_below_a_live_version(workspace: Workspace) -> None:
    port = write_target(workspace, deploy="true")
    add_version(workspace)
    with workspace.store.write() as tx:
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", port)
        version = models.versions(tx, "fraud")[0]
        made = deploying.add_revision(tx, "production", version, kind="deploy", actor="ann", reason="")
        for state in (RevisionState.LOADING, RevisionState.LIVE):
            deploying.advance(tx, "production", made.revision, state, "ann")
    assert "by our own servers" in (plan_deploy(workspace, "fraud:1", "production").refused or "")
    with pytest.raises(RefusedError, match=r"serves fraud:1 by our own servers, and mlops\.toml now wants a target"):
        deploy(workspace, "fraud:1")
    assert environment(workspace).target is None


def test_a_plan_names_the_command_and_does_not_mind_the_port(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as serving:
        write_target(workspace, serving.getsockname()[1], deploy="run {version}", rollback="back {version}")
        add_version(workspace)
        plan = plan_deploy(workspace, "fraud:1", "production")
        assert (plan.refused, plan.notes) == (None, ("It runs, with a target of yours: run {version}",))


def test_a_probe_tells_and_takes_back(workspace: Workspace) -> None:
    write_target(workspace, deploy="true", status="sh -c 'test ! -e broken || { echo gone; exit 4; }'")
    add_version(workspace)
    deploy(workspace, "fraud:1")
    (workspace.root / "broken").touch()
    targets.probe(workspace, "production", lambda: False)
    found = environment(workspace)
    assert (found.health, found.error) == (
        ServerHealth.FAILED,
        "The status command of production ended with exit code 4: gone.",
    )
    with workspace.store.read() as db:
        assert [alert.message for alert in alerts.open_alerts(db)] == [found.error]
    (workspace.root / "broken").unlink()
    targets.probe(workspace, "production", lambda: False)
    found = environment(workspace)
    assert (found.health, found.error) == (ServerHealth.READY, None)
    with workspace.store.read() as db:
        assert alerts.open_alerts(db) == []


def test_a_probe_gives_way_to_a_deployment(workspace: Workspace) -> None:
    port = write_target(workspace, deploy="true", status="python slow.py")
    (workspace.root / "slow.py").write_text("")
    add_version(workspace)
    deploy(workspace, "fraud:1")
    (workspace.root / "slow.py").write_text(SLOW)

    def ask() -> None:
        targets.probe(workspace, "production", lambda: False)
        workspace.store.close()

    asking = threading.Thread(target=ask)
    asking.start()
    child = read_pid(workspace.root / "child")
    write_target(workspace, port, deploy="true")
    deploy(workspace, "fraud:1")
    asking.join()
    wait_for(lambda: not psutil.pid_exists(child), 10, "the end of what it has started")
    assert (environment(workspace).error, revision(workspace, 2).state) == (None, RevisionState.LIVE)
