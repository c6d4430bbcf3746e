"""`python -m mlops_console.worker WORKSPACE`: the worker of a workspace, if it has none yet."""

import logging
import sys
from pathlib import Path

from mlops_console.worker.loop import run


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    run(Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
