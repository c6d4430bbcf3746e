"""The Open Inference Protocol, version 2, in JSON and with its binary tensors: metadata, requests and answers.

A request has one tensor per column, of shape [rows] or [rows, 1], or one tensor of shape [rows, columns] whose columns
are in the order of the signature. The answer has the tensor `predict`, and `predict_proba` where the model has it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import TYPE_CHECKING, Any

import orjson

from mlops_console.core.models import ModelVersion, Signature
from mlops_console.core.text import shorten
from mlops_console.serving.errors import HttpError, WrongInputError
from mlops_console.serving.inputs import Batch, Inputs, prepared
from mlops_console.serving.json_body import read_json
from mlops_console.serving.messages import Answer
from mlops_console.serving.outputs import values
from mlops_console.serving.tensors import TAKEN_BY, TEXT, datatype, datatype_of, pack, unpack
from mlops_console.serving.wording import quoted

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXTENSIONS = ("binary_tensor_data",)
LENGTH_HEADER = b"inference-header-content-length"
_BINARY = b"application/octet-stream"
_REFUSED = ("classification", "shared_memory_region")  # parameters of other extensions, which change what is answered


@dataclass(frozen=True, slots=True)
class Inference:
    """A parsed request: its rows, its id, the outputs it asks for (None: all), and those it wants in binary."""

    batch: Batch
    id: str | None
    outputs: frozenset[str] | None
    binary: frozenset[str]


def server_metadata(version: str) -> dict[str, Any]:
    """The answer to `GET /v2`."""
    return {"name": "mlops-console", "version": version, "extensions": list(EXTENSIONS)}


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


def repository_index(versions: Iterable[ModelVersion]) -> list[dict[str, Any]]:
    """The answer to `POST /v2/repository/index`: the versions that answer."""
    return [{"name": v.model, "version": str(v.version), "state": "READY", "reason": ""} for v in versions]


def json_length(header: bytes | None) -> int | None:
    """What the header Inference-Header-Content-Length says: how many bytes of the body are JSON; None is all.

    Raises:
        HttpError: it is no number.
    """
    if header is None:
        return None
    if not header.isdigit() or len(header) > 18:
        raise HttpError("The header Inference-Header-Content-Length has to be a number of bytes.")
    return int(header)


def parse_inference(signature: Signature, body: bytes, json_length: int | None = None) -> Inference:
    """Read the body of `POST /v2/models/{model}/infer`.

    Args:
        json_length: how many bytes of it are JSON; what follows are binary tensors. None: all are.

    Raises:
        HttpError: it is not of the protocol, or its rows don't fit the signature.
    """
    if json_length is None:
        content, rest = read_json(body), None
    else:
        if not 0 <= json_length <= len(body):
            has = f"the body has {len(body):,} bytes"
            raise HttpError(f"Inference-Header-Content-Length is {json_length:,}, but {has}.")
        view = memoryview(body)
        content, rest = read_json(view[:json_length]), view[json_length:]
    if not isinstance(content, dict) or not isinstance(content.get("inputs"), list) or not content["inputs"]:
        raise HttpError("The body is no JSON object with a list of inputs.")
    request_id = content.get("id")
    if request_id is not None and not (isinstance(request_id, str) and request_id.isprintable()):
        raise HttpError("The id of the request has to be a printable text.")
    inputs = prepared(signature)
    outputs, binary = _parse_outputs(signature, content.get("outputs"), _parameters(content, "The request"))
    return Inference(_to_batch(inputs, _parse_tensors(content["inputs"], rest)), request_id, outputs, binary)


def inference_answer(version: ModelVersion, outputs: Mapping[str, "NDArray[Any]"], request: Inference) -> Answer:
    """The answer to a request.

    Args:
        outputs: arrays of shape (rows, …) by name.
    """
    told: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for name, array in outputs.items():
        if request.outputs is not None and name not in request.outputs:
            continue
        tensor: dict[str, Any] = {"name": name, "datatype": datatype_of(array), "shape": array.shape}
        if name in request.binary:
            tail.append(pack(array))
            tensor["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            tensor["data"] = _json_data(array)
        told.append(tensor)
    answer: dict[str, Any] = {"model_name": version.model, "model_version": str(version.version)}
    if request.id is not None:
        answer["id"] = request.id
    answer["outputs"] = told
    head = orjson.dumps(answer)
    if not tail:
        return Answer(head)
    headers = ((LENGTH_HEADER, str(len(head)).encode()),)
    return Answer(b"".join((head, *tail)), content_type=_BINARY, headers=headers)


def _json_data(array: "NDArray[Any]") -> list[Any]:
    """The elements in one list. Those of BYTES are texts, whatever they are in Python."""
    found = values(array.ravel() if array.ndim > 1 else array)
    return [str(value) for value in found] if array.dtype.kind == "O" else found


@dataclass(frozen=True, slots=True)
class _Tensor:
    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[Any]


def _parse_tensors(tensors: list[Any], rest: memoryview | None) -> list[_Tensor]:
    """All inputs; the binary ones stand in `rest` in their order, and fill it."""
    found: list[_Tensor] = []
    names: set[str] = set()
    start = 0
    for tensor in tensors:
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            raise HttpError("Every input has to be an object with a name.")
        name = tensor["name"]
        if name in names:
            raise HttpError("Two inputs have the same name.")
        names.add(name)
        size = _binary_size(tensor, 0 if rest is None else len(rest) - start) if "parameters" in tensor else None
        content = None if size is None or rest is None else rest[start : start + size]
        start += size or 0
        found.append(_parse_tensor(name, tensor, content))
    if rest is not None and start != len(rest):
        raise HttpError(f"The body has {len(rest) - start:,} bytes after its last tensor.")
    return found


def _binary_size(tensor: Mapping[str, Any], left: int) -> int | None:
    """How many bytes of the body's rest are this tensor's; None if it is in JSON."""
    shown = f"Input {quoted(tensor['name'])}"
    parameters = _parameters(tensor, shown)
    if "shared_memory_region" in parameters:
        raise HttpError(f"{shown} asks for shared memory, which this server does not have.")
    size = parameters.get("binary_data_size")
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise HttpError(f"The binary_data_size of {shown[0].lower() + shown[1:]} has to be a number of bytes.")
    if "data" in tensor:
        raise HttpError(f"{shown} has both data and a binary_data_size.")
    if size > left:
        raise HttpError(
            f"{shown} has a binary_data_size of {size:,}, but {left:,} bytes of binary data are left in the body; "
            "Inference-Header-Content-Length says where they begin."
        )
    return size


def _parse_tensor(name: str, tensor: Mapping[str, Any], content: memoryview | None) -> _Tensor:
    kind, shape = tensor.get("datatype"), tensor.get("shape")
    if not isinstance(kind, str) or kind not in TAKEN_BY:
        raise WrongInputError(f"The datatype of input {quoted(name)} is none of {', '.join(sorted(TAKEN_BY))}.")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise WrongInputError(f"The shape of input {quoted(name)} has to be a list of sizes.")
    if len(shape) not in (1, 2):
        raise WrongInputError(f"The shape of input {quoted(name)} has {len(shape)} dimensions; 1 or 2 are expected.")
    count = prod(shape)
    if content is not None:
        try:
            return _Tensor(name, kind, tuple(shape), unpack(kind, count, content))
        except ValueError as error:
            reason = "a text that is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            raise WrongInputError(f"Input {quoted(name)} of shape {_shown(shape)} has {reason}.") from None
    data = tensor.get("data")
    if not isinstance(data, list):
        raise WrongInputError(f"The data of input {quoted(name)} have to be a list.")
    while data and isinstance(data[0], list) and all(isinstance(part, list) for part in data):
        data = list(chain.from_iterable(data))
    if count != len(data):
        raise WrongInputError(
            f"Input {quoted(name)} has {len(data):,} values, which do not fill its shape {_shown(shape)}."
        )
    return _Tensor(name, kind, tuple(shape), data)


def _to_batch(inputs: Inputs, tensors: list[_Tensor]) -> Batch:
    first = tensors[0]
    if len(tensors) == 1 and len(first.shape) == 2 and (first.shape[1] != 1 or len(inputs.names) == 1):
        return _from_matrix(inputs, first)
    for tensor in tensors:
        if len(tensor.shape) == 2 and tensor.shape[1] != 1:
            raise WrongInputError(
                f"Input {quoted(tensor.name)} has {tensor.shape[1]} values a row: "
                "send one tensor per column, or one for all columns."
            )
        kind = inputs.kinds.get(tensor.name)
        if kind is not None and kind not in TAKEN_BY[tensor.datatype]:
            wanted = _datatype_of(inputs, tensor.name)
            raise WrongInputError(f"Input {quoted(tensor.name)} is {tensor.datatype}, but {wanted} is expected.")
    return inputs.from_columns({tensor.name: tensor.data for tensor in tensors})


def _from_matrix(inputs: Inputs, tensor: _Tensor) -> Batch:
    """The rows of one tensor that has all columns."""
    rows, width = tensor.shape
    if width != len(inputs.names):
        raise WrongInputError(
            f"Input {quoted(tensor.name)} has {width} values a row, but the model takes {len(inputs.names)} columns."
        )
    taken_by = TAKEN_BY[tensor.datatype]
    for name, kind in inputs.kinds.items():
        if kind not in taken_by:
            wanted = _datatype_of(inputs, name)
            raise WrongInputError(
                f"Input {quoted(tensor.name)} is {tensor.datatype}, but column {quoted(name)} takes {wanted}: "
                "send one tensor per column."
            )
    if rows == 1:
        return inputs.from_rows([tensor.data])
    return inputs.from_columns({name: tensor.data[place::width] for place, name in enumerate(inputs.names)})


def _datatype_of(inputs: Inputs, name: str) -> str:
    return next(datatype(column.dtype) for column in inputs.signature.inputs if column.name == name)


def _parameters(holder: Mapping[str, Any], shown: str) -> Mapping[str, Any]:
    parameters = holder.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise HttpError(f"{shown} has parameters that are no object.")
    return parameters


def _parse_outputs(
    signature: Signature, outputs: Any, parameters: Mapping[str, Any]
) -> tuple[frozenset[str] | None, frozenset[str]]:
    """The outputs that are asked for, None for all, and those that are wanted in binary."""
    known = _output_names(signature)
    all_binary = parameters.get("binary_data_output") is True
    if outputs is None or outputs == []:
        return None, frozenset(known if all_binary else ())
    if not isinstance(outputs, list) or not all(isinstance(o, dict) and o.get("name") in known for o in outputs):
        raise HttpError(f"The outputs have to be a list of objects whose names are of: {', '.join(known)}.")
    binary: set[str] = set()
    for output in outputs:
        asked = _parameters(output, f"Output {quoted(output['name'])}")
        refused = next((name for name in _REFUSED if asked.get(name)), None)
        if refused is not None:
            raise HttpError(f"Output {quoted(output['name'])} asks for {refused}, which this server does not have.")
        if asked.get("binary_data", all_binary) is True:
            binary.add(output["name"])
    return frozenset(output["name"] for output in outputs), frozenset(binary)


def _output_names(signature: Signature) -> tuple[str, ...]:
    return ("predict", "predict_proba") if signature.probabilities else ("predict",)


def _output_metadata(signature: Signature) -> list[dict[str, Any]]:
    kinds = {bool: "BOOL", int: "INT64", float: "FP64"}
    predicted = "FP64"
    if signature.task == "classification":
        predicted = kinds.get(type(signature.classes[0]), TEXT) if signature.classes else "INT64"
    shapes = {"predict": [-1], "predict_proba": [-1, len(signature.classes)]}
    datatypes = {"predict": predicted, "predict_proba": "FP64"}
    return [{"name": n, "datatype": datatypes[n], "shape": shapes[n]} for n in _output_names(signature)]


def _shown(shape: list[int]) -> str:
    return shorten(str(shape), 40)
