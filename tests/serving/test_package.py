"""A packaged version, served by a process that knows of no workspace, answers as the workspace's server does."""

import hashlib
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlops_console.actions.base import JobContext
from mlops_console.actions.compile_model import ACTION
from mlops_console.core.errors import ModelError
from mlops_console.core.models import Column, ModelVersion, Signature
from mlops_console.models.package import read_package
from mlops_console.models.packaging import package
from mlops_console.serving.package import PortError, _listen
from mlops_console.store import models
from mlops_console.store.workspace import open_workspace
from tests.serving.helpers import ROW, Server, add_version, serving
from tests.support import free_port, wait_for

ROWS = [ROW, {"amount": -2.0, "count": 1, "country": None}, {"amount": 0.1, "count": 7, "country": "XX"}]
TENSORS = [
    {"name": "amount", "shape": [2], "datatype": "FP64", "data": [12.5, -3.0]},
    {"name": "count", "shape": [2], "datatype": "INT64", "data": [3, 1]},
    {"name": "country", "shape": [2], "datatype": "BYTES", "data": ["NO", "SE"]},
]
CSV = b"amount,count,country\n12.5,3,NO\n-1,2,\n"


@contextmanager
def running(folder: Path, elsewhere: Path, *, entry: str = "serve.py", **variables: str) -> Iterator[httpx.Client]:
    """A package's server in a process with a HOME and a folder of its own, and nothing of this one's environment."""
    elsewhere.mkdir()
    log = elsewhere / "log"
    port = free_port()
    command = [sys.executable, str(folder / "serve.py")] if entry == "serve.py" else [str(folder / entry)]
    environment = {"PATH": os.defpath, "HOME": str(elsewhere), "PYTHON": sys.executable, "MLOPS_PORT": str(port)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=elsewhere, env={**environment, **variables}, stdout=output, stderr=output
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:

            def answers() -> bool:
                assert process.poll() is None, log.read_text()
                try:
                    return client.get("/ping").status_code == 200
                except httpx.TransportError:
                    return False

            wait_for(answers, 50, "the package's server")
            yield client
    finally:
        process.terminate()
        assert process.wait(20) == 0, log.read_text()
    assert {path.name for path in elsewhere.iterdir()} <= {"log", ".cache"}  # onnxruntime's device id is in there


@pytest.fixture(scope="module")
def folder(fraud_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the version that the workspace's server serves, moved to where nothing of the workspace is."""
    workspace = fraud_server.workspace
    with workspace.store.read() as db:
        [version] = models.versions(db, "fraud")
    made = package(workspace, version, "oci-dir", tmp_path_factory.mktemp("made"))
    return Path(shutil.move(made, tmp_path_factory.mktemp("moved")))


@pytest.fixture(scope="module")
def packaged(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with running(folder, tmp_path_factory.mktemp("home") / "empty", MLOPS_REVISION="1") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "content", "headers"),
    [
        ("POST", "/invocations", {"dataframe_records": ROWS}, {}),
        ("POST", "/invocations", {"dataframe_records": [{"amount": "a lot"}]}, {}),
        ("POST", "/invocations", CSV, {"Content-Type": "text/csv"}),
        ("POST", "/v2/models/fraud/infer", {"inputs": TENSORS}, {}),
        ("POST", "/v2/models/fraud/versions/1/infer", {"inputs": TENSORS}, {}),
        ("POST", "/v2/models/fraud/versions/2/infer", {"inputs": TENSORS}, {}),
        ("POST", "/v1/models/fraud:predict", {"instances": ROWS}, {}),
        ("POST", "/v1/models/fraud:classify", {"examples": [ROW]}, {}),
        ("POST", "/v2/repository/index", {}, {}),
        ("GET", "/v1/models/fraud", None, {}),
        ("GET", "/v1/models/fraud/metadata", None, {}),
        ("GET", "/v2/models/fraud", None, {}),
        ("GET", "/v2/health/ready", None, {}),
        ("GET", "/ping", None, {}),
    ],
)
def test_it_answers_as_the_workspace_does(
    client: httpx.Client, packaged: httpx.Client, method: str, path: str, content: object, headers: dict[str, str]
) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode() if content is not None else None
    theirs, ours = (asked.request(method, path, content=body, headers=headers) for asked in (client, packaged))
    assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)
    for name in ("X-Model", "X-Revision", "X-Unseen", "Content-Type"):
        assert ours.headers.get(name) == theirs.headers.get(name), name


def test_metrics_name_the_model_and_feedback_is_refused(packaged: httpx.Client) -> None:
    assert 'model="fraud"' in packaged.get("/metrics").text
    refused = packaged.post("/feedback", json={"id": "a-1", "label": 1})
    assert refused.status_code == 501
    assert "keeps no feedback" in refused.json()["error"]


