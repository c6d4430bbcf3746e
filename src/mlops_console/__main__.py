"""`mlops-console` and `python -m mlops_console`: the one place that knows both the commands and the console."""

import os
import sys

TYPE_CHECKING = False  # as importing typing takes longer than all of this
if TYPE_CHECKING:
    from pathlib import Path


def main() -> None:
    if len(sys.argv) == 1 and sys.stdout.isatty() and sys.stdin.isatty():
        open_console()  # straight to the first frame, without the command line's imports
        return
    from mlops_console.cli.warm.client import perform

    status = perform(sys.argv[1:])
    if status is not None:
        sys.exit(status)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # it would look through all that is installed for some
    from mlops_console.cli.app import run

    sys.exit(run(open_console))


def open_console(workspace: "Path | None" = None, *, read_only: bool = False, theme: str | None = None) -> None:
    """Open the console on a workspace, by default the nearest one; an error of the start is one sentence."""
    from mlops_console.core.errors import MlopsError
    from mlops_console.tui.app import run_console

    try:
        run_console(workspace, read_only=read_only, theme=theme)
    except MlopsError as error:
        sys.stderr.write(f"mlops-console: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
