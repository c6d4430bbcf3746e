"""Swaps in the running server: under load, with damaged and untrusted files, and after a restart."""

import json
import socket
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from mlops_console.core.deployments import RevisionState, RolloutPlan, ServerHealth
from mlops_console.core.models import CompiledModel, ModelVersion
from mlops_console.models.compiling import compile_model, fitting
from mlops_console.models.storage import save_model
from mlops_console.store import changes, compiled, deploying, models
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import (
    Server,
    add_constant,
    add_revision,
    add_version,
    constant_model,
    constant_signature,
    environment,
    go_live,
    revision,
    serving,
    start,
)
from tests.support import free_port, wait_for

BODY = {"instances": [[1.0]]}


@dataclass(slots=True)
class Load:
    """Clients with a connection each that ask without a pause, and what they were told."""

    url: str
    clients: int = 8
    labels: dict[str, int] = field(default_factory=dict)  # model reference -> its answer
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)  # (model, revision) -> how many
    failures: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self.threads = [threading.Thread(target=self._ask) for _ in range(self.clients)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self.url, timeout=20) as client:
            while not self.stop.is_set():
                try:
                    self._check(client.post("/invocations", json=BODY))
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))

    def _check(self, response: httpx.Response) -> None:
        model, revision = response.headers["x-model"], response.headers["x-revision"]
        if response.status_code != 200 or response.json() != {"predictions": [self.labels[model]]}:
            self.failures.append(f"{response.status_code} {model} {response.text}")
        self.answers[model, revision] += 1


def test_no_request_fails_while_models_are_swapped(workspace: Workspace) -> None:
    versions = [add_constant(workspace, label) for label in range(5)]
    labels = {version.ref: label for label, version in enumerate(versions)}
    with serving(workspace, versions[0]) as server, Load(server.url, labels=labels) as load:
        for number in range(20):
            version = versions[number % 5]
            found = server.swap(version)
            assert found.state is RevisionState.LIVE, found.error
            before = load.answers[version.ref, str(found.revision)]
            wait_for(lambda key=(version.ref, str(found.revision)), n=before: load.answers[key] > n + 8)
    assert load.failures == []
    assert {revision for _, revision in load.answers} >= {str(n) for n in range(2, 22)}
    assert all(labels[model] == (int(revision) - 2) % 5 for model, revision in load.answers if revision != "1")


def test_once_a_revision_is_live_no_older_one_answers(workspace: Workspace) -> None:
    versions = [add_constant(workspace, label) for label in range(2)]
    with serving(workspace, versions[0]) as server, httpx.Client(base_url=server.url) as client:
        for number in range(30):
            revision = server.swap(versions[number % 2])
            response = client.post("/invocations", json=BODY)
            assert response.json() == {"predictions": [number % 2]}
            assert response.headers["x-revision"] == str(revision.revision)


def test_a_client_that_reads_no_answers_holds_up_no_swap(workspace: Workspace) -> None:
    versions = [add_constant(workspace, label) for label in range(2)]
    body = json.dumps({"inputs": [{"name": "x", "shape": [100_000], "datatype": "FP64", "data": [1] * 100_000}]})
    head = f"POST /v2/models/fraud/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with serving(workspace, versions[0]) as server, socket.socket() as rude:
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        rude.settimeout(2)
        rude.connect(("127.0.0.1", int(server.url.rsplit(":", 1)[1])))
        with pytest.raises(TimeoutError):  # the server takes no more of them
            for _ in range(100):
                rude.sendall((head + body).encode())
        assert server.swap(versions[1]).state is RevisionState.LIVE
        assert environment(workspace).observed == 2


def test_a_damaged_file_is_refused_and_the_old_model_serves_on(workspace: Workspace) -> None:
    good, bad = add_constant(workspace, 1), add_constant(workspace, 2)
    path = workspace.objects.path(bad.sha256)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with serving(workspace, good) as server:
        failed = server.swap(bad)
        assert failed.state is RevisionState.FAILED
        assert failed.error is not None
        assert "damaged" in failed.error
        assert_serves(server, good, revision=1, answer=1)
        found = environment(workspace)
        assert found.live is not None
        assert (found.live.revision, found.candidate) == (1, None)
        assert (found.observed, found.health) == (1, ServerHealth.READY)


