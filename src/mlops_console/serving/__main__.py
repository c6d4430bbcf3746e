"""`python -m mlops_console.serving WORKSPACE ENVIRONMENT`: started by the worker, one for each environment."""

import argparse
import logging
import sys
from pathlib import Path

from mlops_console.core.errors import MlopsError
from mlops_console.serving.server import serve
from mlops_console.store.workspace import open_workspace

# Seconds that a thread may hold the interpreter while others wait for it. The thread that follows the store gives it up
# at every SQL statement: at Python's own 5 ms a rollback under load would wait 100 ms and more to get it back.
_SWITCH = 0.0005


def main() -> int:
    parser = argparse.ArgumentParser(prog="mlops_console.serving", description="Serve the model of an environment.")
    parser.add_argument("workspace", type=Path)
    parser.add_argument("environment")
    parser.add_argument("number", type=int, nargs="?", default=0, help="of this process, among those on one port")
    arguments = parser.parse_args()
    sys.setswitchinterval(_SWITCH)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    try:
        serve(open_workspace(arguments.workspace), arguments.environment, arguments.number)
    except MlopsError as error:
        logging.getLogger(__name__).error("%s", error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
