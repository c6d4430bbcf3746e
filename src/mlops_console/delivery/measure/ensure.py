"""See that what gates look at is measured: by a process of its own, as that takes heavy libraries and time."""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence

from mlops_console.core.config import Config
from mlops_console.core.errors import JobStopped
from mlops_console.core.text import duration
from mlops_console.delivery.measure.measured import Measured
from mlops_console.delivery.measure.needs import find, missing
from mlops_console.store.workspace import Workspace

LIMIT = 300  # seconds
_LOOK = 0.2  # seconds between two looks at whether to stop


def ensure(
    workspace: Workspace,
    config: Config,
    environment: str,
    model_ref: str,
    *,
    replay: bool = False,
    stopping: Callable[[], bool] = lambda: False,
    limit: float = LIMIT,
) -> Measured:
    """Have everything measured that the gates of an environment ask of a candidate; nothing is done twice.

    What could not be measured is told in what comes back, and no gate on it will pass.

    Args:
        replay: measure the replay also where no gate asks for it, as a plan shows it.
        stopping: asked while the process is waited for.
        limit: seconds that it may take.

    Raises:
        UsageError, NotFoundError, ConfigError: the request or mlops.toml makes no sense.
        JobStopped: a stop was asked for.
    """
    wanted, problems = find(workspace, config, environment, model_ref, replay=replay)
    lacking = missing(workspace, config, environment, wanted)
    if lacking:
        arguments = [str(workspace.root), environment, model_ref, *(["--replay"] if replay else [])]
        try:
            told, ended = _run(workspace, arguments, stopping, limit)
        except OSError as error:  # a full or read-only disk
            told, ended = {}, f"the measuring process can't be started: {error.strerror}"
        wanted, problems = find(workspace, config, environment, model_ref, replay=replay)
        for need in missing(workspace, config, environment, wanted):
            problems[need.kind, need.version.ref] = told.get(f"{need.kind} {need.version.ref}") or ended
    contexts = {(need.kind, need.version.ref): need.context for need in wanted if need.context is not None}
    return Measured(contexts, problems)


def _run(
    workspace: Workspace, arguments: Sequence[str], stopping: Callable[[], bool], limit: float
) -> tuple[Mapping[str, str], str]:
    """Wait for the process: why it could not measure something, by kind and version, and how it has ended."""
    with (workspace.logs_dir / "measure.log").open("ab") as log, tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mlops_console.delivery.measure", *arguments, f"--limit={math.ceil(limit)}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=log,
            start_new_session=True,
        )
        try:
            code = _wait(process, stopping, limit)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(0)
        return _told(output.read()), _ending(code, limit)


def _wait(process: "subprocess.Popen[bytes]", stopping: Callable[[], bool], limit: float) -> int | None:
    """The exit code; None where it took too long."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(_LOOK)
        if stopping():
            raise JobStopped("The measuring for the gates was stopped.")
    return None


def _told(output: bytes) -> Mapping[str, str]:
    """What the process has written: one JSON object, or nothing where it was killed."""
    return json.loads(output) if output.endswith(b"}\n") else {}


def _ending(code: int | None, limit: float) -> str:
    if code is None or code == -signal.SIGALRM:
        return f"it took longer than {duration(limit)}"
    if code < 0:
        return f"the measuring process was killed by {signal.Signals(-code).name}"
    if code > 0:
        return f"the measuring process ended with code {code}; .mlops/logs/measure.log tells why"
    return "what it depends on has changed meanwhile"
