"""`python -m mlops_console.worker.messenger WORKSPACE`: sends what is due in the outbox, and ends.

A process of its own, as a receiver or a name server that hangs must not hold up the worker. Where messages go comes on
standard input: URLs hold tokens, and a command line is for everybody to see.
"""

import json
import logging
import queue
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from mlops_console.core.alerts import Delivery, Severity
from mlops_console.core.destinations import Destination, destinations
from mlops_console.core.errors import MlopsError
from mlops_console.core.text import safe_line
from mlops_console.store import alerts, outbox
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.worker.messages import TIMEOUT, Post, attempt

log = logging.getLogger(__name__)

Clock = Callable[[], float]  # seconds since the epoch

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 3600.0  # seconds before a message is tried again
_FEWEST, _MOST = 10, 100  # attempts: with less nothing is given up, as after a week without a worker; with more it is


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds: for a part of one answer; for all messages of one round; until another may send what this one has
    taken and not told of.
    """

    answer: float = TIMEOUT
    round: float = 40.0
    lease: float = 120.0


def deliver(workspace: Workspace, post: Post, patience: Patience, clock: Clock = time.time) -> None:
    """Send what is due: to several destinations at once, to each of them one message after the other."""
    with workspace.store.write() as tx:
        taken = outbox.claim(tx, clock(), patience.lease)
    by_destination: dict[str, list[Delivery]] = {}
    for delivery in taken:
        by_destination.setdefault(delivery.destination, []).append(delivery)
    results: queue.SimpleQueue[tuple[Delivery, str]] = queue.SimpleQueue()
    open_ = {delivery.id: delivery for delivery in taken}
    for key, deliveries in by_destination.items():
        destination = post.destination(key)
        if destination is None:
            for delivery in deliveries:
                _record(workspace, open_.pop(delivery.id), "It is in mlops.toml no more.", clock())
        else:
            arguments = (post, destination, deliveries, patience.answer, results)
            threading.Thread(target=_send_all, args=arguments, daemon=True).start()
    end = time.monotonic() + patience.round
    while open_:
        try:
            delivery, error = results.get(timeout=max(end - time.monotonic(), 0))
        except queue.Empty:
            break
        _record(workspace, open_.pop(delivery.id), error, clock(), post.destination(delivery.destination))
    for delivery in open_.values():
        error = f"There was no answer within {patience.round:g} s."
        _record(workspace, delivery, error, clock(), post.destination(delivery.destination))


def _send_all(
    post: Post,
    to: Destination,
    deliveries: list[Delivery],
    timeout: float,
    results: "queue.SimpleQueue[tuple[Delivery, str]]",
) -> None:
    """One after another; after a failure the others wait for a better time."""
    error = ""
    for delivery in deliveries:
        if not error:
            error = attempt(post, to, delivery.key, delivery.body, timeout)
        results.put((delivery, error))


def _record(workspace: Workspace, delivery: Delivery, error: str, now: float, to: Destination | None = None) -> None:
    """Write down what came of it; a destination that mlops.toml has no more is given up without a word."""
    pause = pause_after(delivery, now, random.random()) if to else None
    told = to.name if to else delivery.destination
    with workspace.store.write() as tx:
        if not error:
            outbox.sent(tx, delivery, now)
            alerts.resolve(tx, "delivery", told)
            return
        outbox.failed(tx, delivery, now, safe_line(error, 300), pause)
        if to is not None and pause is None:
            message = f"Messages to {told} are given up after {delivery.attempts} attempts. {error}"
            detail = {"destination": delivery.destination}
            alerts.open_alert(tx, "delivery", told, Severity.WARNING, message, detail=detail)
            log.error("%s", safe_line(message, 500))


def pause_after(delivery: Delivery, now: float, chance: float) -> float | None:
    """Seconds until the next attempt, each about twice as late as the one before; None to give it up after a day,
    and ten attempts.

    Args:
        chance: from 0 to 1, so that those who failed together don't come back together.
    """
    pause = min(_FIRST_PAUSE * 2.0 ** min(delivery.attempts - 1, 30), _LONGEST_PAUSE) * (0.5 + chance / 2)
    late = now + pause - delivery.created_at > outbox.GIVEN_UP and delivery.attempts >= _FEWEST
    return None if late or delivery.attempts >= _MOST else pause


def read_post(source: TextIO) -> Post:
    """What `worker.outbox` writes."""
    told = json.load(source)
    secret = told["secret"]
    return Post(
        told["project"], destinations(told["urls"]), None if secret is None else secret.encode(errors="surrogateescape")
    )


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    try:
        deliver(open_workspace(Path(sys.argv[1])), read_post(sys.stdin), Patience())
    except MlopsError as error:
        log.error("%s", error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
