"""Real processes without the wait for their imports: forked from one that has made them, `python -m` in all else.

Importing scikit-learn takes longer than most tests of a server do, and importing typer longer than most commands.
"""

import multiprocessing
import os
import pkgutil
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from mlops_console import cli

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [f"mlops_console.cli.{found.name}" for found in pkgutil.iter_modules(cli.__path__)]
    + ["mlops_console.actions.train", "mlops_console.serving.__main__", "mlops_console.tracking.recover"]
    + ["onnxruntime", "pandas", "psutil", "rich.table", "skops.io", "sklearn.compose", "sklearn.linear_model"]
)


class Forked:
    """`python -m MODULE ARGUMENTS…`, as `subprocess.Popen` would give it; its standard input is empty.

    Args:
        environment: all of it.
        stdout: a file that is written on.
        stderr: likewise.
    """

    def __init__(
        self, module: str, *arguments: str, cwd: Path, environment: Mapping[str, str], stdout: Path, stderr: Path
    ) -> None:
        self._process = _context.Process(
            target=_run, args=(module, arguments, cwd, dict(environment), stdout, stderr), daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("what was forked", timeout)
        return code

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def console(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A command of mlops-console and all that it writes; `env` is added to the environment."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = Forked(
            "mlops_console", *arguments, cwd=cwd, environment={**os.environ, **env}, stdout=out, stderr=err
        )
        try:
            status = process.wait(50)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, status, out.read_text(), err.read_text())


def _run(
    module: str, arguments: tuple[str, ...], cwd: Path, environment: dict[str, str], stdout: Path, stderr: Path
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    with Path(os.devnull).open() as nothing, stdout.open("ab") as out, stderr.open("ab") as err:
        for number, file in enumerate((nothing, out, err)):
            os.dup2(file.fileno(), number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(cwd)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
