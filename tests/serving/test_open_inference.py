"""The Open Inference Protocol as functions of bytes; test_clients.py asks as Triton's client does."""

import json
import struct
from typing import Any

import numpy as np
import pytest

from mlops_console.core.models import Column, ModelVersion, Signature
from mlops_console.serving.errors import HttpError
from mlops_console.serving.messages import Answer
from mlops_console.serving.open_inference import (
    Inference,
    inference_answer,
    json_length,
    model_metadata,
    parse_inference,
    repository_index,
    server_metadata,
)
from mlops_console.serving.tensors import datatype, datatype_of, pack, unpack
from tests.serving.helpers import FRAUD

NUMBERS = ["FP16", "FP32", "FP64", *(f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)), "BOOL"]
DTYPES = {name: name.lower().replace("fp", "float") for name in NUMBERS}
TWO = Signature((Column("x", "float64", "numeric"), Column("y", "float64", "numeric", nullable=True)), "regression")
VERSION = ModelVersion("fraud", 7, 0.0, "", 0, "Pipeline", FRAUD)
OUTPUTS = {"predict": np.array([1, 0]), "predict_proba": np.array([[0.25, 0.75], [0.5, 0.5]])}


def one(dtype: str, nullable: bool = False) -> Signature:
    return Signature((Column("x", dtype, "numeric", nullable),), "regression")


def binary(tensors: list[dict[str, Any]], *contents: bytes, **more: Any) -> tuple[bytes, int]:
    """A body and how much of it is JSON."""
    sizes = [
        {**tensor, "parameters": {"binary_data_size": len(c)}} for tensor, c in zip(tensors, contents, strict=True)
    ]
    head = json.dumps({"inputs": sizes, **more}).encode()
    return b"".join((head, *contents)), len(head)


def tensor(datatype: str, shape: list[int], name: str = "x", **more: Any) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, **more}


def texts(*values: str) -> bytes:
    return b"".join(struct.pack("<I", len(value.encode())) + value.encode() for value in values)


@pytest.mark.parametrize("name", NUMBERS)
def test_every_datatype_is_packed_as_numpy_has_it(name: str) -> None:
    array = np.array([[0, 1], [1, 1]], dtype=DTYPES[name])
    assert (datatype(DTYPES[name]), datatype_of(array)) == (name, name)
    assert pack(array) == pack(array.astype(array.dtype.newbyteorder(">"))) == array.tobytes()
    assert pack(array.T) == np.ascontiguousarray(array.T).tobytes()
    assert unpack(name, 4, memoryview(pack(array))) == array.ravel().tolist()
    signature = one("bool" if name == "BOOL" else "float64")
    body, length = binary([tensor(name, [4, 1])], pack(array))
    assert parse_inference(signature, body, length).batch.columns == {"x": array.ravel().tolist()}
    in_json = json.dumps({"inputs": [tensor(name, [4], data=array.ravel().tolist())]}).encode()
    assert parse_inference(signature, in_json).batch.columns == {"x": array.ravel().tolist()}


def test_texts_are_packed_with_their_lengths() -> None:
    for array in (np.array(["a", "", "blåbær"]), np.array(["a", "", "blåbær"], dtype=object)):
        assert pack(array) == texts("a", "", "blåbær")
        assert datatype_of(array) == "BYTES"
    assert unpack("BYTES", 3, memoryview(texts("a", "", "blåbær"))) == ["a", "", "blåbær"]


def test_binary_and_json_tensors_in_one_request() -> None:
    head = {
        "inputs": [
            tensor("BYTES", [2], "country", parameters={"binary_data_size": 8 + 4}),
            tensor("FP32", [2], "amount", data=[0.5, 1.5]),
            tensor("INT16", [2, 1], "count", parameters={"binary_data_size": 4}),
        ]
    }
    packed = json.dumps(head).encode()
    body = packed + texts("NO", "SE") + struct.pack("<2h", -3, 4)
    assert parse_inference(FRAUD, body, len(packed)).batch.columns == {
        "amount": [0.5, 1.5],
        "count": [-3, 4],
        "country": ["NO", "SE"],
    }


