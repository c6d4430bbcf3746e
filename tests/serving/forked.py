"""Server processes that are forked from one that has imported scikit-learn: that takes longer than most tests do."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["mlops_console.serving.__main__", "onnxruntime", "pandas", "skops.io", "sklearn.compose", "sklearn.linear_model"]
)


class ServerProcess:
    """`python -m mlops_console.serving` with these arguments, as `subprocess.Popen` would give it."""

    def __init__(self, arguments: list[str], log: Path) -> None:
        self._process = _context.Process(target=_serve, args=(arguments, log, dict(os.environ)), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("mlops_console.serving", timeout)
        return code

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def _serve(arguments: list[str], log: Path, environment: Mapping[str, str]) -> None:
    from mlops_console.serving.__main__ import main

    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    sys.argv = ["mlops_console.serving", *arguments]
    sys.exit(main())
