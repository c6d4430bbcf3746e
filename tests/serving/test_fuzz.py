"""Any bytes are either a batch of values that fit the signature, or an `HttpError` of one short sentence."""

import json
import math
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlops_console.core.models import Column, Signature
from mlops_console.core.text import safe_line
from mlops_console.serving.errors import HttpError
from mlops_console.serving.inputs import Batch
from mlops_console.serving.invocations import parse_invocation
from mlops_console.serving.open_inference import parse_inference
from mlops_console.serving.tf_serving import parse_classify, parse_predict, parse_regress
from mlops_console.serving.unseen import unseen, unseen_header

MIXED = Signature(
    (
        Column("f", "float64", "numeric"),
        Column("i", "int16", "numeric", nullable=True),
        Column("b", "bool", "categorical", nullable=True),
        Column("t", "object", "categorical", nullable=True, categories=("a", "b")),
    ),
    "classification",
    (0, 1),
    True,
)
FLOATS = Signature(tuple(Column(name, "float64", "numeric") for name in ("f", "i")), "regression")
ONE = Signature((Column("t", "object", "categorical"),), "regression")
SIGNATURES = (MIXED, FLOATS, ONE)
KEYS = [
    "f",
    "i",
    "b",
    "t",
    "columns",
    "data",
    "index",
    "b64",
    "name",
    "shape",
    "datatype",
    "parameters",
    "inputs",
    "outputs",
]
FORMS = ["dataframe_split", "dataframe_records", "instances", "inputs", "examples", "params", "signature_name"]
TYPES = ["FP16", "FP32", "FP64", "INT8", "INT64", "UINT8", "UINT64", "BOOL", "BYTES", "FP8"]


class Token(str):
    """JSON text that no value stands for: a number out of bounds, half a surrogate pair, a key twice, an abyss."""


TOKENS = [
    Token(token)
    for token in (
        "NaN", "Infinity", "-Infinity", "1e400", "-1e999", "1E309", "9" * 400, "9" * 5_000, "1" + "0" * 30, "-0",
        '"\\ud800"', '"\\udc00x"', '"\\ud83d\\ude00"', '{"f": 1, "f": [NaN]}', "[" * 1_500, "[" * 900 + "]" * 900,
        "18446744073709551616", "0.1e-400", '"\\u0000"', "nul",
    )
]  # fmt: skip


def write(value: Any) -> str:
    """A JSON text with the tokens as they are."""
    if isinstance(value, Token):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(map(write, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(key)}:{write(inner)}' for key, inner in value.items())}}}"
    return json.dumps(value)


def encode(text: str) -> bytes:
    """Also what is no UTF-8."""
    return text.encode("utf-8", "surrogatepass")


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 300), st.integers(), st.floats(), st.text(max_size=4),
    st.sampled_from(["a", "xx", "serving_default", "YQ==", *TYPES]), st.sampled_from(TOKENS),
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=3)), inner, max_size=4),
    ),
    max_leaves=12,
)
cells = st.one_of(leaves, st.lists(leaves, min_size=1, max_size=1))
rows = st.lists(
    st.one_of(
        st.lists(cells, min_size=1, max_size=4),
        st.dictionaries(st.sampled_from(KEYS[:4]), cells, max_size=4),
        cells,
    ),
    max_size=3,
)
columns = st.dictionaries(st.sampled_from(KEYS[:4]), st.lists(cells, max_size=3), max_size=4)
splits = st.fixed_dictionaries({"columns": st.lists(st.sampled_from(KEYS[:4]), max_size=4), "data": rows})
bodies = st.one_of(
    values,
    st.dictionaries(st.sampled_from(FORMS), st.one_of(rows, columns, splits, values), max_size=2),
    st.fixed_dictionaries({"instances": rows}),
    st.fixed_dictionaries({"inputs": columns}),
    st.fixed_dictionaries({"examples": rows}),
    st.fixed_dictionaries({"dataframe_split": splits}),
).map(lambda value: encode(write(value)))
words = st.sampled_from(["f", "i", "b", "t", "1", "1.5", "", "true", "NA", '"', "1e999"])
csv_lines = st.lists(st.one_of(words, st.text(max_size=4)), max_size=4).map(",".join)
csv_bodies = st.lists(csv_lines, max_size=4).map(lambda lines: encode("\n".join(lines)))

sizes = st.one_of(st.integers(0, 24), st.sampled_from([-1, 2**31, 2**63, 2**64 - 1, 10**30, 8.0, True, None, "8"]))
shapes = st.one_of(
    st.lists(st.integers(0, 4), max_size=3),
    st.sampled_from([[2**63, 2**63], [2**32, 2**32], [2**64 - 1], [-1], [1.0], [10**30], [0, 2**63], [True]]),
    values,
)
tensors = st.fixed_dictionaries(
    {"name": st.sampled_from(KEYS[:4]), "shape": shapes, "datatype": st.sampled_from(TYPES)},
    optional={
        "data": st.one_of(st.lists(cells, max_size=4), values),
        "parameters": st.one_of(st.fixed_dictionaries({}, optional={"binary_data_size": sizes}), values),
    },
)
contents = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.floats().map(lambda value: struct.pack("<d", value)),
        st.text(max_size=3).map(lambda value: struct.pack("<I", len(encode(value))) + encode(value)),
        st.integers(0, 2**32 - 1).map(lambda value: struct.pack("<I", value)),
    ),
    max_size=4,
).map(b"".join)
inferences = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=4)},
    optional={"id": leaves, "parameters": values, "outputs": st.one_of(values, st.just([{"name": "predict"}]))},
).map(lambda value: encode(write(value)))

