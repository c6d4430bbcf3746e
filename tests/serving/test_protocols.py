"""What a server answers to right requests, over real HTTP."""

from typing import Any

import httpx
import pytest

from mlops_console._version import __version__
from mlops_console.store.predictions import PredictionLog
from tests.serving.helpers import ROW, Server
from tests.support import wait_for

COLUMNS = list(ROW)
VALUES = list(ROW.values())


def tensors(rows: int = 2) -> list[dict[str, Any]]:
    types = {"amount": "FP64", "count": "INT64", "country": "BYTES"}
    return [
        {"name": name, "shape": [rows], "datatype": types[name], "data": [value] * rows} for name, value in ROW.items()
    ]


def test_every_answer_names_model_and_revision(client: httpx.Client) -> None:
    for path in ("/v2", "/v2/health/ready", "/v2/models/fraud", "/nowhere", "/invocations", "/ping", "/version"):
        response = client.get(path)
        assert (response.headers["x-model"], response.headers["x-revision"]) == ("fraud:1", "1"), path
    assert client.post("/invocations", content=b"{").headers["x-revision"] == "1"


def test_health_and_metadata(client: httpx.Client) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/fraud/ready").json() == {"name": "fraud", "ready": True}
    assert client.get("/v2/models/fraud/versions/1/ready").status_code == 200
    assert client.get("/v2").json() == {"name": "mlops-console", "version": __version__, "extensions": []}
    assert (client.get("/ping").status_code, client.get("/health").text) == (200, "\n")
    assert client.get("/version").text == __version__
    expected = {
        "name": "fraud",
        "versions": ["1"],
        "platform": "scikit-learn",
        "inputs": [
            {"name": "amount", "datatype": "FP64", "shape": [-1]},
            {"name": "count", "datatype": "INT64", "shape": [-1]},
            {"name": "country", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [
            {"name": "predict", "datatype": "INT64", "shape": [-1]},
            {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]},
        ],
    }
    assert client.get("/v2/models/fraud").json() == expected
    assert client.get("/v2/models/fraud/versions/1").json() == expected


def test_open_inference_with_a_tensor_per_column(client: httpx.Client) -> None:
    answer = client.post("/v2/models/fraud/infer", json={"id": "r-1", "inputs": tensors()}).json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("fraud", "1", "r-1")
    predict, proba = answer["outputs"]
    assert (predict["name"], predict["shape"], predict["datatype"]) == ("predict", [2], "INT64")
    assert (proba["name"], proba["shape"], proba["datatype"]) == ("predict_proba", [2, 2], "FP64")
    assert sum(proba["data"][:2]) == pytest.approx(1)
    assert predict["data"] == [1, 1]


def test_open_inference_with_columns_of_one_and_nested_data(client: httpx.Client) -> None:
    inputs = [{**tensor, "shape": [2, 1], "data": [[value] for value in tensor["data"]]} for tensor in tensors()]
    answer = client.post("/v2/models/fraud/versions/1/infer", json={"inputs": inputs, "outputs": [{"name": "predict"}]})
    assert [output["name"] for output in answer.json()["outputs"]] == ["predict"]


def test_open_inference_with_one_tensor_for_all_columns(client: httpx.Client) -> None:
    body = {"inputs": [{"name": "rows", "shape": [1, 3], "datatype": "BYTES", "data": [VALUES]}]}
    assert client.post("/v2/models/fraud/infer", json=body).json()["outputs"][0]["data"] == [1]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": COLUMNS, "data": [VALUES, VALUES]}},
        {"dataframe_split": {"columns": COLUMNS[::-1], "data": [VALUES[::-1]] * 2, "index": [5, 6]}},
        {"dataframe_records": [ROW, ROW]},
        {"dataframe_records": [{"amount": 12, "count": 3.0}, ROW], "params": {}},
        {"instances": [ROW, ROW]},
        {"instances": [VALUES, VALUES]},
        {"inputs": {name: [value] * 2 for name, value in ROW.items()}},
        {"inputs": [VALUES, VALUES]},
        {"inputs": {"amount": [12.5, 9.0], "count": [1, 2], "country": [None, "XX"]}},
    ],
)
def test_the_body_forms_of_mlflow(client: httpx.Client, body: dict[str, Any]) -> None:
    response = client.post("/invocations", json=body)
    assert response.json() == {"predictions": [1, 1]}


def test_served_rows_are_logged(fraud_server: Server, client: httpx.Client) -> None:
    client.post("/invocations", json={"dataframe_records": [{**ROW, "count": 77}, {"amount": -9.5, "count": 77}]})
    log = PredictionLog(fraud_server.workspace.predictions_path)
    rows = wait_for(lambda: [r for r in log.stream("production", 0, 1e12) if r.inputs["count"] == 77])
    assert [row.inputs for row in rows] == [
        {"amount": 12.5, "count": 77, "country": "NO"},
        {"amount": -9.5, "count": 77, "country": None},
    ]
    assert {row.revision for row in rows} == {1}
    assert [row.output["predict"] for row in rows] == [1, 0]
    assert sum(rows[0].output["predict_proba"]) == pytest.approx(1)
