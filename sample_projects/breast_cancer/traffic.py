"""Send rows to a model server over one HTTP connection that stays open, at a steady rate.

Where the server asks for a token, the environment variable MLOPS_TOKEN has it.

Every sample project holds the same copy of this file, so that each can be copied alone.
"""

import argparse
import http.client
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

Row = dict[Hashable, Any]  # column -> value, as pandas gives its records
Rows = Callable[[int, int, bool], list[Row]]  # (how many, seed, shifted) -> rows


def send(url: str, batches: Iterable[list[Row]], rate: float) -> Counter[str]:
    """POST each batch to `url`/invocations at `rate` rows a second; rows by the model that answered them.

    Raises OSError when the server can't be reached, PermissionError when it asks for a token, RuntimeError when it
    refuses a batch.
    """
    answered: Counter[str] = Counter()
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("MLOPS_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    start = time.monotonic()
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)) as connection:
        for batch in batches:
            time.sleep(max(0.0, start + answered.total() / rate - time.monotonic()))
            body = json.dumps({"dataframe_records": batch})
            connection.request("POST", "/invocations", body, headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status == 401:
                raise PermissionError("it asks for a token that holds")
            if response.status != 200:
                raise RuntimeError(f"HTTP {response.status}: {answer[:200].decode(errors='replace')}")
            answered[response.headers.get("X-Model", "an unnamed model")] += len(batch)
    return answered


def main(rows: Rows) -> None:
    parser = argparse.ArgumentParser(description="Send rows to a model server.")
    parser.add_argument("--url", default="http://127.0.0.1:8100")
    parser.add_argument("--rows", type=int, default=2000, help="how many rows to send (2000)")
    parser.add_argument("--rate", type=float, default=200.0, help="rows per second (200)")
    parser.add_argument("--batch", type=int, default=5, help="rows per request (5)")
    parser.add_argument("--shift", action="store_true", help="shift every row")
    parser.add_argument("--shift-after", type=int, metavar="N", help="shift the rows after the first N")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    usual = 0 if args.shift else min(args.rows, args.rows if args.shift_after is None else args.shift_after)
    try:
        stream = rows(usual, args.seed, False) + rows(args.rows - usual, args.seed + 1, True)
    except FileNotFoundError as error:
        sys.exit(f"There is no {error.filename}: train once, which makes it.")
    batches = [stream[i : i + args.batch] for i in range(0, len(stream), args.batch)]
    started = time.monotonic()
    try:
        answered = send(args.url, batches, args.rate)
    except PermissionError as error:
        sys.exit(f"{args.url} refuses the rows, {error}: set MLOPS_TOKEN to one ('mlops-console token create').")
    except (OSError, http.client.HTTPException, RuntimeError) as error:
        sys.exit(f"{args.url} did not answer ({error}): deploy a model there first, or give --url.")
    models = ", ".join(f"{count} by {model}" for model, count in answered.items())
    print(f"{len(stream)} rows ({len(stream) - usual} shifted) in {time.monotonic() - started:.1f} s: {models}")


if __name__ == "__main__":
    sys.exit("Run replay.py: it brings the rows.")
