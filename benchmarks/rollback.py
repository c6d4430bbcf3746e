"""A rollback under load, beside a restart of a bare uvicorn + starlette server with the other model."""

import itertools
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.load import Load, load

ROLLBACKS = 20
RESTARTS = 3
PAUSE = 0.5  # seconds of load before, between and after
COLUMNS = 10

BARE = """
import sys
import numpy as np, skops.io, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

path, port, revision = sys.argv[1:]
model = skops.io.load(path)

async def invocations(request):
    rows = np.asarray((await request.json())["instances"])
    headers = {"X-Revision": revision}
    return JSONResponse({"predictions": model.predict(rows).tolist()}, headers=headers)

app = Starlette(routes=[Route("/invocations", invocations, methods=["POST"])])
uvicorn.run(app, port=int(port), log_level="critical", access_log=False)
"""

TOML = """
[project]
name = "bench"
[environments.production]
model = "bench"
port = {port}
"""


def bench_rollback() -> dict[str, float]:
    """`ms` are from submitting the confirmed rollback to the last answer of the old version; `restart ms` from the
    SIGTERM for the bare server to the first answer of the new one."""
    body = json.dumps({"instances": [[0.1] * COLUMNS]}).encode()
    with tempfile.TemporaryDirectory() as folder:
        models = [Path(folder) / f"model-{number}.skops" for number in (1, 2)]
        _store_models(models)
        seconds, ours = _measure_rollbacks(Path(folder) / "project", models, body)
        restarts, bare = _measure_restarts(models, body)
    return {
        "rollback ms, median": 1000 * statistics.median(seconds),
        "rollback ms, slowest": 1000 * max(seconds),
        "requests": float(len(ours.answers)),
        "requests failed": float(ours.failed),
        "requests/s": ours.per_second,
        "bare server: restart ms, median": 1000 * statistics.median(restarts),
        "bare server: requests": float(len(bare.answers) - bare.failed),
        "bare server: requests failed": float(bare.failed),
    }


def _store_models(paths: list[Path]) -> None:
    import numpy as np
    import skops.io
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    for path in paths:
        rows = rng.normal(size=(500, COLUMNS))
        skops.io.dump(LogisticRegression().fit(rows, rows.sum(axis=1) > 0), path)


def _measure_rollbacks(root: Path, models: list[Path], body: bytes) -> tuple[list[float], Load]:
    import skops.io

    from mlops_console.models.storage import save_model
    from mlops_console.store.workspace import open_workspace
    from mlops_console.worker import client

    root.mkdir()
    workspace = open_workspace(root)
    port = _free_port()
    workspace.config_path.write_text(TOML.format(port=port))
    marks = []
    try:
        for path in models:
            version = save_model(workspace, None, skops.io.load(path), "bench")
            execution = client.execute(workspace, "deploy", {"model_ref": version.ref, "environment": "production"})
            assert execution.job_id is not None
            client.wait(workspace, execution.job_id, 60)
        with load(port, body) as found:
            time.sleep(PAUSE)
            for _ in range(ROLLBACKS):
                marks.append(time.monotonic())
                execution = client.execute(workspace, "rollback", {"environment": "production"})
                assert execution.job_id is not None
                client.wait(workspace, execution.job_id, 60)
                time.sleep(PAUSE)
            marks.append(time.monotonic())
    finally:
        client.stop_worker(workspace)
        workspace.store.close()
    spans = itertools.pairwise(marks)
    return [found.last(str(2 + n), since, until) - since for n, (since, until) in enumerate(spans)], found


def _measure_restarts(models: list[Path], body: bytes) -> tuple[list[float], Load]:
    port = _free_port()
    server = _start_bare(models[0], port, 1)
    marks = []
    try:
        with load(port, body) as found:
            time.sleep(PAUSE)
            for number in range(2, RESTARTS + 2):
                marks.append(time.monotonic())
                server.terminate()
                server.wait()
                server = _start_bare(models[(number - 1) % 2], port, number)
                time.sleep(PAUSE)
    finally:
        server.kill()
        server.wait()
    return [found.first(str(number), since) - since for number, since in enumerate(marks, 2)], found


def _start_bare(model: Path, port: int, revision: int) -> "subprocess.Popen[bytes]":
    server = subprocess.Popen([sys.executable, "-c", BARE, str(model), str(port), str(revision)])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.005)
        else:
            return server
    raise TimeoutError("The bare server did not start within 60 s.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
