"""Send rows to a model server at a steady rate; some seconds later, what has turned out to be true of most of them.

It goes over one HTTP connection that stays open. Where the server asks for a token, the environment variable
MLOPS_TOKEN has it.

Every sample project holds the same copy of this file, so that each can be copied alone.
"""

import argparse
import http.client
import json
import math
import os
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

Row = dict[Hashable, Any]  # column -> value, as pandas gives its records
Rows = Callable[[int, int, bool], list[Row]]  # (how many, seed, shifted) -> rows
Truths = Callable[[int, int, bool], list[int]]  # the same -> what is true of each of these rows


class Server:
    """A model server, and the connection to it."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._headers = {"Content-Type": "application/json"}
        if token := os.environ.get("MLOPS_TOKEN"):
            self._headers["Authorization"] = f"Bearer {token}"

    def post(self, path: str, body: dict[str, Any]) -> http.client.HTTPMessage:
        """The headers of its answer.

        Raises OSError when the server can't be reached, PermissionError when it asks for a token, RuntimeError when it
        refuses the body.
        """
        self._connection.request("POST", path, json.dumps(body), self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status == 401:
            raise PermissionError("it asks for a token that holds")
        if response.status != 200:
            raise RuntimeError(f"HTTP {response.status}: {answer[:200].decode(errors='replace')}")
        return response.headers

    def close(self) -> None:
        self._connection.close()


class Feedback:
    """Tells the server the truth of a `share` of its rows, `delay` seconds after it has answered them.

    What it refuses is counted and said once; the rows go on without.
    """

    def __init__(self, server: Server, share: float, delay: float, seed: int) -> None:
        self.told = self.refused = 0
        self._server, self._share, self._delay = server, share, delay
        self._draw = random.Random(seed)
        self._waiting: deque[tuple[float, dict[str, Any]]] = deque()  # when it is known, what it is

    def expect(self, request: str, truths: list[int]) -> None:
        """What is true of the rows of a request will be known; whole seconds, so that one body has all of one."""
        known = math.ceil(time.monotonic() + self._delay)
        labels = [{"id": request, "row": row, "label": truth} for row, truth in enumerate(truths)]
        self._waiting += [(known, label) for label in labels if self._draw.random() < self._share]

    def send(self, until: float) -> None:
        """Send what is known at this time of the monotonic clock."""
        labels = []
        while self._waiting and self._waiting[0][0] <= until:
            labels.append(self._waiting.popleft()[1])
        if not labels:
            return
        try:
            self._server.post("/feedback", {"feedback": labels})
            self.told += len(labels)
        except RuntimeError as error:
            if not self.refused:
                print(f"The server refuses labels ({error}): the rows go on.", file=sys.stderr)
            self.refused += len(labels)


def send(server: Server, batches: Iterable[list[tuple[Row, int]]], rate: float, feedback: Feedback) -> Counter[str]:
    """Send batches of rows, each with what is true of it, at `rate` rows a second; rows by the model that answered."""
    answered: Counter[str] = Counter()
    start = time.monotonic()
    for batch in batches:
        time.sleep(max(0.0, start + answered.total() / rate - time.monotonic()))
        headers = server.post("/invocations", {"dataframe_records": [row for row, _ in batch]})
        answered[headers.get("X-Model", "an unnamed model")] += len(batch)
        if request := headers.get("X-Request-Id"):  # other model servers give none, and take no labels
            feedback.expect(request, [truth for _, truth in batch])
        feedback.send(time.monotonic())
    feedback.send(math.inf)
    return answered


def main(rows: Rows, truths: Truths) -> None:
    parser = argparse.ArgumentParser(description="Send rows to a model server, and later what was true of them.")
    parser.add_argument("--url", default="http://127.0.0.1:8100")
    parser.add_argument("--rows", type=int, default=2000, help="how many rows to send (2000)")
    parser.add_argument("--rate", type=float, default=200.0, help="rows per second (200)")
    parser.add_argument("--batch", type=int, default=5, help="rows per request (5)")
    parser.add_argument("--shift", action="store_true", help="shift every row")
    parser.add_argument("--shift-after", type=int, metavar="N", help="shift the rows after the first N")
    parser.add_argument("--label-share", type=float, default=0.7, help="share of the rows that get a label (0.7)")
    parser.add_argument("--label-after", type=float, default=5.0, help="seconds from an answer to its label (5)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    usual = 0 if args.shift else min(args.rows, args.rows if args.shift_after is None else args.shift_after)
    parts = (usual, args.seed, False), (args.rows - usual, args.seed + 1, True)
    stream = [pair for part in parts for pair in zip(rows(*part), truths(*part), strict=True)]
    batches = [stream[i : i + args.batch] for i in range(0, len(stream), args.batch)]
    started = time.monotonic()
    try:
        with closing(Server(args.url)) as server:
            feedback = Feedback(server, args.label_share, args.label_after, args.seed)
            answered = send(server, batches, args.rate, feedback)
    except PermissionError as error:
        sys.exit(f"{args.url} refuses the rows, {error}: set MLOPS_TOKEN to one ('mlops-console token create').")
    except (OSError, http.client.HTTPException, RuntimeError) as error:
        sys.exit(f"{args.url} did not answer ({error}): deploy a model there first, or give --url.")
    models = ", ".join(f"{count} by {model}" for model, count in answered.items())
    print(f"{len(stream)} rows ({len(stream) - usual} shifted) in {time.monotonic() - started:.1f} s: {models}")
    print(f"{feedback.told} labels sent" + (f", {feedback.refused} refused" if feedback.refused else ""))


if __name__ == "__main__":
    sys.exit("Run replay.py: it brings the rows.")
