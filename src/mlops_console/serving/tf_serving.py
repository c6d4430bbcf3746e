"""TensorFlow Serving's REST protocol: predict by rows and by columns, classify, regress, status and metadata.

There is one signature, `serving_default`. By TensorFlow's rule a model with one output answers bare values, and one
with several, here a classifier with probabilities, answers them by name.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.core.models import Column, ModelVersion, Signature
from mlops_console.serving.errors import HttpError, WrongInputError
from mlops_console.serving.inputs import Batch, Inputs, prepared
from mlops_console.serving.json_body import read_json
from mlops_console.serving.messages import Answer, json_answer
from mlops_console.serving.outputs import values
from mlops_console.serving.values import expected
from mlops_console.serving.wording import quoted

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIGNATURE = "serving_default"
_DTYPES = {
    "bool": "DT_BOOL",
    "float16": "DT_HALF",
    "float32": "DT_FLOAT",
    "float64": "DT_DOUBLE",
    **{f"{sign}int{bits}": f"DT_{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
_TEXT = "DT_STRING"
_WRAPPED = frozenset((list, dict))


@dataclass(frozen=True, slots=True)
class Predict:
    """A parsed `:predict`: its rows, and whether they came by columns, as the answer then goes."""

    batch: Batch
    by_columns: bool


def status(versions: Iterable[ModelVersion]) -> dict[str, Any]:
    """The answer to `GET /v1/models/{model}`: the versions that answer."""
    fine = {"error_code": "OK", "error_message": ""}
    return {
        "model_version_status": [{"version": str(v.version), "state": "AVAILABLE", "status": fine} for v in versions]
    }


def metadata(version: ModelVersion) -> dict[str, Any]:
    """The answer to `GET /v1/models/{model}/metadata`."""
    signature = version.signature
    outputs = {"predict": _tensor("predict", _predicted(signature), [-1])}
    if signature.probabilities:
        outputs["predict_proba"] = _tensor("predict_proba", "DT_DOUBLE", [-1, len(signature.classes)])
    default = {
        "inputs": {c.name: _tensor(c.name, _DTYPES.get(c.dtype, _TEXT), [-1]) for c in signature.inputs},
        "outputs": outputs,
        "method_name": "tensorflow/serving/predict",
        "defaults": {},
    }
    return {
        "model_spec": {"name": version.model, "signature_name": "", "version": str(version.version)},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE: default}}},
    }


def parse_predict(signature: Signature, body: bytes) -> Predict:
    """Read the body of `:predict`: rows in `instances`, or columns in `inputs`.

    Raises:
        HttpError: it is not of the protocol.
        WrongInputError: its rows don't fit the signature.
    """
    content = _object(body)
    if ("instances" in content) == ("inputs" in content):
        raise HttpError("The body has to have either instances, a list of rows, or inputs, lists of values by column.")
    if "instances" in content:
        return Predict(_from_instances(prepared(signature), content["instances"]), by_columns=False)
    return Predict(_from_inputs(prepared(signature), content["inputs"]), by_columns=True)


def predict_answer(outputs: Mapping[str, "NDArray[Any]"], request: Predict) -> Answer:
    """`{"predictions": …}` by rows, or `{"outputs": …}` by columns."""
    found = {name: values(array) for name, array in outputs.items()}
    if len(found) == 1:
        (bare,) = found.values()
        return json_answer({"outputs" if request.by_columns else "predictions": bare})
    if request.by_columns:
        return json_answer({"outputs": found})
    rows = zip(*found.values(), strict=True)
    return json_answer({"predictions": [dict(zip(found, row, strict=True)) for row in rows]})


def parse_classify(signature: Signature, body: bytes) -> Batch:
    """The rows of the body of `:classify`.

    Raises:
        HttpError: the model gives no probabilities, or as `parse_predict`.
    """
    if not signature.probabilities:
        raise HttpError("The model gives no probabilities: use :predict.")
    return _parse_examples(signature, body)


def classify_answer(signature: Signature, outputs: Mapping[str, "NDArray[Any]"]) -> Answer:
    """For each row, each class as a text with its probability."""
    labels = [str(label) for label in signature.classes]
    rows = values(outputs["predict_proba"])
    return json_answer({"results": [list(zip(labels, row, strict=True)) for row in rows]})


def parse_regress(signature: Signature, body: bytes) -> Batch:
    """The rows of the body of `:regress`.

    Raises:
        HttpError: the model is a classifier, or as `parse_predict`.
    """
    if signature.task != "regression":
        raise HttpError("The model is a classifier: use :classify or :predict.")
    return _parse_examples(signature, body)


def regress_answer(outputs: Mapping[str, "NDArray[Any]"]) -> Answer:
    """A number for each row."""
    return json_answer({"results": values(outputs["predict"])})


def _object(body: bytes) -> dict[str, Any]:
    content = read_json(body)
    if not isinstance(content, dict):
        raise HttpError("The body is no JSON object.")
    if content.get("signature_name", SIGNATURE) not in (SIGNATURE, ""):
        raise HttpError(f"The model has one signature_name, {SIGNATURE}.")
    return content


def _parse_examples(signature: Signature, body: bytes) -> Batch:
    content = _object(body)
    if "context" in content:
        raise HttpError("A context is not taken here: write its features into each example.")
    if not isinstance(content.get("examples"), list):
        raise HttpError("The body has to have a list of examples.")
    return _from_examples(prepared(signature), content["examples"])


def _from_instances(inputs: Inputs, rows: Any) -> Batch:
    if not isinstance(rows, list):
        raise WrongInputError("instances has to be a list of rows.")
    if len(inputs.names) == 1 and not (rows and isinstance(rows[0], dict) and inputs.names[0] in rows[0]):
        return inputs.from_columns({inputs.names[0]: _plain_values(inputs.signature.inputs[0], rows)})
    if rows and isinstance(rows[0], dict):
        return _from_examples(inputs, rows)
    return inputs.from_rows([_plain_row(inputs, row) for row in rows])


def _from_examples(inputs: Inputs, rows: list[Any]) -> Batch:
    return inputs.from_records([_plain_record(inputs, row) for row in rows])


def _from_inputs(inputs: Inputs, content: Any) -> Batch:
    if isinstance(content, list):
        return _from_instances(inputs, content)
    if not isinstance(content, dict):
        raise WrongInputError("inputs has to be an object with a list of values by column, or a list of rows.")
    plain = {
        column.name: _plain_values(column, content[column.name])
        for column in inputs.signature.inputs
        if isinstance(content.get(column.name), list)
    }
    return inputs.from_columns(content | plain)


def _plain_record(inputs: Inputs, record: Any) -> Any:
    if not isinstance(record, dict) or _WRAPPED.isdisjoint(map(type, record.values())):
        return record
    plain = {c.name: _plain(c, record[c.name]) for c in inputs.signature.inputs if c.name in record}
    return record | plain


def _plain_row(inputs: Inputs, row: Any) -> Any:
    if not isinstance(row, list) or len(row) != len(inputs.names) or _WRAPPED.isdisjoint(map(type, row)):
        return row
    return [_plain(column, value) for column, value in zip(inputs.signature.inputs, row, strict=True)]


def _plain_values(column: Column, found: list[Any]) -> list[Any]:
    return found if _WRAPPED.isdisjoint(map(type, found)) else [_plain(column, value) for value in found]


def _plain(column: Column, value: Any) -> Any:
    """A value that stands in a list of its own, as tensors of one element do, or in base64, as bytes do."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return _text(column, value["b64"]) if isinstance(value, dict) and value.keys() == {"b64"} else value


def _text(column: Column, encoded: Any) -> str:
    if column.kind == "numeric" or column.dtype == "bool":
        raise WrongInputError(f"Column {quoted(column.name)} is in base64, but {expected(column)} is expected.")
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (TypeError, ValueError):
        raise WrongInputError(f"Column {quoted(column.name)} has a b64 that is no text in UTF-8 and base64.") from None


def _tensor(name: str, dtype: str, sizes: list[int]) -> dict[str, Any]:
    dims = [{"size": str(size), "name": ""} for size in sizes]
    return {"dtype": dtype, "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": f"{name}:0"}


def _predicted(signature: Signature) -> str:
    if signature.task == "regression":
        return "DT_DOUBLE"
    kinds = {bool: "DT_BOOL", int: "DT_INT64", float: "DT_DOUBLE"}
    return kinds.get(type(signature.classes[0]), _TEXT) if signature.classes else "DT_INT64"
