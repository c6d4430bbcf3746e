"""`python -m mlops_console.remote.guard`: runs the command of a stage for a Dask worker, and ends it when that is gone.

What to run comes as a line of JSON on stdin. When stdin is closed, by the worker or by its death, the command is ended
with all that it has started. How it has ended goes to stdout.
"""

import dataclasses
import json
import os
import shutil
import sys
import threading
from pathlib import Path

from mlops_console.pipelines import command

_GRACE = 0.5  # seconds that what a command has left running may take to end


def main() -> int:
    worker = os.getppid()
    told = json.loads(sys.stdin.readline())
    closed = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        closed.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    ended = command.run(
        told["command"],
        cwd=Path(told["cwd"]),
        log=Path(told["log"]),
        environment=told["environment"],
        timeout=told["timeout"],
        grace=told["grace"],
        stopping=closed.is_set,
    )
    # its folder is its own, while another worker of this machine may have begun the stage again meanwhile
    command.end_left_behind({"MLOPS_WORKSPACE": told["environment"]["MLOPS_WORKSPACE"]}, _GRACE)
    if os.getppid() != worker:
        shutil.rmtree(told["folder"], ignore_errors=True)
        return 1
    sys.stdout.write(json.dumps(dataclasses.asdict(ended)))
    sys.stdout.flush()
    os._exit(0)  # a thread that reads stdin would keep the interpreter from ending in good order


if __name__ == "__main__":
    sys.exit(main())
