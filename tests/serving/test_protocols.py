"""What a server answers to right requests, over real HTTP."""

from typing import Any

import httpx
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlops_console._version import __version__
from mlops_console.core.models import Column, Signature
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import ROW, Server, add_version, error_of, serving
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
    server = {"name": "mlops-console", "version": __version__, "extensions": ["binary_tensor_data"]}
    assert client.get("/v2").json() == server
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


def test_open_inference_with_one_tensor_for_columns_of_several_kinds_is_refused(client: httpx.Client) -> None:
    body = {"inputs": [{"name": "rows", "shape": [1, 3], "datatype": "BYTES", "data": [VALUES]}]}
    response = client.post("/v2/models/fraud/infer", json=body)
    sentence = "Input 'rows' is BYTES, but column 'amount' takes FP64: send one tensor per column."
    assert (response.status_code, error_of(response)) == (422, sentence)


def test_tensorflow_serving(client: httpx.Client) -> None:
    model = "/v1/models/fraud"
    answer = client.post(f"{model}/versions/1:predict", json={"inputs": {name: [v] * 2 for name, v in ROW.items()}})
    outputs = answer.json()["outputs"]
    assert (outputs["predict"], [len(row) for row in outputs["predict_proba"]]) == ([1, 1], [2, 2])
    by_row = client.post(f"{model}:predict", json={"instances": [ROW]}).json()
    assert by_row == {"predictions": [{name: values[0] for name, values in outputs.items()}]}
    results = client.post(f"{model}:classify", json={"examples": [ROW]}).json()["results"]
    assert results == [[["0", outputs["predict_proba"][0][0]], ["1", outputs["predict_proba"][0][1]]]]
    regress = client.post(f"{model}:regress", json={"examples": [ROW]})
    assert (regress.status_code, error_of(regress)) == (400, "The model is a classifier: use :classify or :predict.")
    assert client.get(model).json()["model_version_status"][0]["state"] == "AVAILABLE"
    assert client.get(f"{model}/metadata").json()["model_spec"]["name"] == "fraud"
    assert client.get(f"{model}/versions/2").status_code == 404
    assert client.get(f"{model}/labels/champion").status_code == 404


def test_csv(client: httpx.Client) -> None:
    body = b"amount,country,count\n12.5,NO,3\n-2,,1\n"
    response = client.post("/invocations", content=body, headers={"content-type": "text/csv"})
    assert response.json() == {"predictions": [1, 0]}


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
    (found,) = wait_for(lambda: [r for r in log.newest("production", 100) if r.inputs["count"][0] == 77])
    assert found.inputs == {"amount": [12.5, -9.5], "count": [77, 77], "country": ["NO", None]}
    assert found.revision == 1
    assert found.outputs["predict"] == [1, 0]
    assert sum(found.outputs["predict_proba"][0]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (":predict", b"{", 400),
        (":predict", b'{"instances": [[12.5, 3]]}', 400),
        (":predict", b'{"inputs": {"amount": ["a lot"], "count": [3]}}', 400),
        (":classify", b'{"examples": [{"amount": 1.5}]}', 400),
        (":classify", b'{"examples": {}}', 400),
        (":regress", b'{"examples": [{}]}', 400),
        ("/versions/7:predict", b"{}", 404),
        ("/labels/champion:predict", b"{}", 404),
    ],
)
def test_what_tensorflow_serving_answers_to_wrong_requests(
    client: httpx.Client, path: str, body: bytes, status: int
) -> None:
    answer = client.post(f"/v1/models/fraud{path}", content=body)
    assert (answer.status_code, bool(error_of(answer))) == (status, True)


def test_rows_that_only_the_model_refuses(workspace: Workspace) -> None:
    """Each protocol tells them as it tells rows that don't fit the signature."""
    frame = pd.DataFrame({"country": ["NO", "SE"] * 20, "note": ["a", "b"] * 20})
    model = make_pipeline(OneHotEncoder(handle_unknown="error"), LogisticRegression()).fit(frame, [0, 1] * 20)
    columns = tuple(Column(name, "object", "categorical") for name in ("country", "note"))
    version = add_version(workspace, model, Signature(columns, "classification", (0, 1), True))
    row = {"country": "XX", "note": "a"}
    with serving(workspace, version) as server:
        told = [
            httpx.post(f"{server.url}{path}", json=body)
            for path, body in (
                ("/v1/models/fraud:predict", {"instances": [row]}),
                ("/v1/models/fraud:classify", {"examples": [row]}),
                ("/invocations", {"dataframe_records": [row]}),
            )
        ]
    assert [answer.status_code for answer in told] == [400, 400, 422]
    assert {error_of(answer).split(":")[1] for answer in told} == {"1 can't predict these rows"}
