"""/metrics, read by Prometheus itself where it is installed, else by its client's parser."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mlops_console.store.workspace import Workspace
from tests.serving.helpers import FRAUD, ROW, Server, add_version, fraud_model, serving
from tests.support import free_port, wait_for


def ask(server: Server, times: int) -> None:
    for _ in range(times):
        assert httpx.post(f"{server.url}/invocations", json={"dataframe_records": [ROW]}).status_code == 200
    assert httpx.post(f"{server.url}/invocations", json={"dataframe_records": [{}]}).status_code == 422


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_a_server_counts(workspace: Workspace) -> None:
    with serving(workspace, add_version(workspace, fraud_model(), FRAUD, [ROW])) as server:
        ask(server, 5)
        answer = httpx.get(f"{server.url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.text)
    answered = (("code", "200"), ("protocol", "mlflow"), ("revision", "1"))
    assert found["mlops_requests_total", answered] == 5
    refused = (("code", "422"), ("protocol", "mlflow"), ("revision", "1"))
    assert found["mlops_requests_total", refused] == 1
    assert found["mlops_request_seconds_count", (("protocol", "mlflow"),)] == 6
    assert found["mlops_batch_rows_sum", ()] == 5
    assert found["mlops_queue_requests", ()] == 0
    served = (("environment", "production"), ("model", "fraud"), ("revision", "1"), ("version", "1"))
    assert found["mlops_model_share", served] == 1


def test_prometheus_scrapes_it(workspace: Workspace, tmp_path: Path) -> None:
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        pytest.skip("prometheus (Debian's package) is not installed; the test above reads it by its client's parser")
    with serving(workspace, add_version(workspace, fraud_model(), FRAUD, [ROW])) as server:
        ask(server, 3)
        target = server.url.removeprefix("http://")
        (tmp_path / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            f"scrape_configs: [{{job_name: mlops, static_configs: [{{targets: ['{target}']}}]}}]\n"
        )
        port = free_port()
        process = subprocess.Popen(
            [prometheus, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            found = wait_for(lambda: query(port, 'mlops_requests_total{code="200"}'), 30, "a scrape")
            assert float(found[0]["value"][1]) == 3
            assert query(port, 'up{job="mlops"}')[0]["value"][1] == "1"
        finally:
            process.terminate()
            process.wait(20)


def query(port: int, text: str) -> list[dict[str, Any]]:
    """What Prometheus answers; nothing while it starts, which it says by no answer at all or by 503."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": text})
    except httpx.TransportError:
        return []
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return []
    found: list[dict[str, Any]] = answer.json().get("data", {}).get("result", [])
    return found