def test_one_tensor_for_all_columns() -> None:
    rows = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]])
    body, length = binary([tensor("FP64", [3, 2], "anything")], rows.tobytes())
    expected = {"x": [1.0, 3.0, 5.0], "y": [2.0, None, 6.0]}
    assert parse_inference(TWO, body, length).batch.columns == expected
    flat = {"inputs": [tensor("FP64", [3, 2], "anything", data=[1, 2, 3, None, 5, 6])]}
    nested = {"inputs": [tensor("FP64", [3, 2], "anything", data=[[1, 2], [3, None], [5, 6]])]}
    for content in (flat, nested):
        assert parse_inference(TWO, json.dumps(content).encode()).batch.columns == expected
    single = {"inputs": [tensor("INT64", [1, 2], data=[1, 2])]}
    assert parse_inference(TWO, json.dumps(single).encode()).batch.columns == {"x": [1], "y": [2]}


@pytest.mark.parametrize(
    ("signature", "tensors", "sentence"),
    [
        (TWO, [tensor("FP64", [1, 3], data=[1, 2, 3])], "Input 'x' has 3 values a row, but the model takes 2 columns."),
        (TWO, [tensor("FP64", [4, 0], data=[])], "Input 'x' has 0 values a row, but the model takes 2 columns."),
        (
            FRAUD,
            [tensor("BYTES", [1, 3], data=[1, 2, "NO"])],
            "Input 'x' is BYTES, but column 'amount' takes FP64: send one tensor per column.",
        ),
        (TWO, [tensor("BOOL", [1], data=[True])], "Input 'x' is BOOL, but FP64 is expected."),
        (one("int32"), [tensor("BYTES", [1], data=["1"])], "Input 'x' is BYTES, but INT32 is expected."),
        (one("object"), [tensor("FP64", [1], data=[1.0])], "Input 'x' is FP64, but BYTES is expected."),
        (one("int8"), [tensor("INT64", [1], data=[200])], "Column 'x', row 0: the number 200, but a whole number "),
        (TWO, [tensor("FP64", [1], "z", data=[1.0])], "Column 'x' is missing, but the model needs it."),
        (TWO, [tensor("FP64", [2], data=[1.0])], "Input 'x' has 1 values, which do not fill its shape [2]."),
        (TWO, [tensor("FP64", [], data=[1.0])], "The shape of input 'x' has 0 dimensions; 1 or 2 are expected."),
        (
            TWO,
            [tensor("FP64", [1, 1, 2], data=[1, 2])],
            "The shape of input 'x' has 3 dimensions; 1 or 2 are expected.",
        ),
        (TWO, [tensor("FP64", [2**63, 2**63], data=[1])], "Input 'x' has 1 values, which do not fill its shape [9223"),
        (TWO, [tensor("FP8", [1], data=[1])], "The datatype of input 'x' is none of BOOL, BYTES, FP16, "),
        (TWO, [{**tensor("FP64", [1], data=[1]), "datatype": ["FP64"]}], "The datatype of input 'x' is none of BOOL, "),
    ],
)
def test_tensors_that_do_not_fit_the_signature(signature: Signature, tensors: Any, sentence: str) -> None:
    with pytest.raises(HttpError) as caught:
        parse_inference(signature, json.dumps({"inputs": tensors}).encode())
    assert caught.value.message.startswith(sentence)
    assert caught.value.status == 422


def sized(
    size: Any, content: bytes = b"\0" * 8, shape: list[int] | None = None, name: str = "FP64", **more: Any
) -> Any:
    """A body of one binary tensor that says it has `size` bytes."""
    said = {**tensor(name, [1] if shape is None else shape), "parameters": {"binary_data_size": size}, **more}
    head = json.dumps({"inputs": [said]}).encode()
    return head + content, len(head)


