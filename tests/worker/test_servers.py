"""Server processes are kept alive as long as something should serve. Their place is taken by a small stand-in."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops_console.core.deployments import Environment, RevisionState, ServerHealth, ServerSettings, TargetSettings
from mlops_console.core.models import ModelRef, Signature
from mlops_console.core.runs import ProcessIdentity
from mlops_console.store import alerts, deploying, deployments, models, server_processes
from mlops_console.store.identity import identify, process_state
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client, processes
from mlops_console.worker import servers as servers_module
from mlops_console.worker.servers import Servers
from tests.delivery.helpers import advance

STAND_IN = """
import pathlib, sys, time
from mlops_console.core.deployments import ServerHealth, ServerProcess
from mlops_console.store import deploying, deployments, server_processes
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import open_workspace
workspace = open_workspace(pathlib.Path(sys.argv[1]))
environment, slot, own = sys.argv[2], int(sys.argv[3]), current_process()
if (workspace.root / "broken").exists():
    sys.exit("the port is taken")
with workspace.store.write() as tx:
    server_processes.started(tx, environment, slot, own)
    epoch = deployments.epoch(tx, environment)
    server_processes.follows(tx, environment, ServerProcess(slot, own, ServerHealth.READY, 0.0, epoch))
while not (workspace.root / "leave").exists():
    time.sleep(0.01)
"""


@pytest.fixture
def servers(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    """The servers of a workspace whose environment `production` should serve a first revision."""
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    paths = [str(tmp_path), *(str(Path(entry).resolve()) for entry in os.environ.get("PYTHONPATH", "").split(":"))]
    monkeypatch.setenv("PYTHONPATH", ":".join(paths))
    with workspace.store.write() as tx:
        signature = Signature((), "classification")
        models.add_version(tx, "fraud", sha256="a" * 64, size=1, estimator="E", signature=signature)
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", 1)
        version = models.get(tx, ModelRef("fraud", 1))
        deploying.add_revision(tx, "production", version, kind="deploy", actor="a", reason="")
        advance(tx, "production", 1, RevisionState.LOADING)
    servers = Servers(workspace, "stand_in")
    yield servers
    servers.stop()


def look_until(servers: Servers, predicate: Callable[[Environment], bool]) -> Environment:
    """Look as the worker does, until the environment is as wanted."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        servers.look()
        with servers.workspace.store.read() as db:
            found = deployments.environment(db, "production")
        assert found is not None
        if predicate(found):
            return found
        time.sleep(0.01)
    raise AssertionError(found)


def pid(environment: Environment) -> int:
    [server] = environment.processes
    return server.process.pid


def is_ready(environment: Environment) -> bool:
    return environment.health is ServerHealth.READY


def open_alerts(servers: Servers) -> list[str]:
    servers.look()
    with servers.workspace.store.read() as db:
        return [alert.message for alert in alerts.open_alerts(db)]


def test_a_server_is_started_and_stopped_in_good_order(servers: Servers) -> None:
    process = pid(look_until(servers, is_ready))
    servers.stop()
    assert servers.is_idle
    with pytest.raises(ProcessLookupError):
        identify(process)
    with servers.workspace.store.read() as db:
        stopped = deployments.environment(db, "production")
    assert stopped is not None
    assert (stopped.processes, stopped.candidate is not None) == ((), True)


def test_a_server_that_is_killed_comes_back_with_an_alert_in_between(servers: Servers) -> None:
    first = pid(look_until(servers, is_ready))
    os.kill(first, signal.SIGKILL)
    failed = look_until(servers, lambda found: found.health is ServerHealth.FAILED)
    assert failed.error == "The server of production ended with signal SIGKILL."
    assert open_alerts(servers) == [failed.error]
    assert pid(look_until(servers, is_ready)) != first
    assert open_alerts(servers) == []


def test_a_server_that_can_not_start_is_tried_again_at_growing_intervals(servers: Servers) -> None:
    (servers.workspace.root / "broken").touch()
    failed = look_until(servers, lambda found: found.health is ServerHealth.FAILED)
    assert failed.error == "The server of production ended with exit code 1: the port is taken"
    look_until(servers, lambda found: found.health is ServerHealth.STARTING)
    (servers.workspace.root / "broken").unlink()
    look_until(servers, is_ready)


