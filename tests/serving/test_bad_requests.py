"""Bad requests: 4xx with one sentence that names the column and what was expected, never 5xx, never much memory."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_console.core.deployments import ServerSettings
from mlops_console.store import deploying
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import ROW, Server, add_constant, error_of, serving
from tests.support import free_port

INFER = "/v2/models/fraud/infer"
EXPECTED = "expected are: amount, count, country."


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "amount", "shape": [1], "datatype": "FP64", "data": [1.0], **changes}


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"count": 1}, "Column 'amount' is missing in row 0, but the model needs it."),
        ({}, "Columns 'amount', 'count' are missing in row 0, but the model needs them."),
        ({**ROW, "cuontry": 1}, f"Column 'cuontry' is unknown in row 0; {EXPECTED}"),
        ({**ROW, "amount": "12"}, "Column 'amount', row 0: the text '12', but a finite number is expected."),
        ({**ROW, "amount": True}, "Column 'amount', row 0: true, but a finite number is expected."),
        ({**ROW, "amount": [1]}, "Column 'amount', row 0: a list, but a finite number is expected."),
        ({**ROW, "amount": None}, "Column 'amount', row 0: no value, but a finite number is expected."),
        ({**ROW, "amount": float("nan")}, "Column 'amount', row 0: no value, but a finite number is expected."),
        (
            {**ROW, "amount": float("inf")},
            "Column 'amount', row 0: an infinite number, but a finite number is expected.",
        ),
        ({**ROW, "count": 1.5}, "Column 'count', row 0: the number 1.5, but a whole number (int64) is expected."),
        (
            {**ROW, "count": 2**63},
            "Column 'count', row 0: the number 9223372036854775808, but a whole number (int64) is expected.",
        ),
        ({**ROW, "country": 47}, "Column 'country', row 0: the number 47, but a text is expected."),
        ({**ROW, "country": {"a": 1}}, "Column 'country', row 0: an object, but a text is expected."),
        ([1], "Row 0 is a list, but an object with a value by column is expected."),
        ({**ROW, "\x1b[2J" + "x" * 99: 1}, None),
    ],
)
def test_rows_that_do_not_fit_the_signature(client: httpx.Client, row: Any, error: str | None) -> None:
    response = client.post("/invocations", content=json.dumps({"dataframe_records": [row]}))
    assert response.status_code == 422
    sentence = error_of(response)
    assert error is None or sentence == error
    assert "\x1b" not in sentence
    assert len(sentence) < 300


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "The body is empty, but JSON is expected."),
        (b"not json", 400, "The body is not JSON: "),
        (b"\xff\xfe", 400, "The body is not JSON: "),
        (b"[" * 100_000, 400, "The body is not JSON: "),
        (b'{"instances": [' + b"9" * 9_000 + b", NaN]}", 400, "The body is not JSON: "),
        (b"[]", 400, "The body is no JSON object with one of dataframe_split, "),
        (b"{}", 400, "The body has to have exactly one of dataframe_split, "),
        (b'{"instances": [], "inputs": []}', 400, "The body has to have exactly one of dataframe_split, "),
        (b'{"instances": [], "wings": []}', 400, "The body has to have exactly one of dataframe_split, "),
        (b'{"instances": []}', 422, "The request has no rows."),
        (b'{"instances": 3}', 422, "instances has to be a list of rows."),
        (b'{"instances": [[1]]}', 422, "Row 0 is 1 values, but 3 values are expected."),
        (b'{"instances": [1]}', 422, "Row 0 is the number 1, but 3 values are expected."),
        (b'{"inputs": {"amount": 1}}', 422, "Column 'count' is missing, but the model needs it."),
        (
            b'{"inputs": {"amount": 1, "count": [1]}}',
            422,
            "Column 'amount' is the number 1, but a list of values is expected.",
        ),
        (
            b'{"inputs": {"amount": [1, 2], "count": [1]}}',
            422,
            "Column 'count' has 1 values, but the one before it has 2.",
        ),
        (b'{"dataframe_split": []}', 400, "dataframe_split has to be an object with columns and data."),
        (b'{"dataframe_split": {"columns": ["a", "a"], "data": []}}', 422, "Column 'a' is given twice."),
        (
            b'{"dataframe_split": {"columns": [1], "data": []}}',
            422,
            "A column is called the number 1, but a text is expected.",
        ),
    ],
)
def test_bodies_that_can_not_be_read(client: httpx.Client, body: bytes, status: int, error: str) -> None:
    response = client.post("/invocations", content=body)
    assert response.status_code == status
    assert error_of(response).startswith(error)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "The body is no JSON object with a list of inputs."),
        ({"inputs": []}, "The body is no JSON object with a list of inputs."),
        ({"inputs": [3]}, "Every input has to be an object with a name."),
        ({"inputs": [tensor(datatype="FP65")]}, "The datatype of input 'amount' is none of BOOL, BYTES, "),
        ({"inputs": [tensor(shape="1")]}, "The shape of input 'amount' has to be a list of sizes."),
        ({"inputs": [tensor(shape=[-1])]}, "The shape of input 'amount' has to be a list of sizes."),
        ({"inputs": [tensor(shape=[2])]}, "Input 'amount' has 1 values, which do not fill its shape [2]."),
        ({"inputs": [tensor(shape=[1] * 40)]}, "The shape of input 'amount' has 40 dimensions; 1 or 2 are expected."),
        ({"inputs": [tensor(shape=[10**18] * 2)]}, "Input 'amount' has 1 values, which do not fill its shape "),
        ({"inputs": [tensor(data=7)]}, "The data of input 'amount' have to be a list."),
        ({"inputs": [tensor(), tensor()]}, "Two inputs have the same name."),
        (
            {"inputs": [tensor(), tensor(name="b", shape=[1, 2], data=[1, 2])]},
            "Input 'b' has 2 values a row: send one tensor per column, or one for all columns.",
        ),
        ({"inputs": [tensor()], "id": "a\x1bb"}, "The id of the request has to be a printable text."),
        ({"inputs": [tensor(shape=[0], data=[])]}, "Column 'count' is missing, but the model needs it."),
        ({"inputs": [tensor(shape=[1, 3], data=[1, 2, "NO"])], "outputs": [{"name": "x"}]}, "The outputs have to be "),
    ],
)
def test_bodies_that_are_not_of_the_open_inference_protocol(
    client: httpx.Client, body: dict[str, Any], error: str
) -> None:
    response = client.post(INFER, json=body)
    assert response.status_code in (400, 422)
    assert error_of(response).startswith(error)


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/nowhere", 404, "There is nothing at this path; /v2 is the server."),
        ("GET", "/invocations", 405, "This path takes POST, not GET."),
        ("GET", "/v2/models/churn", 404, "This server serves fraud:1, and no other model or version."),
        ("GET", "/v2/models/fraud/versions/2", 404, "This server serves fraud:1, and no other model or version."),
        (
            "POST",
            "/v2/models/fraud/versions/one/infer",
            404,
            "This server serves fraud:1, and no other model or version.",
        ),
    ],
)
def test_paths_that_are_not_there(client: httpx.Client, method: str, path: str, status: int, error: str) -> None:
    response = client.request(method, path, json={} if method == "POST" else None)
    assert (response.status_code, error_of(response)) == (status, error)


def test_a_body_of_100_mb_is_refused_and_not_kept(fraud_server: Server, client: httpx.Client) -> None:
    process = psutil.Process(fraud_server.process.pid)
    before = process.memory_info().rss

    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000_000

    for content in (b" " * 100_000_000, chunks()):
        response = client.post("/invocations", content=content)
        assert response.status_code == 413
        assert error_of(response) == "The body is larger than 10.0 MB; send fewer rows a request."
    assert process.memory_info().rss - before < 60_000_000
    assert client.get("/v2/health/ready").status_code == 200


def test_a_small_limit_holds_for_a_body_without_a_length_too(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        settings = ServerSettings(body=1_000)
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", port := free_port(), settings)
    with serving(workspace, add_constant(workspace, 1), port) as server:
        response = httpx.post(f"{server.url}/invocations", content=iter([b" " * 2_000]))
        assert (response.status_code, error_of(response)[:31]) == (413, "The body is larger than 1.0 kB;")


def test_a_client_that_hangs_up_in_the_middle_harms_nobody(fraud_server: Server, client: httpx.Client) -> None:
    port = int(fraud_server.url.rsplit(":", 1)[1])
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    assert client.post("/invocations", json={"instances": [ROW]}).status_code == 200
    assert b"Traceback" not in (fraud_server.workspace.logs_dir / "server.log").read_bytes()


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(["amount", "NO", 1, 2.5])
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(st.sampled_from([*ROW, "columns", "data", "name", "shape", "datatype"]), st.text(max_size=3)),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
invocations = st.dictionaries(
    st.sampled_from(["dataframe_split", "dataframe_records", "instances", "inputs", "params", "x"]), values, max_size=2
)
columns = st.fixed_dictionaries({name: st.lists(leaves, max_size=3) for name in ROW})
tensors = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from([*ROW, "x"]),
            "shape": st.one_of(st.lists(st.integers(0, 3), max_size=3), values),
            "datatype": st.sampled_from(["FP64", "INT64", "BYTES", "X"]),
            "data": values,
        }
    ),
    max_size=3,
)
bodies = st.one_of(
    st.tuples(st.just("/invocations"), invocations),
    st.tuples(st.just("/invocations"), st.fixed_dictionaries({"inputs": columns})),
    st.tuples(st.just(INFER), st.fixed_dictionaries({"inputs": tensors}, optional={"id": leaves, "outputs": values})),
    st.tuples(st.sampled_from(["/invocations", INFER]), values),
)


@settings(max_examples=150, deadline=None)
@given(bodies)
def test_no_json_makes_the_server_fail(client: httpx.Client, request_body: tuple[str, Any]) -> None:
    path, body = request_body
    response = client.post(path, content=json.dumps(body))
    assert response.status_code in (200, 400, 422), response.text
    assert response.headers["x-model"] == "fraud:1"
    if response.status_code != 200:
        error_of(response)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["/invocations", INFER]))
def test_no_bytes_make_the_server_fail(client: httpx.Client, body: bytes, path: str) -> None:
    assert client.post(path, content=body).status_code in (200, 400, 422)
