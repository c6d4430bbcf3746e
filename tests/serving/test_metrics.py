"""/metrics, read by Prometheus itself where it is installed, else by its client's parser."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sklearn.neighbors import KNeighborsRegressor

from mlops_console.core.alerts import Severity
from mlops_console.core.deployments import ServerSettings
from mlops_console.core.drift import DriftReport, FeatureDrift
from mlops_console.core.models import Column, Signature
from mlops_console.core.performance import Figure, Performance
from mlops_console.drift.profiles import pack_profile
from mlops_console.serving.engine import MOST_ROWS
from mlops_console.store import alerts, deploying, drift
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import FRAUD, ROW, Server, add_version, environment, fraud_model, serving, start
from tests.serving.test_live_windows import PROFILE, with_profile
from tests.support import free_port, wait_for

ROOT = Path(__file__).parents[2]

SLOW = Signature((Column("x", "float64", "numeric"),), "regression")


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


def test_rows_with_unseen_categories_are_counted(workspace: Workspace) -> None:
    signature = replace(FRAUD, inputs=(*FRAUD.inputs[:2], replace(FRAUD.inputs[2], categories=("NO", "SE"))))
    countries = ["XX", "NO", "YY", None, "XX"]
    with serving(workspace, add_version(workspace, fraud_model(), signature, [ROW])) as server:
        rows = [{**ROW, "country": country} for country in countries]
        assert httpx.post(f"{server.url}/invocations", json={"dataframe_records": rows}).status_code == 200
        text = httpx.get(f"{server.url}/metrics").text
    assert samples(text)["mlops_unseen_categories_total", (("column", "country"),)] == 3
    assert "# HELP mlops_unseen_categories_total Rows with a category that training did not know." in text


def slow_model() -> Any:
    """Compares each row with 20,000 others."""
    known = np.linspace(0, 1, 20_000)
    return KNeighborsRegressor(algorithm="brute").fit(known.reshape(-1, 1), known)


def ask_slow(port: int) -> bool:
    """Have as many rows predicted as one batch takes; False where the process died meanwhile."""
    body = {"instances": [[0.5]] * MOST_ROWS}
    try:
        answer = httpx.post(f"http://127.0.0.1:{port}/invocations", json=body, timeout=120)
    except httpx.TransportError:
        return False
    assert answer.status_code == 200
    return True


def keep_asking(port: int, enough: threading.Event) -> int:
    """How many were answered."""
    answered = 0
    while not enough.is_set():
        answered += ask_slow(port)
    return answered


def queue(url: str) -> float:
    return samples(httpx.get(f"{url}/metrics", timeout=30).text).get(("mlops_queue_requests", ()), 0.0)


def test_what_waits_is_told_while_it_waits_and_no_longer(workspace: Workspace) -> None:
    """Two processes, whose queues are added up, and one of which dies over its own."""
    port = free_port()
    version = add_version(workspace, slow_model(), SLOW, [{"x": 0.5}], name="slow")
    with workspace.store.write() as tx:
        settings = ServerSettings(deadline=120.0)
        deploying.ensure_environment(tx, "production", "slow", "127.0.0.1", port, settings)
    with serving(workspace, version, port) as server, ThreadPoolExecutor(12) as pool:
        second, enough = start(workspace, 1), threading.Event()
        try:
            wait_for(lambda: len([p for p in environment(workspace).processes if p.serving == 1]) == 2, 30)
            slow = [pool.submit(keep_asking, port, enough) for _ in range(12)]  # the kernel gives each process some
            wait_for(lambda: queue(server.url) >= 6, 60, "a queue")
            second.kill()
            second.wait(20)
            enough.set()
            answered = [one.result(timeout=120) for one in slow]
            wait_for(lambda: queue(server.url) == 0, 10, "its end, after which nothing is asked")
            assert any(answered)
        finally:
            enough.set()
            second.kill()
            second.wait(20)


def store_report(workspace: Workspace) -> None:
    """A drift report of production, and open alerts about it, about staging and about a job."""
    features = (
        FeatureDrift(
            'am"ou\nnt\\', "numeric", "ks", 900, 75, 0.31, 1e-6, 0.2, True, "It has moved.",
            effect=0.31, threshold=0.12, unit="σ",
        ),
        FeatureDrift("country", "categorical", "", 900, 0, None, None, None, False, "Nothing was tested."),
        FeatureDrift("country", "categorical", "chi2", 900, 100, 4.0, 0.5, 0.0, False, "No.", role="prediction"),
    )  # fmt: skip
    figures = (Figure("accuracy", 0.91, 0.89, 0.93), Figure("roc_auc", 0.95, 0.94, 0.96))
    performance = Performance(
        "classification", 100, 25, figures, (Figure("accuracy", 0.8, 0.7, 0.9),), {"accuracy": 0.93}
    )
    report = DriftReport(
        environment="production", model="fraud", version=1, revision=1, rows=100, drifted=True,
        created_at=1_900_000_000.5, features=features, performance=performance,
    )  # fmt: skip
    with workspace.store.write() as tx:
        drift.add_report(tx, report)
        for kind, subject in (("drift", "production"), ("latency", "production"), ("drift", "staging"), ("job", "7")):
            severity = Severity.CRITICAL if kind == "latency" else Severity.WARNING
            alerts.open_alert(tx, kind, subject, severity, "Look.")


def test_the_gauges_of_what_the_store_knows(workspace: Workspace) -> None:
    signature = replace(FRAUD, inputs=(*FRAUD.inputs[:2], replace(FRAUD.inputs[2], categories=("NO", "SE"))))
    version = add_version(workspace, fraud_model(), signature, [ROW])
    with serving(workspace, with_profile(workspace, version, pack_profile(PROFILE))) as server:
        store_report(workspace)
        ask(server, 3)
        unseen = {"dataframe_records": [{**ROW, "country": "XX"}]}
        assert httpx.post(f"{server.url}/invocations", json=unseen).status_code == 200
        wait_for(lambda: found_in(server).get(("mlops_window_rows", of(revision="1"))) == 4, 15, "counted rows")
        found = found_in(server)
    amount = {"feature": 'am"ou\nnt\\', "role": "input"}
    assert found["mlops_drift", of(**amount)] == 1
    assert found["mlops_drift_effect", of(**amount, unit="sigma")] == 0.31
    assert found["mlops_drift_threshold", of(**amount, unit="sigma")] == 0.12
    assert found["mlops_drift_p_value", of(**amount)] == 1e-6
    assert found["mlops_missing_ratio", of(**amount)] == 0.25
    assert found["mlops_drift", of(feature="country", role="input")] == 0
    assert ("mlops_drift_p_value", of(feature="country", role="input")) not in found
    assert found["mlops_missing_ratio", of(feature="country", role="input")] == 1
    assert found["mlops_missing_ratio", of(feature="country", role="prediction")] == 0
    assert found["mlops_drift_checked_timestamp_seconds", of()] == 1_900_000_000.5
    assert found["mlops_drift_window_rows", of()] == 100
    assert found["mlops_performance", of(kind="estimated", metric="accuracy")] == 0.91
    assert found["mlops_performance_low", of(kind="estimated", metric="roc_auc")] == 0.94
    assert found["mlops_performance_high", of(kind="realised", metric="accuracy")] == 0.9
    assert found["mlops_performance", of(kind="reference", metric="accuracy")] == 0.93
    assert found["mlops_labelled_ratio", of()] == 0.25
    assert found["mlops_alerts_open", of(severity="warning")] == 2
    assert found["mlops_alerts_open", of(severity="critical")] == 1
    told = {name for name, _ in found}
    for asked in metrics_of_the_dashboard():
        assert asked in told, f"docs/grafana-dashboard.json asks for {asked}, which no server tells"
    documented = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    families = {re.sub(r"_(total|bucket|count|sum|created)$", "", name) for name in told}
    assert [name for name in sorted(families) if f"`{name}" not in documented] == []


def found_in(server: Server) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return samples(httpx.get(f"{server.url}/metrics").text)


def of(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"environment": "production", **labels}.items()))


def metrics_of_the_dashboard() -> set[str]:
    dashboard = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text(encoding="utf-8"))
    asked = [text for key, text in strings_of(dashboard) if key in ("expr", "query", "definition")]
    return {name for text in asked for name in re.findall(r"\bmlops_\w+", text)}


def strings_of(content: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts of a JSON document, each with the key that it stands under."""
    if isinstance(content, str):
        yield key, content
    elif isinstance(content, dict):
        for name, value in content.items():
            yield from strings_of(value, name)
    elif isinstance(content, list):
        for value in content:
            yield from strings_of(value, key)


def test_the_dashboard_can_be_imported() -> None:
    dashboard = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text(encoding="utf-8"))
    assert dashboard["schemaVersion"] >= 36
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == [
        "datasource",
        "environment",
        "instance",
        "metric",
    ]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert all(panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"} for panel in panels)
    for panel in panels:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
        assert all("$environment" in target["expr"] or "$instance" in target["expr"] for target in panel["targets"])
    assert len(metrics_of_the_dashboard()) > 15
