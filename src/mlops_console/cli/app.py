"""The command line: how commands are put together, run, and how their errors end."""

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from mlops_console._version import __version__
from mlops_console.cli.options import WorkspaceOption
from mlops_console.cli.output import show, show_error
from mlops_console.core.errors import MlopsError
from mlops_console.store.location import VARIABLE

OpenConsole = Callable[..., None]

# The modules of the commands, in the order of the help. Only that of the wanted command is imported: all of them take a
# third of a second.
_MODULES: dict[str, tuple[str, ...]] = {
    "project": ("init", "doctor"),
    "demo": ("demo",),
    "status": ("status",),
    "train": ("train",),
    "sweep": ("sweep",),
    "delivery": ("deploy", "rollback", "approve", "promote", "abort", "freeze", "unfreeze"),
    "history": ("history",),
    "why": ("why",),
    "archive": ("backup", "restore"),
    **{noun: (noun,) for noun in ("run", "experiment", "model", "dataset", "drift", "feedback")},
    **{noun: (noun,) for noun in ("job", "trigger", "alert", "token", "worker", "ledger")},
}
_PROGRAM = "mlops-console"  # whatever the process is that performs a command
_WITH_VALUE = ("--workspace", "-w", "--theme")


def build(open_console: OpenConsole, wanted: str | None = None) -> typer.Typer:
    """All commands, or those of the module that has the one that is wanted.

    Args:
        open_console: what the program does without a command.
    """
    app = typer.Typer(
        name=_PROGRAM,
        help="k9s for machine learning: without a command it opens the console on the nearest workspace.",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(invoke_without_command=True)
    def main(
        context: typer.Context,
        workspace: WorkspaceOption = None,
        read_only: Annotated[
            bool, typer.Option("--read-only", help="Refuse every action.", envvar="MLOPS_READ_ONLY")
        ] = False,
        theme: Annotated[str | None, typer.Option("--theme", metavar="NAME", help="The console's theme.")] = None,
        debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
        version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
    ) -> None:
        del debug  # `run` looks for it, as an error may come before it is parsed
        if version:
            show(f"mlops-console {__version__}")
            raise typer.Exit
        if workspace is not None:
            os.environ[VARIABLE] = str(workspace)
        if read_only:
            os.environ["MLOPS_READ_ONLY"] = "1"
        if context.invoked_subcommand is None:
            _open(open_console, workspace, read_only, theme)

    for name in [name for name, commands in _MODULES.items() if wanted in commands] or _MODULES:
        module = importlib.import_module(f"mlops_console.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        elif name == "demo":
            module.add_to(app, open_console)
        else:
            module.add_to(app)
    return app


def run(open_console: OpenConsole) -> int:
    """Perform the command of `sys.argv`; its exit status."""
    arguments = sys.argv[1:]
    try:
        code = build(open_console, _command(arguments))(args=arguments, prog_name=_PROGRAM)
    except MlopsError as error:
        if "--debug" in arguments:
            raise
        show_error(error, as_json="--json" in arguments)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of the pipe has had enough
        return 0
    return int(code or 0)


def _command(arguments: Sequence[str]) -> str | None:
    """The first word that is neither an option nor the value of one."""
    words = iter(arguments)
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None


def _open(open_console: OpenConsole, workspace: Path | None, read_only: bool, theme: str | None) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise MlopsError(
            "The console needs a terminal, and this is none.", "'mlops-console status' prints the same as text."
        )
    open_console(workspace, read_only=read_only, theme=theme)