def test_a_missing_file_is_refused(workspace: Workspace) -> None:
    good, bad = add_constant(workspace, 1), add_constant(workspace, 2)
    workspace.objects.path(bad.sha256).unlink()
    with serving(workspace, good) as server:
        assert "missing" in str(server.swap(bad).error)
        assert_serves(server, good, revision=1, answer=1)


def test_a_file_that_can_not_be_read_is_refused(workspace: Workspace) -> None:
    good, bad = add_constant(workspace, 1), add_constant(workspace, 2)
    path = workspace.objects.path(bad.sha256)
    path.unlink()
    path.mkdir()
    with serving(workspace, good) as server:
        assert "can't be read" in str(server.swap(bad).error)
        assert_serves(server, good, revision=1, answer=1)


def test_a_version_whose_row_is_damaged_is_not_served_and_the_live_one_goes_on(workspace: Workspace) -> None:
    good, strange = add_constant(workspace, 1), add_constant(workspace, 2)
    with workspace.store.write() as tx:
        tx.execute("UPDATE model_versions SET signature = '[]' WHERE version = 2")
    with serving(workspace, good) as server:
        failed = server.swap(strange)
        assert failed.state is RevisionState.FAILED
        assert str(failed.error).startswith("The store is damaged: ")
        assert_serves(server, good, revision=1, answer=1)


def test_untrusted_types_are_refused_until_mlops_toml_trusts_them(workspace: Workspace) -> None:
    strange = make_pipeline(FunctionTransformer(inverse_func=textwrap.dedent), constant_model(2))
    untrusted = skops.io.get_untrusted_types(data=skops.io.dumps(strange))
    assert untrusted == ["textwrap.dedent"]
    good = add_constant(workspace, 1)
    version = add_version(workspace, strange, constant_signature(2))
    with serving(workspace, good) as server:
        failed = server.swap(version)
        assert failed.state is RevisionState.FAILED
        assert "textwrap.dedent" in str(failed.error)
        assert_serves(server, good, revision=1, answer=1)
        workspace.config_path.write_text('[project]\nname = "x"\n[models.fraud]\ntrusted_types = ["textwrap.dedent"]\n')
        assert server.swap(version).state is RevisionState.LIVE


def test_a_model_that_fails_on_its_own_example_is_refused(workspace: Workspace) -> None:
    good = add_constant(workspace, 1)
    signature = constant_signature(2)
    bad = add_version(workspace, constant_model(2), signature, [{"x": "a text"}])
    with serving(workspace, good) as server:
        assert "input example of fraud:2" in str(server.swap(bad).error)
        assert_serves(server, good, revision=1, answer=1)


def test_the_first_model_that_can_not_be_loaded_is_told(workspace: Workspace) -> None:
    version = add_constant(workspace, 1)
    workspace.objects.path(version.sha256).unlink()
    with serving(workspace, version) as server, httpx.Client(base_url=server.url) as client:
        found = revision(workspace, 1)
        assert found.state is RevisionState.FAILED
        assert "missing" in str(found.error)
        assert environment(workspace).candidate is None
        assert environment(workspace).health is ServerHealth.STARTING
        assert client.get("/v2/health/live").status_code == 200
        for response in (client.get("/v2/health/ready"), client.post("/invocations", json=BODY)):
            assert response.status_code == 503
            assert "missing" in response.json()["error"]
        fine = add_constant(workspace, 3)
        assert server.swap(fine).state is RevisionState.LIVE
        assert_serves(server, fine, revision=2, answer=3)


def test_a_live_model_whose_file_is_gone_is_served_again_when_it_is_back(workspace: Workspace) -> None:
    version = add_constant(workspace, 1)
    path = workspace.objects.path(version.sha256)
    content = path.read_bytes()
    with serving(workspace, version) as server:
        url = server.url
    path.unlink()
    process = start(workspace)
    try:
        wait_for(lambda: environment(workspace).health is ServerHealth.FAILED, 20)
        path.write_bytes(content)
        wait_for(lambda: environment(workspace).health is ServerHealth.READY, 20)
        assert httpx.post(f"{url}/invocations", json=BODY).headers["x-revision"] == "1"
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("kind", ["deploy", "rollback"])
def test_a_live_model_whose_file_is_gone_gives_way_to_the_next_one(workspace: Workspace, kind: str) -> None:
    """After a restart, so that nothing is in memory: the way out must not need what is broken."""
    version, good = add_constant(workspace, 1), add_constant(workspace, 2)
    with serving(workspace, version) as server:
        url = server.url
    workspace.objects.path(version.sha256).unlink()
    process = start(workspace)
    try:
        wait_for(lambda: environment(workspace).health is ServerHealth.FAILED, 20)
        restarted = Server(workspace, process, url)
        number = add_revision(workspace, good, int(url.rsplit(":", 1)[1]), kind).revision
        assert restarted.settle(number).state is RevisionState.LIVE
        assert_serves(restarted, good, 2, 2)
        assert (environment(workspace).health, environment(workspace).error) == (ServerHealth.READY, None)
    finally:
        process.terminate()
        process.wait(20)


