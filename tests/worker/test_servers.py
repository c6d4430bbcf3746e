"""Server processes are kept alive as long as something should serve. Their place is taken by a small stand-in."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops_console.core.deployments import Environment, RevisionState, ServerHealth
from mlops_console.core.models import ModelRef, Signature
from mlops_console.store import alerts, deployments, models
from mlops_console.store.identity import identify
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from mlops_console.worker.servers import Servers

STAND_IN = """
import pathlib, sys, time
from mlops_console.core.deployments import ServerHealth
from mlops_console.store import deployments
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import open_workspace
workspace = open_workspace(pathlib.Path(sys.argv[1]))
if (workspace.root / "broken").exists():
    sys.exit("the port is taken")
with workspace.store.write() as tx:
    deployments.report_server(tx, sys.argv[2], ServerHealth.READY, current_process())
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
        deployments.ensure_environment(tx, "production", "fraud", "127.0.0.1", 1)
        version = models.get(tx, ModelRef("fraud", 1))
        deployments.add_revision(tx, "production", version, kind="deploy", actor="a", reason="")
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
    assert environment.process is not None
    return environment.process.pid


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
    assert (stopped.health, stopped.process, stopped.desired is not None) == (ServerHealth.STOPPED, None, True)


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
        deployments.mark_live(tx, "production", 1)
        version = models.get(tx, ModelRef("fraud", 1))
        deployments.add_revision(tx, "production", version, kind="deploy", actor="a", reason="")
    (servers.workspace.root / "broken").touch()
    found = look_until(servers, lambda found: found.desired is not None and found.desired.revision == 1)
    assert found.health is ServerHealth.FAILED
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
    look_until(servers, lambda found: pid(found) != first)
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


def test_a_server_that_nothing_is_wanted_of_any_more_is_stopped(servers: Servers) -> None:
    look_until(servers, is_ready)
    with servers.workspace.store.write() as tx:
        deployments.mark_failed(tx, "production", 1, "it does not load")
    found = look_until(servers, lambda _: servers.is_idle)
    assert found.health is ServerHealth.STOPPED


def test_stopping_takes_over_what_a_killed_worker_left(servers: Servers) -> None:
    first = pid(look_until(servers, is_ready))
    assert client.stop_worker(servers.workspace)
    with pytest.raises(ProcessLookupError):
        identify(first)
