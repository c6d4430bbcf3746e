"""Requests that nobody should send, as many as one likes, and what a model server made of them."""

import gzip
import json
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any

import psutil

PATHS = (
    "/invocations",
    "/feedback",
    "/v2/models/{model}/infer",
    "/v2/models/{model}/versions/1/infer",
    "/v1/models/{model}:predict",
    "/v1/models/{model}/versions/1:predict",
    "/v1/models/{model}/labels/x:predict",
    "/v1/models/{model}:classify",
    "/v1/models/{model}:regress",
    "/v2/repository/index",
    "/metrics",
    "/v2",
    "/ping",
)
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "PATCH", "POST POST", "\x00", "get")
KEYS = (
    *("instances", "inputs", "outputs", "dataframe_split", "dataframe_records", "columns", "data", "name", "shape"),
    *("datatype", "parameters", "binary_data_size", "id", "label", "labels", "feedback", "examples", "x0", "b64"),
)
_PATIENCE = 20.0  # seconds for an answer


def bombard(port: int, pid: int, model: str, requests: int, seed: int = 0) -> tuple[Counter[int], int]:
    """Send bad requests, one connection each.

    Returns:
        How often each status was answered (0: none), and by how many bytes the process has grown at the most.

    Raises:
        AssertionError: a status of 500 or above but 503 and 504, or no answer where one is due.
    """
    rng = random.Random(seed)
    process = psutil.Process(pid)
    before = process.memory_info().rss
    found: Counter[int] = Counter()
    grown = 0
    for number in range(requests):
        content, is_whole = rng.choice(_KINDS)(rng, model)
        status = _ask(port, content, is_whole)
        assert status < 500 or status in (503, 504), (number, seed, status, content[:300])
        found[status] += 1
        if number % 100 == 0:
            grown = max(grown, process.memory_info().rss - before)
    assert process.is_running()
    return found, grown


def _ask(port: int, content: bytes, is_whole: bool) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as client:
        try:
            client.sendall(content)
            if not is_whole:
                return 0
            client.shutdown(socket.SHUT_WR)
            answer = client.recv(4096)
        except TimeoutError:
            raise
        except OSError:  # it was shown the door, in the middle of its body
            return 0
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def _noise(rng: random.Random, model: str) -> tuple[bytes, bool]:
    return rng.randbytes(rng.randrange(1, 4000)), False


def _torn(rng: random.Random, model: str) -> tuple[bytes, bool]:
    content, _ = _json(rng, model)
    return content[: rng.randrange(1, len(content))], False


def _json(rng: random.Random, model: str) -> tuple[bytes, bool]:
    return _post(rng, model, json.dumps(_value(rng, 0)).encode()), True


def _nearly(rng: random.Random, model: str) -> tuple[bytes, bool]:
    """Right but for one byte."""
    body = bytearray(json.dumps({"instances": [[0.1] * 10], "inputs": [{"name": "x", "shape": [1]}]}).encode())
    for _ in range(rng.randrange(1, 4)):
        body[rng.randrange(len(body))] = rng.randrange(256)
    return _post(rng, model, bytes(body)), True


def _deep(rng: random.Random, model: str) -> tuple[bytes, bool]:
    return _post(rng, model, rng.choice((b"[", b'{"a":')) * rng.randrange(1, 200_000)), True


def _gzip(rng: random.Random, model: str) -> tuple[bytes, bool]:
    body = gzip.compress(b"0" * rng.choice((10, 10_000, 50_000_000)), 1)
    if rng.random() < 0.5:
        body = body[: rng.randrange(len(body))]
    return _post(rng, model, body, "Content-Encoding: gzip\r\n"), True


def _binary(rng: random.Random, model: str) -> tuple[bytes, bool]:
    size = rng.choice((-1, 0, 8, 80, 2**31, 2**63, 2**64))
    tensor = {
        "name": rng.choice(("x0", "input", "")),
        "shape": rng.choice(([1], [1, 10], [2**31, 2**31], [-1], [], [0], ["a"])),
        "datatype": rng.choice(("FP64", "FP16", "BYTES", "INT8", "NONE", 3)),
        "parameters": {"binary_data_size": size},
    }
    head = json.dumps({"inputs": [tensor]}).encode()
    length = rng.choice((len(head), 0, len(head) - 1, 2**40, -1))
    body = head + rng.randbytes(rng.randrange(100)) + struct.pack("<I", rng.randrange(2**32))
    return _post(rng, model, body, f"Inference-Header-Content-Length: {length}\r\n"), True


def _strange_head(rng: random.Random, model: str) -> tuple[bytes, bool]:
    path = rng.choice(
        ("/" + "a" * rng.randrange(9000), "/%00", "/%ff%fe", "/../../etc/passwd", "*", "//", "/v2/models/")
    )
    lines = [f"{rng.choice(METHODS)} {path} HTTP/{rng.choice(('1.1', '1.0', '9.9', '2'))}"]
    lines += [f"X-{rng.randrange(99)}: {'v' * rng.randrange(3000)}" for _ in range(rng.randrange(60))]
    lines += rng.choice(
        ([], ["Content-Length: -1"], ["Content-Length: 1", "Content-Length: 2"], ["Transfer-Encoding: x"])
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), False


def _chunked(rng: random.Random, model: str) -> tuple[bytes, bool]:
    head = "POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    size = rng.choice(("5", "0", "zz", "ffffffffffffffffff", "-1"))
    return f"{head}{size}\r\nhello\r\n0\r\n\r\n".encode(), size in ("5", "0")


def _post(rng: random.Random, model: str, body: bytes, headers: str = "") -> bytes:
    path = rng.choice(PATHS).format(model=model if rng.random() < 0.9 else "\u00fc%20x")
    kind = rng.choice(("application/json", "text/csv", "text/csv; charset=latin-1", "application/octet-stream", ""))
    method = "POST" if rng.random() < 0.9 else rng.choice(METHODS[:8])
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _value(rng: random.Random, depth: int) -> Any:
    """Any JSON value, with the keys that the protocols know more often than others."""
    kind = rng.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return rng.choice((None, True, False, "", "NaN", "\x1b[2J", "\ud800", "x" * 5000))
    if kind < 4:
        return rng.choice((0, -1, 1e308, 2**63, -(2**70), float("nan"), float("inf"), rng.random()))
    if kind < 6:
        return rng.choice(("FP64", "BYTES", "x0", "instances", "a"))
    if kind == 6:
        return [_value(rng, depth + 1) for _ in range(rng.choice((0, 1, 2, 10, 200)))]
    return {rng.choice(KEYS): _value(rng, depth + 1) for _ in range(rng.randrange(5))}


_KINDS: tuple[Callable[[random.Random, str], tuple[bytes, bool]], ...] = (
    _noise, _torn, _json, _json, _json, _nearly, _nearly, _deep, _gzip, _binary, _strange_head, _chunked,
)  # fmt: skip
