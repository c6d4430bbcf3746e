"""A console whose terminal is taken away ends by itself, even where no signal tells it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from mlops_console.store.workspace import open_workspace


def test_a_console_ends_with_its_terminal(tmp_path: Path) -> None:
    open_workspace(tmp_path).store.close()
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mlops_console"],
        cwd=tmp_path, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    try:
        os.close(slave)
        received = b""
        while b"Overview" not in received:
            received += os.read(master, 65_536)
        os.close(master)  # it is not the controlling terminal: no SIGHUP
        assert process.wait(20) == -signal.SIGHUP
    finally:
        process.kill()
        process.wait()
