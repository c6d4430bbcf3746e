"""Copies of projects to work in, and what the tests do with them over HTTP."""

import http.client
import json
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlops_console.core.deployments import Environment
from mlops_console.core.jobs import Job, JobState
from mlops_console.store import deployments
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.worker import client
from tests.support import free_port

if TYPE_CHECKING:
    import pandas as pd


def copy_project(source: Path, target: Path) -> Workspace:
    """A fresh copy with ports of its own, so that tests may run side by side."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(".mlops", "build", "data", "__pycache__"))
    config = target / "mlops.toml"
    text = config.read_text()
    for port in re.findall(r"(?m)^port = (\d+)$", text):
        text = re.sub(rf"\b{port}\b", str(free_port()), text)
    config.write_text(text)
    return open_workspace(target)


def do(workspace: Workspace, action: str, **request: Any) -> Job:
    """Have the worker perform an action, and wait until it has succeeded."""
    job_id = client.execute(workspace, action, request).job_id
    assert job_id is not None
    job = client.wait(workspace, job_id, 90)
    assert job.state is JobState.SUCCEEDED, job
    return job


def environment(workspace: Workspace, name: str) -> Environment:
    with workspace.store.read() as db:
        found = deployments.environment(db, name)
    assert found is not None
    return found


def live(workspace: Workspace, name: str) -> tuple[str, str]:
    """The model and the revision that a real answer names just now."""
    connection = http.client.HTTPConnection(urlsplit(environment(workspace, name).url).netloc, timeout=10)
    connection.request("GET", "/v2/health/ready")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 200
    return answer.headers["X-Model"], answer.headers["X-Revision"]


def answer_and_tell(workspace: Workspace, name: str, frame: "pd.DataFrame", target: str, batch: int = 100) -> None:
    """Have rows answered, `batch` in each request, and tell at once what was true of each: the column `target`."""
    connection = http.client.HTTPConnection(urlsplit(environment(workspace, name).url).netloc, timeout=30)

    def post(path: str, body: object) -> str:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status in (200, 202), content
        return answer.headers["X-Request-Id"]

    for start in range(0, len(frame), batch):
        part = frame[start : start + batch]
        inputs = part.drop(columns=target)
        body = {"columns": list(inputs), "data": inputs.to_numpy().tolist()}
        post("/feedback", {"id": post("/invocations", {"dataframe_split": body}), "labels": part[target].tolist()})
    connection.close()


def predict(workspace: Workspace, name: str, rows: Iterable[Mapping[str, Any]], batch: int = 50) -> list[Any]:
    """Have rows answered by POST /invocations, `batch` in each request."""
    rows = list(rows)
    connection = http.client.HTTPConnection(urlsplit(environment(workspace, name).url).netloc, timeout=30)
    predictions = []
    for start in range(0, len(rows), batch):
        body = json.dumps({"dataframe_records": rows[start : start + batch]})
        connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        predictions += json.loads(content)["predictions"]
    connection.close()
    return predictions
