"""`python -m mlops_console.delivery.measure WORKSPACE ENVIRONMENT MODEL_REF [--replay] [--limit=SECONDS]`: measure what
the gates of an environment need of a candidate and the store does not have.

Each measurement is written when it is done, in a transaction of its own. What could not be measured is told on standard
output at the end, as one JSON object: why, by kind and version.
"""

import argparse
import json
import os
import signal
from pathlib import Path

from mlops_console.delivery.measure.run import measure
from mlops_console.store.workspace import Workspace


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("workspace", type=Path)
    parser.add_argument("environment")
    parser.add_argument("model_ref")
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--limit", type=int, default=300)
    given = parser.parse_args()
    signal.alarm(given.limit)  # also where nobody waits any more
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    workspace = Workspace(given.workspace)
    problems = measure(workspace, given.environment, given.model_ref, replay=given.replay)
    print(json.dumps({f"{kind} {ref}": problem for (kind, ref), problem in problems.items()}), file=told, flush=True)


main()
