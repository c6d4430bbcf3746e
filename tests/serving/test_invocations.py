"""Bodies of MLflow's scoring protocol, as functions of bytes; test_protocols.py sends the forms of JSON."""

import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_console.serving.errors import HttpError
from mlops_console.serving.invocations import invocation_answer, parse_invocation
from tests.serving.helpers import FRAUD, ROW

FRAME = pd.DataFrame({"amount": [12.5, -2.0, 1e-7], "count": [3, 1, -4], "country": ["NO", None, 'a "b",\nc']})
COLUMNS = {"amount": [12.5, -2.0, 1e-7], "count": [3, 1, -4], "country": ["NO", None, 'a "b",\nc']}


def csv_of(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


@pytest.mark.parametrize("kind", [b"text/csv", b"text/csv; charset=utf-8", b'Text/CSV;charset="UTF-8"'])
def test_csv_as_pandas_writes_it(kind: bytes) -> None:
    assert parse_invocation(FRAUD, csv_of(FRAME), kind).columns == COLUMNS
    assert parse_invocation(FRAUD, csv_of(FRAME[["country", "amount", "count"]]), kind).columns == COLUMNS
    assert parse_invocation(FRAUD, b"\xef\xbb\xbf" + csv_of(FRAME), kind).columns == COLUMNS


def test_csv_has_the_missing_values_of_pandas() -> None:
    body = b"amount,count,country\r\n1,2,\r\n1.,+2.0,NA\r\n.5e3,2,None\r\n\r\n1,2,none\r\n"
    frame = pd.read_csv(io.BytesIO(body))
    batch = parse_invocation(FRAUD, body, b"text/csv")
    assert batch.columns["country"] == [None, None, None, "none"]
    assert batch.columns["country"] == [None if pd.isna(value) else value for value in frame["country"]]
    assert batch.columns["amount"] == frame["amount"].tolist() == [1, 1.0, 500.0, 1]
    assert batch.columns["count"] == [2] * 4


@pytest.mark.parametrize(
    ("body", "kind", "status", "sentence"),
    [
        (b"", b"text/csv", 400, "The body is empty, but CSV with a header is expected."),
        (b"\n\n", b"text/csv", 400, "The body is empty, but CSV with a header is expected."),
        (b"\xff", b"text/csv", 400, "The body is not CSV: "),
        (b'amount,count\n"1,2', b"text/csv", 400, "The body is not CSV: "),
        (b"amount\n" + b"9" * 200_000, b"text/csv", 400, "The body is not CSV: "),
        (b"amount,count\n", b"text/csv", 422, "The request has no rows."),
        (b"amount\n1", b"text/csv", 422, "Column 'count' is missing, but the model needs it."),
        (b"amount,count,\n1,2,3", b"text/csv", 422, "Column '' is unknown; expected are: amount, count, country."),
        (b"amount,count,count\n1,2,3", b"text/csv", 422, "Column 'count' is given twice."),
        (b"amount,count\n1,2\n1", b"text/csv", 422, "Row 1 has 1 values, but the header has 2."),
        (b"amount,count\nx,1", b"text/csv", 422, "Column 'amount', row 0: the text 'x', but a finite number "),
        (b"amount,count\n1_0,1", b"text/csv", 422, "Column 'amount', row 0: the text '1_0', but a finite number "),
        (b"amount,count\n1e999,1", b"text/csv", 422, "Column 'amount', row 0: an infinite number, but a finite "),
        (b"amount,count\n1,1.5", b"text/csv", 422, "Column 'count', row 0: the number 1.5, but a whole number "),
        (b"amount,count\n,1", b"text/csv", 422, "Column 'amount', row 0: no value, but a finite number is expected."),
        (b"amount,count\n1,2", b"text/csv; charset=latin-1", 415, "CSV is read in UTF-8 only."),
        (b"amount,count\n1,2", b"application/json", 400, "The body is not JSON: "),
        (b"amount,count\n1,2", None, 400, "The body is not JSON: "),
    ],
)
def test_wrong_csv(body: bytes, kind: bytes | None, status: int, sentence: str) -> None:
    with pytest.raises(HttpError) as caught:
        parse_invocation(FRAUD, body, kind)
    assert caught.value.message.startswith(sentence)
    assert caught.value.status == status


@pytest.mark.parametrize("text", [rb"\ud800", rb"\udc00x", rb"x\uDBFFx"])
def test_half_a_surrogate_pair_is_no_text_beside_a_nan_either(text: bytes) -> None:
    """Python's own json, which reads the NaN, would take it; nothing could write it down."""
    body = b'{"inputs": {"amount": [1, 2], "count": [1, 1e0000], "country": [NaN, "%s"]}}'
    with pytest.raises(HttpError, match="The body is not JSON: "):
        parse_invocation(FRAUD, body % text)
    assert parse_invocation(FRAUD, body % rb"\ud83d\ude00").columns["country"] == [None, "😀"]


@pytest.mark.parametrize("params", [{}, {"temperature": 0.5}, None])
def test_params_are_left_aside_as_mlflow_does_with_a_model_that_has_none(params: Any) -> None:
    body = json.dumps({"dataframe_records": [ROW], "params": params}).encode()
    assert parse_invocation(FRAUD, body).columns == {name: [value] for name, value in ROW.items()}


@pytest.mark.parametrize(
    ("predicted", "body"),
    [
        (np.array([1, 0]), b'{"predictions":[1,0]}'),
        (np.array([0.5, np.nan], dtype=np.float32), b'{"predictions":[0.5,null]}'),
        (np.array(["a", "b"]), b'{"predictions":["a","b"]}'),
        (np.array(["a", None], dtype=object), b'{"predictions":["a",null]}'),
        (np.array([True]), b'{"predictions":[true]}'),
    ],
)
def test_answers(predicted: Any, body: bytes) -> None:
    answer = invocation_answer({"predict": predicted, "predict_proba": np.zeros((2, 2))})
    assert (answer.status, answer.content_type, answer.body) == (200, b"application/json", body)
