"""What holds for every path: gzip, request ids, heads that are too long, methods."""

import gzip
import json
import socket

import httpx

from mlops_console.serving.connection import MOST_HEAD
from tests.serving.helpers import ROW, Server, error_of

CONTENT = json.dumps({"dataframe_records": [ROW]}).encode()


def test_gzip_both_ways(client: httpx.Client) -> None:
    many = json.dumps({"dataframe_records": [ROW] * 1000}).encode()
    answer = client.post("/invocations", content=gzip.compress(many), headers={"Content-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.json()["predictions"]) == 1000
    plain = client.post("/invocations", content=many, headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == answer.json()


def test_bad_encodings(client: httpx.Client) -> None:
    for content, encoding, sentence in (
        (CONTENT, "gzip", "The body is not gzip, though Content-Encoding says so."),
        (gzip.compress(CONTENT)[:-4], "gzip", "The gzip body ends too early."),
        (CONTENT, "br", "The body's Content-Encoding is not known; gzip is."),
    ):
        answer = client.post("/invocations", content=content, headers={"Content-Encoding": encoding})
        assert (answer.status_code, error_of(answer)) == (400, sentence)


def test_a_gzip_bomb_is_unpacked_no_further_than_the_limit(client: httpx.Client) -> None:
    bomb = gzip.compress(b" " * 200_000_000, 1)
    answer = client.post("/invocations", content=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413


def test_request_ids(client: httpx.Client) -> None:
    given = client.post("/invocations", content=CONTENT, headers={"X-Request-Id": "order-7:a"})
    assert given.headers["x-request-id"] == "order-7:a"
    made = [client.post("/invocations", content=CONTENT).headers["x-request-id"] for _ in range(2)]
    strange = client.post("/invocations", content=CONTENT, headers={"X-Request-Id": "a b\tc"}).headers["x-request-id"]
    assert len({*made, strange}) == 3
    assert " " not in strange


def test_a_head_that_does_not_end_is_cut_off(fraud_server: Server) -> None:
    port = int(fraud_server.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as endless:
        endless.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n")
        sent = 0
        try:
            while sent < 50 * MOST_HEAD:
                sent += endless.send(b"X-A: " + b"a" * 1000 + b"\r\n")
        except ConnectionError:
            pass
        assert sent < 50 * MOST_HEAD
    assert httpx.get(f"{fraud_server.url}/ping").status_code == 200


def test_head_answers_without_a_body(client: httpx.Client) -> None:
    answer = client.head("/ping")
    assert (answer.status_code, answer.content) == (200, b"")
