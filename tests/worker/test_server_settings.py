"""A running environment takes over other settings without failing a request. The servers are real ones."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mlops_console.core.deployments import Environment, ServerSettings
from mlops_console.store import deploying
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace
from mlops_console.worker.servers import Servers
from tests.serving.helpers import add_compiled_constant, add_revision, environment, free_port, go_live

HEADERS = {"Content-Type": "application/json"}
BODY = json.dumps({"dataframe_records": [{"x": 1.0}]})


class Clients:
    """Threads that ask without a pause: each even one on a connection that it keeps while the server does, each odd
    one on a connection for every request. They give an answer that they don't get to `failures`."""

    def __init__(self, port: int, count: int = 6) -> None:
        self.port = port
        self.answers = 0
        self.failures: list[str] = []
        self.enough = threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(number % 2 == 0,)) for number in range(count)]

    def __enter__(self) -> "Clients":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.enough.set()
        for thread in self.threads:
            thread.join()

    def ask(self, keep: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        while not self.enough.is_set():
            try:
                connection.request("POST", "/invocations", BODY, HEADERS)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            if answer.status != 200:
                self.failures.append(f"{answer.status} {content!r}")
            self.answers += 1
            if not keep:
                connection.close()
        connection.close()

    def go_on(self, requests: int) -> None:
        """Wait until so many more are answered."""
        least = self.answers + requests
        deadline = time.monotonic() + 20
        while self.answers < least:
            assert time.monotonic() < deadline, self.failures
            time.sleep(0.005)


@pytest.fixture
def served(workspace: Workspace) -> Iterator[tuple[Servers, int]]:
    """Production, with one process that answers, and its port."""
    port = free_port()
    add_revision(workspace, add_compiled_constant(workspace, 1), port)
    servers = Servers(workspace)
    look_until(servers, lambda found: bool(found.processes and found.processes[0].prepared))
    go_live(workspace, 1)
    look_until(servers, lambda found: found.observed == 1)
    yield servers, port
    servers.stop()


def look_until(servers: Servers, predicate: Callable[[Environment], bool]) -> Environment:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        servers.look()
        found = environment(servers.workspace)
        if predicate(found):
            return found
        time.sleep(0.01)
    raise AssertionError(found)


def settle(servers: Servers, port: int, **settings: Any) -> None:
    with servers.workspace.store.write() as tx:
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", port, ServerSettings(**settings))


def test_more_and_fewer_processes_under_load(served: tuple[Servers, int]) -> None:
    servers, port = served
    [first] = environment(servers.workspace).processes
    with Clients(port) as clients:
        clients.go_on(50)
        settle(servers, port, workers=3)
        more = look_until(servers, lambda found: len(found.ready) == 3)
        clients.go_on(200)
        settle(servers, port, workers=1)
        fewer = look_until(servers, lambda found: len(found.processes) == 1)
        clients.go_on(50)
    assert clients.failures == []
    assert more.processes[0].process == fewer.processes[0].process == first.process


def test_limits_and_the_log_are_taken_over_by_the_running_process(served: tuple[Servers, int]) -> None:
    servers, port = served
    before = environment(servers.workspace).processes[0].process
    with Clients(port) as clients:
        clients.go_on(50)
        settle(servers, port, body=10, sample=0.0)
        look_until(servers, lambda _: any(failure.startswith("413") for failure in clients.failures))
        settle(servers, port, private=("x",))
        look_until(servers, lambda _: logged(servers.workspace) == {})
    assert {failure[:3] for failure in clients.failures} == {"413"}
    assert environment(servers.workspace).processes[0].process == before


def logged(workspace: Workspace) -> Any:
    """The inputs of the newest request in the log."""
    newest = PredictionLog(workspace.predictions_path).newest("production", 1)
    return newest[0].inputs if newest else None