def test_the_shell_entry_and_a_token(folder: Path, tmp_path: Path) -> None:
    with running(folder, tmp_path / "empty", entry="serve", MLOPS_TOKEN="s3cret") as client:
        body = {"dataframe_records": [ROW]}
        assert client.post("/invocations", json=body).status_code == 401
        answer = client.post("/invocations", json=body, headers={"Authorization": "Bearer s3cret"})
        assert (answer.status_code, answer.headers["X-Revision"]) == (200, "0")


NUMBERS = Signature(
    (Column("a", "float64", "numeric"), Column("b", "float64", "numeric")), "classification", (0, 1), True
)


FAR = {"dataframe_records": [{"a": 1e306, "b": 0.0}]}  # beyond what any compiled form is compared on


def number_model() -> LogisticRegression:
    """One that onnxruntime takes as scikit-learn does."""
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 2)), columns=["a", "b"])
    return LogisticRegression().fit(frame, (frame.a + frame.b > 0).astype(int))


def test_the_compiled_form_travels(tmp_path: Path) -> None:
    """Where there is one that agrees, it is what answers there too, and scikit-learn what it was not compared on."""
    (tmp_path / "project").mkdir()
    workspace = open_workspace(tmp_path / "project")
    version = add_version(workspace, number_model(), NUMBERS, [{"a": 0.5, "b": -1.0}, {"a": 2.0, "b": 1.5}])
    request = ACTION.check({"model_ref": version.ref})
    ACTION.perform(workspace, request, JobContext(workspace, "compile_model", version.ref))
    made = Path(shutil.move(package(workspace, version, "oci-dir", tmp_path / "made"), tmp_path / "moved"))
    assert (made / "model.onnx").is_file()
    body = {"dataframe_records": [{"a": 0.1, "b": 0.2}, {"a": -4.0, "b": 3.0}]}
    with serving(workspace, version) as server:
        theirs = httpx.post(f"{server.url}/invocations", json=body).content
        beyond = httpx.post(f"{server.url}/invocations", json=FAR, timeout=30)  # the estimator is loaded for it
    assert beyond.status_code == 200
    workspace.store.close()
    shutil.rmtree(workspace.root)
    with running(made, tmp_path / "empty") as client:
        assert client.post("/invocations", json=body).content == theirs
        assert client.post("/invocations", json=FAR).content == beyond.content


def refusal(folder: Path, elsewhere: Path) -> str:
    """The last line of a server that must not start."""
    found = subprocess.run(
        [sys.executable, str(folder / "serve.py"), "--port", str(free_port())],
        cwd=elsewhere,
        env={"PATH": os.defpath, "HOME": str(elsewhere)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    return found.stderr.splitlines()[-1]


def test_a_file_that_was_tampered_with_is_not_served(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "fraud-1"
    shutil.copytree(folder, copy)
    (copy / "model.skops").write_bytes((copy / "model.skops").read_bytes() + b" ")
    assert "model.skops in " in (line := refusal(copy, tmp_path))
    assert "has another SHA-256" in line


def test_a_pickle_is_never_loaded_though_its_sum_is_right(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "fraud-1"
    shutil.copytree(folder, copy)
    content = pickle.dumps({"a": 1})
    (copy / "model.skops").write_bytes(content)
    told = json.loads((copy / "model.json").read_bytes())
    told["sha256"]["model.skops"] = hashlib.sha256(content).hexdigest()
    (copy / "model.json").write_text(json.dumps(told))
    assert "is no skops file; a pickle is never loaded" in refusal(copy, tmp_path)


def test_a_port_that_is_taken_is_told(folder: Path, packaged: httpx.Client, tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, str(folder / "serve.py"), "--port", str(packaged.base_url.port)],
        cwd=tmp_path,
        env={"PATH": os.defpath, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert found.returncode == 1
    assert re.search(r"Port \d+ of 127\.0\.0\.1 can't be listened on: Address already in use", found.stderr)


def test_a_port_that_there_is_not_is_told() -> None:
    with pytest.raises(PortError, match=r"^There is no port 99999\."):
        _listen("127.0.0.1", 99999)


def test_a_description_nested_too_deeply_is_damage(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match=r"The model\.json of .* is damaged"):
        read_package(tmp_path)


def test_a_regressor_without_an_example_serves(tmp_path: Path) -> None:
    """What has no probabilities and no example rows is packaged as well."""
    (tmp_path / "project").mkdir()
    workspace = open_workspace(tmp_path / "project")
    signature = Signature((Column("x", "float64", "numeric"),), "regression")
    version: ModelVersion = add_version(
        workspace, LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), signature, name="line"
    )
    made = package(workspace, version, "oci-dir", tmp_path / "made")
    workspace.store.close()
    with running(made, tmp_path / "empty") as client:
        answer = client.post("/invocations", json={"dataframe_records": [{"x": 3.0}]})
        assert answer.json()["predictions"] == pytest.approx([6.0])