@pytest.mark.parametrize(
    ("request_body", "sentence"),
    [
        (sized(-8), "The binary_data_size of input 'x' has to be a number of bytes."),
        (sized(True), "The binary_data_size of input 'x' has to be a number of bytes."),
        (sized("8"), "The binary_data_size of input 'x' has to be a number of bytes."),
        (sized(8.0), "The binary_data_size of input 'x' has to be a number of bytes."),
        (sized(9), "Input 'x' has a binary_data_size of 9, but 8 bytes of binary data are left in the body; "),
        (sized(2**63), "Input 'x' has a binary_data_size of 9,223,372,036,854,775,808, but 8 bytes "),
        (sized(0, shape=[0]), "The body has 8 bytes after its last tensor."),
        (sized(8, data=[1.0]), "Input 'x' has both data and a binary_data_size."),
        (sized(4, b"\0" * 4), "Input 'x' of shape [1] has 4 bytes, but 1 elements of FP64 are 8."),
        (sized(8, shape=[2**62, 2**62]), "Input 'x' of shape [4611686018427387904…"),
        (sized(3, b"abc", name="BYTES"), "Input 'x' of shape [1] has an element of BYTES without its length of 4 "),
        (
            sized(5, b"\xff\xff\xff\xffa", name="BYTES"),
            "Input 'x' of shape [1] has an element of BYTES that is longer ",
        ),
        (
            sized(10, texts("a", "b"), name="BYTES"),
            "Input 'x' of shape [1] has 2 elements of BYTES, but its shape has 1.",
        ),
        (sized(5, b"\1\0\0\0\xff", name="BYTES"), "Input 'x' of shape [1] has a text that is not UTF-8."),
        ((b"{}", 3), "Inference-Header-Content-Length is 3, but the body has 2 bytes."),
        ((b"{}", -1), "Inference-Header-Content-Length is -1, but the body has 2 bytes."),
        ((b"{}", 0), "The body is empty, but JSON is expected."),
        ((b"{}", 1), "The body is not JSON: "),
        ((sized(8)[0], None), "The body is not JSON: "),
        (
            (json.dumps({"inputs": [tensor("FP64", [1], parameters={"binary_data_size": 8})]}).encode(), None),
            "Input 'x' has a binary_data_size of 8, but 0 bytes of binary data are left in the body; ",
        ),
        (
            (json.dumps({"inputs": [tensor("FP64", [1], parameters=7)]}).encode(), None),
            "Input 'x' has parameters that ",
        ),
        (
            (json.dumps({"inputs": [tensor("FP64", [1], parameters={"shared_memory_region": "a"})]}).encode(), None),
            "Input 'x' asks for shared memory, which this server does not have.",
        ),
    ],
)
def test_hostile_binary_tensors(request_body: tuple[bytes, int | None], sentence: str) -> None:
    body, length = request_body
    with pytest.raises(HttpError) as caught:
        parse_inference(one("object" if b"BYTES" in body else "float64"), body, length)
    assert caught.value.message.startswith(sentence)
    assert caught.value.status in (400, 422)


def test_two_tensors_can_not_share_bytes() -> None:
    head = json.dumps(
        {"inputs": [tensor("FP64", [1], name, parameters={"binary_data_size": 8}) for name in ("x", "y")]}
    ).encode()
    assert parse_inference(TWO, head + struct.pack("<2d", 1, 2), len(head)).batch.columns == {"x": [1.0], "y": [2.0]}
    with pytest.raises(HttpError, match="Input 'y' has a binary_data_size of 8, but 4 bytes"):
        parse_inference(TWO, head + b"\0" * 12, len(head))


@pytest.mark.parametrize(("header", "length"), [(None, None), (b"0", 0), (b"120", 120)])
def test_the_header_of_the_json_length(header: bytes | None, length: int | None) -> None:
    assert json_length(header) == length


@pytest.mark.parametrize("header", [b"", b"-1", b"1.5", b"0x1", b"9" * 5_000, "１".encode()])
def test_a_wrong_header_of_the_json_length(header: bytes) -> None:
    with pytest.raises(HttpError, match="Inference-Header-Content-Length has to be a number of bytes"):
        json_length(header)


def asked(**more: Any) -> Inference:
    inputs = [tensor("FP64", [2], "amount", data=[1, 2]), tensor("INT64", [2], "count", data=[1, 2])]
    return parse_inference(FRAUD, json.dumps({"inputs": inputs, **more}).encode())


