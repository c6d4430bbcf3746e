"""`worker run|start|stop|status`."""

import typer

from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json
from mlops_console.core import text
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client

app = typer.Typer(help="The background process that performs jobs and keeps servers up.", no_args_is_help=True)
