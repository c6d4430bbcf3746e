"""CSV bodies, read as pandas reads them, by the types of a signature."""

import csv
import io
import re
from typing import Any

from mlops_console.core.models import Signature
from mlops_console.serving.errors import HttpError, WrongInputError
from mlops_console.serving.inputs import Batch, prepared
from mlops_console.serving.values import Kind

_MISSING = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
     "NULL", "NaN", "None", "n/a", "nan", "null")
)  # fmt: skip
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def read_csv(signature: Signature, body: bytes) -> Batch:
    """The rows of a CSV with a header.

    Raises:
        HttpError: it is not CSV, or its rows don't fit the signature.
    """
    inputs = prepared(signature)
    try:
        lines = [line for line in csv.reader(io.StringIO(str(body, "utf-8-sig"), newline=""), strict=True) if line]
    except (csv.Error, UnicodeDecodeError) as error:
        raise HttpError(f"The body is not CSV: {error}.") from None
    if not lines:
        raise HttpError("The body is empty, but CSV with a header is expected.")
    names, *rows = lines
    order = inputs.checked_order(names)
    for number, line in enumerate(rows):
        if len(line) != len(order):
            raise WrongInputError(f"Row {number} has {len(line)} values, but the header has {len(order)}.")
    columns = {name: [_value(inputs.kinds[name], line[place]) for line in rows] for place, name in enumerate(order)}
    return inputs.from_columns(columns)


def _value(kind: Kind, text: str) -> Any:
    """The text as its column's kind of value; itself where it is none, so that the check can tell."""
    if text in _MISSING:
        return None
    if kind == "text":
        return text
    if kind == "bool" and text in _BOOLS:
        return _BOOLS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
