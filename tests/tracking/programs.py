"""Training programs that the tests start as real processes."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from mlops_console.core.runs import Run
from mlops_console.store import runs
from mlops_console.store.workspace import Workspace

SOURCE = Path(__file__).resolve().parents[2] / "src"


def start(
    workspace: Workspace, code: str, *arguments: str, env: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Start `code` as train.py in the workspace's folder; stdin, stdout and stderr are pipes."""
    script = workspace.root / f"train-{os.urandom(3).hex()}.py"
    script.write_text("import mlops_console as mlops\n" + textwrap.dedent(code))
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        cwd=workspace.root,
        env={**os.environ, "PYTHONPATH": str(SOURCE), **(env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    workspace: Workspace, code: str, *arguments: str, env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run `code` to its end."""
    process = start(workspace, code, *arguments, env=env)
    out, err = process.communicate(timeout=50)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def all_runs(workspace: Workspace) -> list[Run]:
    """The runs in the store, newest first."""
    with workspace.store.read() as db:
        return list(runs.page(db, runs.RunQuery(limit=1000)).runs)


def only_run(workspace: Workspace) -> Run:
    (found,) = all_runs(workspace)
    return found
