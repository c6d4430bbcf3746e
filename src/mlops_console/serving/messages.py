"""A request that has been read whole, and its answer, apart from any server or framework."""

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mlops_console.core.text import size
from mlops_console.serving.errors import HttpError, TooLargeError

Headers = Sequence[tuple[bytes, bytes]]  # names in lower case

JSON = b"application/json"
_LEAST_ZIPPED = 1_000  # bytes: shorter answers are not worth it
_ZIP_LEVEL = 1


@dataclass(slots=True)
class Request:
    """`params` are what the path names: a model, a version, a label."""

    method: str
    path: str
    headers: Headers
    body: bytes
    params: dict[str, str]

    def header(self, name: bytes) -> bytes | None:
        for key, value in self.headers:
            if key == name:
                return value
        return None


@dataclass(slots=True)
class Answer:
    body: bytes
    status: int = 200
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


def json_answer(content: Any, status: int = 200) -> Answer:
    return Answer(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), status)


def error_answer(error: HttpError) -> Answer:
    """An error as every protocol here tells it: {"error": sentence}."""
    return Answer(orjson.dumps({"error": error.message}), error.status, JSON, error.headers)


def unzipped(body: bytes, most: int) -> bytes:
    """The content of a gzip body, read no further than the limit.

    Raises:
        HttpError: it is no gzip, or more than `most` bytes.
    """
    reader = zlib.decompressobj(wbits=31)
    try:
        content = reader.decompress(body, most + 1)
    except zlib.error:
        raise HttpError("The body is not gzip, though Content-Encoding says so.") from None
    if len(content) > most:
        raise TooLargeError(f"The body is larger than {size(most)} once it is unzipped; send fewer rows a request.")
    if not reader.eof:
        raise HttpError("The gzip body ends too early.")
    return content


def zip_if_asked(answer: Answer, accepted: bytes | None) -> Answer:
    """The answer with a gzip body where the client takes one and it pays."""
    if accepted is None or len(answer.body) < _LEAST_ZIPPED or not _takes_gzip(accepted):
        return answer
    headers = (*answer.headers, (b"content-encoding", b"gzip"), (b"vary", b"accept-encoding"))
    return Answer(gzip.compress(answer.body, _ZIP_LEVEL, mtime=0), answer.status, answer.content_type, headers)


def _takes_gzip(accepted: bytes) -> bool:
    """By RFC 9110 section 12.5.3: `gzip;q=0` means that it is not taken."""
    for part in accepted.lower().split(b","):
        name, _, weight = part.partition(b";")
        if name.strip() in (b"gzip", b"*"):
            return weight.replace(b" ", b"").rstrip(b"0").rstrip(b".") not in (b"q=", b"q=0")
    return False