def log_of(workspace: Workspace) -> str:
    return (workspace.logs_dir / "server.log").read_text()


def test_a_live_version_that_can_not_be_loaded_beside_one_that_serves_does_not_flood_the_store(
    workspace: Workspace,
) -> None:
    """As after a rollback to what the server has just let go from its memory, and whose file is gone."""
    served, gone, other = (add_constant(workspace, label) for label in range(1, 4))
    with serving(workspace, served) as server:
        assert server.prepared(add_revision(workspace, other, free_port()).revision)
        workspace.objects.path(gone.sha256).unlink()
        with workspace.store.write() as tx:
            found = deploying.add_revision(tx, "production", gone, kind="rollback", actor="ann", reason="")
            for state in (RevisionState.LOADING, RevisionState.LIVE):
                deploying.advance(tx, "production", found.revision, state, "ann")
            before = changes.latest(tx)
        wait_for(lambda: log_of(workspace).count("can't serve") >= 2, 20)
        with workspace.store.read() as db:
            assert changes.latest(db) - before < 20
        assert "missing" in str(environment(workspace).error)
        assert httpx.post(f"{server.url}/invocations", json=BODY).headers["x-revision"] == "1"


def test_an_alias_that_is_set_later_is_known_as_a_label(workspace: Workspace) -> None:
    version = add_constant(workspace, 1)
    with serving(workspace, version) as server:
        wait_for_beat(workspace)
        with workspace.store.write() as tx:
            models.set_alias(tx, version.model, "champion", version.version)
        path = f"{server.url}/v1/models/{version.model}/labels/champion"
        wait_for(lambda: httpx.get(path).status_code == 200, 15)


def wait_for_beat(workspace: Workspace) -> None:
    seen = environment(workspace).heartbeat_at or 0.0
    wait_for(lambda: (environment(workspace).heartbeat_at or 0.0) > seen, 20)


def test_a_compiled_form_that_is_damaged_is_tried_once(workspace: Workspace) -> None:
    served, other = add_constant(workspace, 1), add_constant(workspace, 2)
    with serving(workspace, served) as server:
        number = add_revision(workspace, other, free_port()).revision
        assert server.prepared(number)
        go_live(workspace, number, RevisionState.CANARY)  # there the server looks every second
        with workspace.store.write() as tx:
            form = CompiledModel("agrees", time.time(), "0" * 64, 1)
            compiled.record(tx, served.model, served.version, form)
        wait_for(lambda: log_of(workspace).count("without its compiled form") >= 1, 20)
        for _ in range(3):
            wait_for_beat(workspace)
        assert log_of(workspace).count("without its compiled form") == 1


def test_a_shadow_whose_file_is_damaged_disturbs_nobody(workspace: Workspace) -> None:
    """Its compiled form answers what it was compared on; for other rows its estimator is needed, which is gone."""
    frame = pd.DataFrame({"x": np.linspace(-3, 3, 100)})
    model, other = (LogisticRegression().fit(frame, labels) for labels in (frame.x > 0, frame.x > 1))
    live = save_model(workspace, None, model, "fraud", frame)
    shadow = save_model(workspace, None, other, "fraud", frame)
    rows = fitting(shadow.signature, frame.to_dict("records"))
    form, content = compile_model(other, shadow.signature, rows, lambda *_: None)
    assert content is not None
    with workspace.store.write() as tx:
        compiled.record(tx, "fraud", 2, replace(form, sha256=workspace.objects.put_bytes(content), size=len(content)))
    log = workspace.logs_dir / "server.log"
    with serving(workspace, live) as server:
        number = add_revision(workspace, shadow, free_port(), rollout=RolloutPlan("shadow")).revision
        assert server.prepared(number)
        workspace.objects.path(shadow.sha256).unlink()
        go_live(workspace, number, RevisionState.CANARY)
        wait_for(lambda: ask(server, 3.0) and stats_of(workspace).get("mirrored", [0])[0], 20, "copies")
        assert errors_of(workspace, number) == 0
        for _ in range(3):
            assert ask(server, 1e305)  # for which its form was not compared
        wait_for(lambda: errors_of(workspace, number) == 3, 20, "three failed copies")
        compared, agreed = stats_of(workspace)["mirrored"]
        assert compared - agreed == 3
        wait_for(
            lambda: ask(server, 3.0) and stats_of(workspace)["mirrored"][1] > agreed, 20, "another copy that agrees"
        )
    assert log.read_text().count("ERROR The file of fraud:2 is missing or damaged.") == 3
    assert "Traceback" not in log.read_text()