def test_a_revision_that_ends_its_server_again_and_again_is_given_up(servers: Servers) -> None:
    with servers.workspace.store.write() as tx:
        advance(tx, "production", 1, RevisionState.LIVE)
        version = models.get(tx, ModelRef("fraud", 1))
        deploying.add_revision(tx, "production", version, kind="deploy", actor="a", reason="")
        advance(tx, "production", 2, RevisionState.LOADING)
    (servers.workspace.root / "broken").touch()
    found = look_until(servers, lambda found: found.candidate is None)
    assert found.health is ServerHealth.FAILED
    assert found.live is not None
    (servers.workspace.root / "broken").unlink()
    with servers.workspace.store.read() as db:
        given_up = deployments.revision(db, "production", 2)
    assert (given_up.state, given_up.error) == (
        RevisionState.FAILED,
        "The server of production ended with exit code 1: the port is taken",
    )
    look_until(servers, is_ready)


def test_a_server_that_ends_by_itself_is_started_again_without_an_alert(servers: Servers) -> None:
    first = pid(look_until(servers, is_ready))
    leave = servers.workspace.root / "leave"
    leave.touch()
    look_until(servers, lambda found: len(found.processes) == 1 and pid(found) != first)
    leave.unlink()
    look_until(servers, is_ready)
    assert open_alerts(servers) == []


def test_the_next_worker_adopts_a_living_server(servers: Servers) -> None:
    first = pid(look_until(servers, is_ready))
    adopted = Servers(servers.workspace, "stand_in")
    adopted.adopt()
    assert pid(look_until(adopted, is_ready)) == first
    adopted.stop()
    with pytest.raises(ProcessLookupError):
        identify(first)


def test_adopting_looks_at_each_process_once(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads the environments has looked already: those that are dead are not among its processes."""
    look_until(servers, is_ready)
    looked: list[ProcessIdentity] = []

    def counted(process: ProcessIdentity) -> str:
        looked.append(process)
        return process_state(process)

    monkeypatch.setattr(processes, "process_state", counted)
    monkeypatch.setattr(server_processes, "process_state", counted)
    adopted = Servers(servers.workspace, "stand_in")
    adopted.adopt()
    assert len(looked) == 1
    assert not adopted.is_idle


def test_a_server_that_nothing_is_wanted_of_any_more_is_stopped(servers: Servers) -> None:
    look_until(servers, is_ready)
    with servers.workspace.store.write() as tx:
        advance(tx, "production", 1, RevisionState.FAILED, reason="it does not load")
    found = look_until(servers, lambda _: servers.is_idle)
    assert (found.health, found.processes) == (ServerHealth.NONE, ())


def test_stopping_takes_over_what_a_killed_worker_left(servers: Servers) -> None:
    [first] = look_until(servers, is_ready).processes
    assert client.stop_worker(servers.workspace)
    assert process_state(first.process) == "dead"


def set_workers(servers: Servers, count: int) -> None:
    with servers.workspace.store.write() as tx:
        settings = ServerSettings(workers=count)
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", 1, settings)


def are_ready(count: int) -> Callable[[Environment], bool]:
    return lambda found: len(found.ready) == len(found.processes) == count


def test_as_many_processes_as_the_environment_has_workers(servers: Servers) -> None:
    set_workers(servers, 3)
    found = look_until(servers, are_ready(3))
    assert [server.slot for server in found.processes] == [0, 1, 2]
    assert len({server.process.pid for server in found.processes}) == 3
    set_workers(servers, 1)
    fewer = look_until(servers, are_ready(1))
    assert fewer.processes == found.processes[:1]


def test_one_of_several_that_is_killed_comes_back_and_the_others_stay(servers: Servers) -> None:
    set_workers(servers, 2)
    first, second = look_until(servers, are_ready(2)).processes
    os.kill(second.process.pid, signal.SIGKILL)
    look_until(servers, lambda found: second.process not in [server.process for server in found.processes])
    found = look_until(servers, are_ready(2))
    assert found.processes[0] == first
    assert found.processes[1].process != second.process
    assert found.error is None  # the environment answered all the time


def test_an_environment_of_another_target_gets_no_server(servers: Servers) -> None:
    with servers.workspace.store.write() as tx:
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", 1, target=TargetSettings("true"))
    servers.look()
    assert servers.is_idle


def test_a_live_version_that_crashes_for_ever_is_given_up_until_something_changes(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers_module, "_LONGEST_PAUSE", 0.0)
    with servers.workspace.store.write() as tx:
        advance(tx, "production", 1, RevisionState.LIVE)
    broken = servers.workspace.root / "broken"
    broken.touch()
    found = look_until(servers, lambda found: "is not started again" in (found.error or ""))
    assert found.error == (
        "The server of production ended with exit code 1: the port is taken. It has crashed 8 times in a row and is "
        "not started again. 'mlops-console rollback production' goes back to the version that was live before."
    )
    broken.unlink()
    for _ in range(20):
        servers.look()
    with servers.workspace.store.read() as db:
        assert deployments.environment(db, "production") == found
    with servers.workspace.store.write() as tx:
        deploying.touch(tx, "production")
    look_until(servers, is_ready)
