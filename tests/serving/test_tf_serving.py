"""TensorFlow Serving's REST protocol, as functions of bytes."""

import base64
import json
from typing import Any

import numpy as np
import pytest

from mlops_console.core.models import Column, ModelVersion, Signature
from mlops_console.serving import tf_serving as tf
from mlops_console.serving.errors import HttpError
from tests.serving.helpers import FRAUD, ROW

ONE = Signature((Column("x", "float64", "numeric"),), "regression")
TEXT = Signature((Column("t", "object", "categorical"),), "regression")
VALUES = list(ROW.values())
COLUMNS = {name: [value] * 2 for name, value in ROW.items()}
LABELS = {"predict": np.array([1, 0])}
BOTH = {**LABELS, "predict_proba": np.array([[0.25, 0.75], [0.5, 0.5]])}


def packed(content: Any) -> bytes:
    return json.dumps(content).encode()


def b64(text: str) -> dict[str, str]:
    return {"b64": base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("body", "by_columns"),
    [
        ({"instances": [ROW, ROW]}, False),
        ({"instances": [VALUES, VALUES], "signature_name": "serving_default"}, False),
        ({"instances": [{"amount": [12.5], "count": 3, "country": ["NO"]}, ROW]}, False),
        ({"instances": [[[12.5], 3, b64("NO")], VALUES]}, False),
        ({"instances": [{**ROW, "country": b64("NO")}, {**ROW, "country": [b64("NO")]}]}, False),
        ({"inputs": COLUMNS, "signature_name": ""}, True),
        ({"inputs": {name: [[value]] * 2 for name, value in ROW.items()}}, True),
        ({"inputs": {**COLUMNS, "country": [b64("NO"), "NO"]}}, True),
        ({"inputs": [VALUES, VALUES]}, True),
    ],
)
def test_predict_takes_rows_and_columns(body: Any, by_columns: bool) -> None:
    request = tf.parse_predict(FRAUD, packed(body))
    assert (request.batch.columns, request.by_columns) == (COLUMNS, by_columns)


@pytest.mark.parametrize(
    ("signature", "body", "values"),
    [
        (ONE, {"instances": [1.0, 2]}, [1.0, 2]),
        (ONE, {"instances": [[1.0], [2]]}, [1.0, 2]),
        (ONE, {"instances": [{"x": 1.0}, {"x": [2]}]}, [1.0, 2]),
        (ONE, {"inputs": [1.0, 2]}, [1.0, 2]),
        (ONE, {"inputs": {"x": [1.0, 2]}}, [1.0, 2]),
        (TEXT, {"instances": ["a", b64("blåbær")]}, ["a", "blåbær"]),
        (TEXT, {"instances": [b64("a"), "b"]}, ["a", "b"]),
    ],
)
def test_a_model_of_one_column_takes_bare_values(signature: Signature, body: Any, values: list[Any]) -> None:
    assert list(tf.parse_predict(signature, packed(body)).batch.columns.values()) == [values]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The body is empty, but JSON is expected."),
        (b"[]", "The body is no JSON object."),
        (b"{}", "The body has to have either instances, a list of rows, or inputs, lists of values by column."),
        (b'{"instances": [], "inputs": []}', "The body has to have either instances, "),
        (b'{"instances": [], "signature_name": "other"}', "The model has one signature_name, serving_default."),
        (b'{"instances": [], "signature_name": ["x"]}', "The model has one signature_name, serving_default."),
        (b'{"instances": {}}', "instances has to be a list of rows."),
        (b'{"instances": []}', "The request has no rows."),
        (b'{"inputs": 3}', "inputs has to be an object with a list of values by column, or a list of rows."),
        (b'{"instances": [[1, 2]]}', "Row 0 is 2 values, but 3 values are expected."),
        (b'{"instances": [{"amount": 1}]}', "Column 'count' is missing in row 0, but the model needs it."),
        (
            b'{"inputs": {"amount": [1], "count": [NaN]}}',
            "Column 'count', row 0: no value, but a whole number (int64) ",
        ),
        (
            b'{"inputs": {"amount": [{"b64": "MQ=="}], "count": [1]}}',
            "Column 'amount' is in base64, but a finite number is expected.",
        ),
        (
            b'{"instances": [[1, 2, {"b64": "/w=="}]]}',
            "Column 'country' has a b64 that is no text in UTF-8 and base64.",
        ),
        (
            b'{"instances": [[1, 2, {"b64": "YQ!=="}]]}',
            "Column 'country' has a b64 that is no text in UTF-8 and base64.",
        ),
        (b'{"instances": [[1, 2, {"b64": 7}]]}', "Column 'country' has a b64 that is no text in UTF-8 and base64."),
        (b'{"instances": [[1, 2, {"c64": ""}]]}', "Column 'country', row 0: an object, but a text is expected."),
    ],
)
def test_wrong_bodies(body: bytes, sentence: str) -> None:
    with pytest.raises(HttpError) as caught:
        tf.parse_predict(FRAUD, body)
    assert caught.value.message.startswith(sentence)


