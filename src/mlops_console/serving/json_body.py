"""JSON bodies, read."""

import json
import re
from typing import Any

import orjson

from mlops_console.serving.errors import HttpError

_NO_NUMBER = re.compile(rb"NaN|Infinity|[eE]\+?\d{3}")  # what Python's own json writes or reads as no finite number


def read_json(body: bytes | memoryview) -> Any:
    """The body as JSON values. NaN and infinities are read, so that the column that has them can be named.

    Raises:
        HttpError: it is not JSON.
    """
    if not body:
        raise HttpError("The body is empty, but JSON is expected.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if _NO_NUMBER.search(body):
            try:
                return _read_loosely(str(body, "utf-8"))
            except (ValueError, RecursionError):
                pass
        raise HttpError(f"The body is not JSON: {error}.") from None


def _read_loosely(text: str) -> Any:
    """As Python reads it, but without halves of surrogate pairs: no text with one could be written down.

    Raises:
        ValueError, RecursionError: it is not JSON, or nested too deeply.
    """
    content = json.loads(text)
    if "\\u" in text:
        json.dumps(content, ensure_ascii=False).encode()
    return content
