"""Triton's own HTTP client against the server as it runs: JSON and binary tensors, metadata, errors."""

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.serving.helpers import Server

triton = pytest.importorskip("tritonclient.http", exc_type=ImportError)

AMOUNTS = np.array([12.5, -2.0, 3.25])
COUNTS = np.array([3, 1, 2])
COUNTRIES = np.array(["NO", "SE", "NO"], dtype=object)


@pytest.fixture(scope="module")
def client(fraud_server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(fraud_server.url.removeprefix("http://")) as client:
        yield client


@pytest.fixture(scope="module")
def expected(fraud_server: Server) -> list[int]:
    rows = [list(row) for row in zip(AMOUNTS.tolist(), COUNTS.tolist(), COUNTRIES.tolist(), strict=True)]
    answer = httpx.post(f"{fraud_server.url}/invocations", json={"instances": rows}, timeout=20)
    found: list[int] = answer.json()["predictions"]
    assert set(found) == {0, 1}
    return found


def tensor(name: str, array: NDArray[Any], datatype: str, *, binary: bool) -> Any:
    found = triton.InferInput(name, list(array.shape), datatype)
    return found.set_data_from_numpy(array, binary_data=binary)


def tensors(*, binary: bool, column: bool = False) -> list[Any]:
    shape = (-1, 1) if column else (-1,)
    return [
        tensor("amount", AMOUNTS.reshape(shape), "FP64", binary=binary),
        tensor("count", COUNTS.reshape(shape), "INT64", binary=binary),
        tensor("country", COUNTRIES.reshape(shape), "BYTES", binary=binary),
    ]


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("column", [True, False])
@pytest.mark.parametrize("asked", [True, False, None])
def test_inference(client: Any, expected: list[int], binary: bool, column: bool, asked: bool | None) -> None:
    """Tensors sent and asked for as JSON or as binary; without any asked for, the client asks for all in binary."""
    names = ("predict", "predict_proba")
    outputs = None if asked is None else [triton.InferRequestedOutput(name, binary_data=asked) for name in names]
    inputs = tensors(binary=binary, column=column)
    result = client.infer("fraud", inputs, outputs=outputs, request_id="r-1", model_version="1")
    assert result.as_numpy("predict").tolist() == expected
    probabilities = result.as_numpy("predict_proba")
    assert (probabilities.shape, probabilities.dtype) == ((3, 2), np.float64)
    assert probabilities.argmax(axis=1).tolist() == expected
    told = result.get_response()
    assert (told["model_name"], told["model_version"], told["id"]) == ("fraud", "1", "r-1")
    assert ["data" in output for output in told["outputs"]] == [asked is False] * 2


@pytest.mark.parametrize("dtype", ["FP16", "FP32", "INT16", "UINT8"])
def test_other_numbers_of_other_sizes(client: Any, dtype: str) -> None:
    amounts = np.array([1, 2, 3], dtype=triton_dtype(dtype))
    inputs = [tensor("amount", amounts, dtype, binary=True), *tensors(binary=True)[1:]]
    assert client.infer("fraud", inputs).as_numpy("predict").tolist() == [1, 1, 1]


def triton_dtype(name: str) -> Any:
    from tritonclient.utils import triton_to_np_dtype

    return triton_to_np_dtype(name)


def test_what_the_client_asks_about(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("fraud")
    assert client.is_model_ready("fraud", "1")
    assert not client.is_model_ready("fraud", "2")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    assert [tensor["datatype"] for tensor in client.get_model_metadata("fraud")["inputs"]] == ["FP64", "INT64", "BYTES"]
    index = client.get_model_repository_index()
    assert [(entry["name"], entry["version"], entry["state"]) for entry in index] == [("fraud", "1", "READY")]


def test_errors_reach_the_client(client: Any) -> None:
    from tritonclient.utils import InferenceServerException

    wrong = [tensor("amount", COUNTRIES, "BYTES", binary=True), *tensors(binary=True)[1:]]
    with pytest.raises(InferenceServerException) as caught:
        client.infer("fraud", wrong)
    assert (caught.value.status(), caught.value.message()) == ("422", "Input 'amount' is BYTES, but FP64 is expected.")
    with pytest.raises(InferenceServerException, match="This server serves fraud:1"):
        client.infer("churn", tensors(binary=True))