def test_one_output_is_answered_bare_and_several_by_name() -> None:
    rows = tf.parse_predict(FRAUD, packed({"instances": [ROW, ROW]}))
    columns = tf.parse_predict(FRAUD, packed({"inputs": COLUMNS}))

    def told(outputs: Any, request: tf.Predict) -> Any:
        return json.loads(tf.predict_answer(outputs, request).body)

    assert told(LABELS, rows) == {"predictions": [1, 0]}
    assert told(LABELS, columns) == {"outputs": [1, 0]}
    assert told(BOTH, columns) == {"outputs": {"predict": [1, 0], "predict_proba": [[0.25, 0.75], [0.5, 0.5]]}}
    assert told(BOTH, rows) == {
        "predictions": [{"predict": 1, "predict_proba": [0.25, 0.75]}, {"predict": 0, "predict_proba": [0.5, 0.5]}]
    }


def test_classify_and_regress() -> None:
    batch = tf.parse_classify(FRAUD, packed({"examples": [ROW, {**ROW, "amount": [12.5]}]}))
    assert batch.columns == COLUMNS
    assert json.loads(tf.classify_answer(FRAUD, BOTH).body) == {
        "results": [[["0", 0.25], ["1", 0.75]], [["0", 0.5], ["1", 0.5]]]
    }
    assert tf.parse_regress(ONE, packed({"examples": [{"x": 1.0}]})).columns == {"x": [1.0]}
    assert json.loads(tf.regress_answer({"predict": np.array([3.5, 4.0])}).body) == {"results": [3.5, 4.0]}


@pytest.mark.parametrize(
    ("parse", "signature", "body", "sentence"),
    [
        (tf.parse_classify, ONE, {"examples": [{"x": 1}]}, "The model gives no probabilities: use :predict."),
        (tf.parse_regress, FRAUD, {"examples": [ROW]}, "The model is a classifier: use :classify or :predict."),
        (tf.parse_regress, ONE, {"instances": [1]}, "The body has to have a list of examples."),
        (tf.parse_regress, ONE, {"examples": [{}], "context": {"x": 1}}, "A context is not taken here: "),
        (tf.parse_regress, ONE, {"examples": [3]}, "Row 0 is the number 3, but an object with a value by column "),
    ],
)
def test_wrong_examples(parse: Any, signature: Signature, body: Any, sentence: str) -> None:
    with pytest.raises(HttpError) as caught:
        parse(signature, packed(body))
    assert caught.value.message.startswith(sentence)


def test_status_and_metadata() -> None:
    version = ModelVersion("fraud", 7, 0.0, "", 0, "Pipeline", FRAUD)
    assert tf.status([version]) == {
        "model_version_status": [
            {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }
    told = tf.metadata(version)
    assert told["model_spec"] == {"name": "fraud", "signature_name": "", "version": "7"}
    default = told["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert {name: tensor["dtype"] for name, tensor in default["inputs"].items()} == {
        "amount": "DT_DOUBLE",
        "count": "DT_INT64",
        "country": "DT_STRING",
    }
    assert default["inputs"]["amount"]["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    assert default["outputs"]["predict"]["dtype"] == "DT_INT64"
    assert [dim["size"] for dim in default["outputs"]["predict_proba"]["tensor_shape"]["dim"]] == ["-1", "2"]
    assert list(
        tf.metadata(ModelVersion("m", 1, 0.0, "", 0, "E", ONE))["metadata"]["signature_def"]["signature_def"]
    ) == ["serving_default"]