def ask(server: Server, x: float) -> bool:
    """Whether the live version answers."""
    answer = httpx.post(f"{server.url}/invocations", json={"dataframe_records": [{"x": x}]})
    return (answer.status_code, answer.headers["x-model"]) == (200, "fraud:1")


def stats_of(workspace: Workspace) -> Mapping[str, Any]:
    """The traffic that the server has told of."""
    return environment(workspace).processes[0].stats


def errors_of(workspace: Workspace, number: int) -> int:
    """Of the answers of a revision."""
    return int(stats_of(workspace)["arms"][str(number)]["errors"])


def test_a_port_in_use_ends_the_server_with_one_sentence(workspace: Workspace) -> None:
    version = add_constant(workspace, 1)
    with serving(workspace, version) as server:
        port = int(server.url.rsplit(":", 1)[1])
    with socket.create_server(("127.0.0.1", port)):
        assert start(workspace).wait(20) == 1
    found = environment(workspace)
    assert found.error == f"Port {port} of 127.0.0.1 can't be listened on: Address already in use."
    assert found.health is ServerHealth.FAILED
    assert found.live is not None
    log = (workspace.logs_dir / "server.log").read_text()
    assert found.error in log
    assert "Traceback" not in log


def test_a_first_revision_whose_port_is_in_use_fails_at_once(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        add_revision(workspace, add_constant(workspace, 1), other.getsockname()[1])
        assert start(workspace).wait(20) == 1
    found = environment(workspace)
    assert found.candidate is None
    assert found.health is ServerHealth.FAILED
    assert "can't be listened on" in str(revision(workspace, 1).error)


def test_a_stopped_server_answers_what_is_under_way_and_logs_it(workspace: Workspace) -> None:
    version = add_constant(workspace, 1)
    with serving(workspace, version) as server, Load(server.url, labels={version.ref: 1}) as load:
        wait_for(lambda: load.answers.total() > 50)
        server.process.terminate()
        assert server.process.wait(20) == 0
        load.stop.set()
    assert not [failure for failure in load.failures if "Connect" not in failure and "Protocol" not in failure]
    found = environment(workspace)
    assert (found.health, found.processes) == (ServerHealth.STOPPED, ())
    assert PredictionLog(workspace.predictions_path).count("production", 0, 1e12) >= load.answers.total()


def test_a_server_whose_environment_moves_leaves_its_port(workspace: Workspace) -> None:
    version = add_constant(workspace, 1)
    with serving(workspace, version) as server:
        with workspace.store.write() as tx:
            deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", free_port())
        assert server.process.wait(20) == 0


def test_a_server_beats(workspace: Workspace) -> None:
    version = add_constant(workspace, 1)
    with serving(workspace, version):
        first = environment(workspace).heartbeat_at
        assert first is not None
        wait_for(lambda: (environment(workspace).heartbeat_at or 0) > first, 10)


def test_the_newest_versions_stay_in_memory(workspace: Workspace) -> None:
    """A rollback must not need the files: they are taken away."""
    versions = [add_constant(workspace, label) for label in range(3)]
    with serving(workspace, versions[0]) as server:
        for version in versions[1:]:
            server.swap(version)
        for version in versions:
            workspace.objects.path(version.sha256).unlink()
        for label, version in enumerate(versions):
            revision = server.swap(version)
            assert revision.state is RevisionState.LIVE
            assert_serves(server, version, revision.revision, label)


def assert_serves(server: Server, version: ModelVersion, revision: int, answer: int) -> None:
    response = httpx.post(f"{server.url}/invocations", json=BODY)
    assert response.json() == {"predictions": [answer]}
    assert (response.headers["x-model"], response.headers["x-revision"]) == (version.ref, str(revision))