fuzzed = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
signatures = st.sampled_from(SIGNATURES)


def check(parse: Callable[[], Batch], signature: Signature) -> None:
    try:
        batch = parse()
    except HttpError as error:
        assert error.status in (400, 413, 415, 422)
        assert error.message.endswith(".")
        assert len(error.message) < 700
        assert safe_line(error.message) == error.message
        return
    assert list(batch.columns) == [column.name for column in signature.inputs]
    for column in signature.inputs:
        assert len(batch.columns[column.name]) == batch.rows > 0
        assert all(fits(column, value) for value in batch.columns[column.name])
    header = unseen_header(unseen(signature, batch))
    assert len(header) <= 1_000
    assert header.decode("ascii").isprintable()


def fits(column: Column, value: Any) -> bool:
    if value is None:
        return column.nullable
    if column.dtype == "float64":
        return type(value) in (int, float) and math.isfinite(float(value))
    if column.dtype == "int16":
        return type(value) is int and -(2**15) <= value < 2**15
    if column.dtype == "bool":
        return type(value) is bool
    return type(value) is str and bool(orjson.dumps(value))


@fuzzed
@given(signatures, bodies)
@example(MIXED, b'{"inputs": {"f": [NaN], "t": ["\\ud800"]}}')
@example(MIXED, b'{"dataframe_records": [{"f": 1e400, "t": "\\ud800"}]}')
@example(MIXED, '{"instances": [[1, NaN, null, "x"]]}'.encode("utf-16"))
@example(MIXED, '{"instances": [[1, NaN, null, "x"]]}'.encode("utf-32"))
def test_any_json_is_an_invocation_or_an_error(signature: Signature, body: bytes) -> None:
    check(lambda: parse_invocation(signature, body), signature)


@fuzzed
@given(signatures, bodies)
def test_any_json_is_a_predict_or_an_error(signature: Signature, body: bytes) -> None:
    check(lambda: parse_predict(signature, body).batch, signature)
    check(lambda: parse_classify(signature, body), signature)
    check(lambda: parse_regress(signature, body), signature)


@fuzzed
@given(signatures, st.one_of(csv_bodies, st.binary(max_size=60)))
@example(MIXED, b"f,t\n1,\xed\xa0\x80")
@example(MIXED, b"f\n" + b"9" * 5_000)
@example(MIXED, b"f\n\x00")
def test_any_csv_is_an_invocation_or_an_error(signature: Signature, body: bytes) -> None:
    check(lambda: parse_invocation(signature, body, b"text/csv"), signature)


@fuzzed
@given(signatures, st.one_of(inferences, bodies), contents, st.integers(-2, 2), st.booleans())
def test_any_tensors_are_an_inference_or_an_error(
    signature: Signature, head: bytes, rest: bytes, shift: int, in_json: bool
) -> None:
    length = None if in_json else len(head) + (shift if abs(shift) == 2 else 0)
    check(lambda: parse_inference(signature, head + (b"" if in_json else rest), length).batch, signature)


@settings(max_examples=100, deadline=None)
@given(signatures, st.binary(max_size=200), st.one_of(st.none(), st.integers(-5, 250)))
def test_any_bytes_are_an_error(signature: Signature, body: bytes, length: int | None) -> None:
    check(lambda: parse_inference(signature, body, length).batch, signature)
    check(lambda: parse_invocation(signature, body), signature)
    check(lambda: parse_predict(signature, body).batch, signature)


HEAD = b'{"inputs": [{"name": "t", "datatype": "BYTES", "shape": [%s], "parameters": {"binary_data_size": %d}}]}'
AMOUNT = 100_000


@pytest.mark.parametrize(
    "parse",
    [
        lambda: parse_invocation(MIXED, b'{"dataframe_records": [' + b"{}," * AMOUNT + b"{}]}"),
        lambda: parse_invocation(MIXED, b'{"instances": [' + b"[]," * AMOUNT + b"[]]}"),
        lambda: parse_invocation(MIXED, b'{"inputs": {"f": [' + b"1," * AMOUNT + b"1]}}"),
        lambda: parse_invocation(MIXED, b'{"instances": ' + b"[" * AMOUNT),
        lambda: parse_invocation(MIXED, b'{"instances": [NaN,' + b"9" * AMOUNT + b"]}"),
        lambda: parse_invocation(MIXED, b"f\n" + b"1\n" * AMOUNT, b"text/csv"),
        lambda: parse_predict(ONE, b'{"instances": [' + b'"",' * AMOUNT + b'""]}'),
        lambda: parse_inference(ONE, (head := HEAD % (b"9" * 18, 4 * AMOUNT)) + b"\0" * 4 * AMOUNT, len(head)),
        lambda: parse_inference(FLOATS, b'{"inputs": [{"name": "f", "datatype": "FP64", "data": [], "shape": ['
                                + b"9," * AMOUNT + b"9]}]}"),
    ],
)  # fmt: skip
def test_memory_is_bounded_by_the_body(parse: Callable[[], Any]) -> None:
    tracemalloc.start()
    try:
        parse()
    except HttpError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 200 * AMOUNT