def read(answer: Answer) -> tuple[dict[str, Any], bytes]:
    """The JSON of an answer, and what follows it."""
    headers = dict(answer.headers)
    if not headers:
        assert answer.content_type == b"application/json"
        return json.loads(answer.body), b""
    assert answer.content_type == b"application/octet-stream"
    length = int(headers[b"inference-header-content-length"])
    return json.loads(answer.body[:length]), answer.body[length:]


def test_an_answer_in_json() -> None:
    told, rest = read(inference_answer(VERSION, OUTPUTS, asked(id="r 1")))
    assert rest == b""
    assert told == {
        "model_name": "fraud",
        "model_version": "7",
        "id": "r 1",
        "outputs": [
            {"name": "predict", "datatype": "INT64", "shape": [2], "data": [1, 0]},
            {"name": "predict_proba", "datatype": "FP64", "shape": [2, 2], "data": [0.25, 0.75, 0.5, 0.5]},
        ],
    }


@pytest.mark.parametrize(
    ("more", "in_json", "in_binary"),
    [
        ({"parameters": {"binary_data_output": True}}, [], ["predict", "predict_proba"]),
        ({"parameters": {"binary_data_output": True}, "outputs": [{"name": "predict"}]}, [], ["predict"]),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [{"name": "predict"}, {"name": "predict_proba", "parameters": {"binary_data": False}}],
            },
            ["predict_proba"],
            ["predict"],
        ),
        ({"outputs": [{"name": "predict_proba", "parameters": {"binary_data": True}}]}, [], ["predict_proba"]),
        ({"outputs": []}, ["predict", "predict_proba"], []),
    ],
)
def test_an_answer_in_binary(more: dict[str, Any], in_json: list[str], in_binary: list[str]) -> None:
    told, rest = read(inference_answer(VERSION, OUTPUTS, asked(**more)))
    assert [output["name"] for output in told["outputs"] if "data" in output] == in_json
    sizes = {o["name"]: o["parameters"]["binary_data_size"] for o in told["outputs"] if "parameters" in o}
    assert list(sizes) == in_binary
    assert rest == b"".join(OUTPUTS[name].tobytes() for name in in_binary)
    assert list(sizes.values()) == [OUTPUTS[name].nbytes for name in in_binary]


def test_labels_that_are_texts_are_bytes() -> None:
    outputs = {"predict": np.array(["yes", 7], dtype=object)}
    told, _ = read(inference_answer(VERSION, outputs, asked()))
    assert told["outputs"] == [{"name": "predict", "datatype": "BYTES", "shape": [2], "data": ["yes", "7"]}]
    _, rest = read(inference_answer(VERSION, outputs, asked(parameters={"binary_data_output": True})))
    assert rest == texts("yes", "7")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"outputs": [{"name": "other"}]}, "The outputs have to be a list of objects whose names are of: predict, "),
        ({"outputs": [{"name": ["predict"]}]}, "The outputs have to be a list of objects "),
        ({"outputs": {}}, "The outputs have to be a list of objects "),
        ({"outputs": [{"name": "predict", "parameters": 3}]}, "Output 'predict' has parameters that are no object."),
        ({"parameters": []}, "The request has parameters that are no object."),
        (
            {"outputs": [{"name": "predict", "parameters": {"classification": 2}}]},
            "Output 'predict' asks for classification, which this server does not have.",
        ),
        ({"id": 7}, "The id of the request has to be a printable text."),
    ],
)
def test_what_can_not_be_answered(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(HttpError) as caught:
        asked(**more)
    assert caught.value.message.startswith(sentence)
    assert caught.value.status == 400


def test_metadata() -> None:
    assert server_metadata("1.2") == {"name": "mlops-console", "version": "1.2", "extensions": ["binary_tensor_data"]}
    assert repository_index([VERSION]) == [{"name": "fraud", "version": "7", "state": "READY", "reason": ""}]
    told = model_metadata(VERSION)
    assert (told["name"], told["versions"]) == ("fraud", ["7"])
    assert told["inputs"][2] == {"name": "country", "datatype": "BYTES", "shape": [-1]}
    assert told["outputs"] == [
        {"name": "predict", "datatype": "INT64", "shape": [-1]},
        {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]},
    ]
