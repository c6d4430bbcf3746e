"""The Open Inference Protocol, version 2, in JSON: metadata, requests and answers.

A request has one tensor per column, of shape [rows] or [rows, 1], or one tensor of shape [rows, columns] whose columns
are in the order of the signature. The answer has the tensor `predict`, and `predict_proba` where the model has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any

from mlops_console.core.models import ModelVersion, Signature
from mlops_console.core.text import safe_line, shorten
from mlops_console.serving.errors import HttpError
from mlops_console.serving.inputs import Batch, from_columns, from_rows

_DATATYPES = {
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "bool": "BOOL",
    **{f"{sign}int{bits}": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
_KNOWN = {*_DATATYPES.values(), "BYTES"}


@dataclass(frozen=True, slots=True)
class Inference:
    """A parsed request: its rows, its id, and the outputs it asks for (None: all)."""

    batch: Batch
    id: str | None
    outputs: frozenset[str] | None


def datatype(dtype: str) -> str:
    """The protocol's name for numpy's; a text is BYTES."""
    return _DATATYPES.get(dtype, "BYTES")


def model_metadata(version: ModelVersion) -> dict[str, Any]:
    """The answer to `GET /v2/models/{model}`."""
    signature = version.signature
    return {
        "name": version.model,
        "versions": [str(version.version)],
        "platform": "scikit-learn",
        "inputs": [{"name": c.name, "datatype": datatype(c.dtype), "shape": [-1]} for c in signature.inputs],
        "outputs": _output_metadata(signature),
    }


def parse_inference(signature: Signature, body: Any) -> Inference:
    """Read the body of `POST /v2/models/{model}/infer`.

    Raises:
        HttpError: it is not of the protocol, or its rows don't fit the signature.
    """
    if not isinstance(body, dict) or not isinstance(body.get("inputs"), list) or not body["inputs"]:
        raise HttpError("The body is no JSON object with a list of inputs.")
    request_id = body.get("id")
    if request_id is not None and not (isinstance(request_id, str) and request_id.isprintable()):
        raise HttpError("The id of the request has to be a printable text.")
    tensors = [_parse_tensor(tensor) for tensor in body["inputs"]]
    names = [tensor.name for tensor in tensors]
    if len(set(names)) != len(names):
        raise HttpError("Two inputs have the same name.")
    return Inference(_to_batch(signature, tensors), request_id, _parse_outputs(signature, body.get("outputs")))


def inference_answer(version: ModelVersion, outputs: Mapping[str, Any], request: Inference) -> dict[str, Any]:
    """The answer to a request.

    Args:
        outputs: arrays of shape (rows, …) by name.
    """
    answer: dict[str, Any] = {"model_name": version.model, "model_version": str(version.version)}
    if request.id is not None:
        answer["id"] = request.id
    answer["outputs"] = [
        {
            "name": name,
            "shape": list(array.shape),
            "datatype": datatype(str(array.dtype)),
            "data": array.ravel().tolist(),
        }
        for name, array in outputs.items()
        if request.outputs is None or name in request.outputs
    ]
    return answer


@dataclass(frozen=True, slots=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    data: list[Any]


def _parse_tensor(tensor: Any) -> _Tensor:
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise HttpError("Every input has to be an object with a name.")
    name, shape, data = tensor["name"], tensor.get("shape"), tensor.get("data")
    shown = safe_line(shorten(name, 40))
    if tensor.get("datatype") not in _KNOWN:
        raise HttpError(f"The datatype of input '{shown}' is none of {', '.join(sorted(_KNOWN))}.")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise HttpError(f"The shape of input '{shown}' has to be a list of sizes.")
    if not isinstance(data, list):
        raise HttpError(f"The data of input '{shown}' have to be a list.")
    while data and all(isinstance(part, list) for part in data):
        data = list(chain.from_iterable(data))
    if len(shape) not in (1, 2) or prod(shape) != len(data):
        raise HttpError(
            f"Input '{shown}' has {len(data)} values, which do not fill its shape {shorten(str(shape), 40)} "
            "of one or two dimensions."
        )
    return _Tensor(name, tuple(shape), data)


def _to_batch(signature: Signature, tensors: list[_Tensor]) -> Batch:
    first = tensors[0]
    if len(tensors) == 1 and len(first.shape) == 2 and (first.shape[1] != 1 or len(signature.inputs) == 1):
        width = first.shape[1]
        rows = [first.data[i : i + width] for i in range(0, len(first.data), width)] if width else []
        return from_rows(signature, rows)
    for tensor in tensors:
        if len(tensor.shape) == 2 and tensor.shape[1] != 1:
            raise HttpError(
                f"Input '{safe_line(shorten(tensor.name, 40))}' has {tensor.shape[1]} values a row: "
                "send one tensor per column, or one for all columns."
            )
    return from_columns(signature, {tensor.name: tensor.data for tensor in tensors})


def _parse_outputs(signature: Signature, outputs: Any) -> frozenset[str] | None:
    if outputs is None:
        return None
    known = [output["name"] for output in _output_metadata(signature)]
    if not isinstance(outputs, list) or not all(isinstance(o, dict) and o.get("name") in known for o in outputs):
        raise HttpError(f"The outputs have to be a list of objects whose names are of: {', '.join(known)}.")
    return frozenset(output["name"] for output in outputs) or None


def _output_metadata(signature: Signature) -> list[dict[str, Any]]:
    kinds = {bool: "BOOL", int: "INT64", float: "FP64"}
    predicted = "FP64"
    if signature.task == "classification":
        predicted = kinds.get(type(signature.classes[0]), "BYTES") if signature.classes else "INT64"
    outputs = [{"name": "predict", "datatype": predicted, "shape": [-1]}]
    if signature.probabilities:
        outputs.append({"name": "predict_proba", "datatype": "FP64", "shape": [-1, len(signature.classes)]})
    return outputs
