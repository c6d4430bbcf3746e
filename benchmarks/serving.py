"""Requests a second of the model server, beside a bare uvicorn + starlette server that calls the same model, and how
soon each answers after its start."""

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.hammer import Hammered, hammer
from benchmarks.ports import free_port, wait_for_port

COLUMNS = 10
SECONDS = 6.0
STARTS = 5

BARE = """
import sys
import numpy as np, skops.io, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

path, port, revision = sys.argv[1:]
model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))

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
workers = {workers}
"""

BODY = json.dumps({"instances": [[0.1 * column for column in range(COLUMNS)]]}).encode()


def bench_serving() -> dict[str, float]:
    """One row a request from 8 clients, one server process; ours with validation, metrics and prediction log on."""
    found: dict[str, float] = {}
    for name, estimator in models().items():
        raw = _measure_bare(estimator)
        found[f"{name}: raw, requests/s"] = raw.per_second
        for form in ("as it is", "compiled"):
            ours = _measure_ours(estimator, compiled=form == "compiled")
            found[f"{name}, {form}: requests/s"] = ours.per_second
            found[f"{name}, {form}: times raw"] = ours.per_second / raw.per_second
            found[f"{name}, {form}: p99 ms"] = 1000 * ours.p99
            found[f"{name}, {form}: failed"] = float(ours.failed)
        found[f"{name}: p99 ms of raw"] = 1000 * raw.p99
    return found | _measure_log() | _measure_live_windows() | _measure_starts()


@functools.cache
def models() -> dict[str, Any]:
    """The fitted models that are served."""
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1000, COLUMNS))
    labels = rows.sum(axis=1) + rng.normal(size=1000) > 0
    forest = RandomForestClassifier(100, random_state=0)
    return {"logistic regression": LogisticRegression().fit(rows, labels), "forest of 100": forest.fit(rows, labels)}


@contextmanager
def served(
    root: Path, estimator: Any, compiled: bool, more: str = "", workers: int = 1, profiled: bool = False
) -> Iterator[int]:
    """A workspace at `root` whose production serves a model by a worker; the port."""
    from mlops_console.store.workspace import open_workspace
    from mlops_console.worker import client

    root.mkdir(exist_ok=True)
    workspace = open_workspace(root)
    port = free_port()
    workspace.config_path.write_text(TOML.format(port=port, workers=workers) + more)
    version = store_version(workspace, estimator, compiled)
    if profiled:
        _add_profile(workspace)
    try:
        execution = client.execute(workspace, "deploy", {"model_ref": version, "environment": "production"})
        assert execution.job_id is not None
        job = client.wait(workspace, execution.job_id, 60)
        assert job.state == "succeeded", job.error
        yield port
    finally:
        client.stop_worker(workspace)
        workspace.store.close()


def store_version(workspace: Any, estimator: Any, compiled: bool) -> str:
    """The reference of a new version, with its compiled form or marked to have none."""
    import pandas as pd

    from mlops_console.core.jobs import JobState
    from mlops_console.models.storage import save_model
    from mlops_console.store import jobs
    from mlops_console.worker import client

    names = [f"x{column}" for column in range(COLUMNS)]
    example = pd.DataFrame([[0.1 * column for column in range(COLUMNS)]], columns=names)
    version = save_model(workspace, None, estimator, "bench", example)
    with workspace.store.write() as tx:
        for job in jobs.open_jobs(tx):  # that was queued with the version
            jobs.finish(tx, job.id, JobState.STOPPED)
    if compiled:
        execution = client.execute(workspace, "compile_model", {"model_ref": version.ref})
        assert execution.job_id is not None
        assert client.wait(workspace, execution.job_id, 120).result["compiled"] == "agrees"
    return version.ref


def _add_profile(workspace: Any) -> None:
    """Give the version a reference profile, of its inputs and of its answers."""
    import numpy as np

    from mlops_console.core.models import Column
    from mlops_console.core.profiles import HeldOut
    from mlops_console.drift.profiles import make_profile, pack_profile

    rng = np.random.default_rng(0)
    columns = {f"x{column}": rng.normal(size=10_000) for column in range(COLUMNS)}
    answers = tuple((rng.random(1_000) > 0.5).tolist())
    chances = tuple((1 - chance, chance) for chance in rng.random(1_000).tolist())
    held_out = HeldOut("classification", (False, True), answers, answers, chances)
    profile = make_profile(columns, [Column(name, "float64", "numeric") for name in columns], held_out=held_out)
    sha256 = workspace.objects.put_bytes(pack_profile(profile))
    with workspace.store.write() as tx:
        tx.execute("UPDATE model_versions SET profile = ?", (sha256,))


def _measure_ours(estimator: Any, compiled: bool, more: str = "", profiled: bool = False) -> Hammered:
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder) / "p", estimator, compiled, more, profiled=profiled) as port,
    ):
        hammer(port, "/invocations", BODY, 1)
        return hammer(port, "/invocations", BODY, SECONDS)


def _measure_bare(estimator: Any) -> Hammered:
    with bare(estimator) as port:
        hammer(port, "/invocations", BODY, 1)
        return hammer(port, "/invocations", BODY, SECONDS)


@contextmanager
def bare(estimator: Any) -> Iterator[int]:
    """The server that one would write by hand; the port."""
    import skops.io

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.skops"
        skops.io.dump(estimator, path)
        port = free_port()
        server = subprocess.Popen([sys.executable, "-c", BARE, str(path), str(port), "1"])
        try:
            wait_for_port(port)
            yield port
        finally:
            server.kill()
            server.wait()


def _measure_log() -> dict[str, float]:
    """What the prediction log takes of the throughput, in turns."""
    estimator = models()["logistic regression"]
    with_log, without = [], []
    for _ in range(2):
        with_log.append(_measure_ours(estimator, compiled=True).per_second)
        nothing = "[environments.production.log]\nsample = 0\n"
        without.append(_measure_ours(estimator, compiled=True, more=nothing).per_second)
    return {"prediction log: share of the throughput": 1 - statistics.mean(with_log) / statistics.mean(without)}


def _measure_live_windows() -> dict[str, float]:
    """What it takes of the throughput to count live windows, in turns: a version without a profile is not counted."""
    estimator = models()["logistic regression"]
    counted, without = [], []
    for _ in range(3):
        counted.append(_measure_ours(estimator, compiled=True, profiled=True).per_second)
        without.append(_measure_ours(estimator, compiled=True).per_second)
    return {"live windows: share of the throughput": 1 - statistics.mean(counted) / statistics.mean(without)}


def _measure_starts() -> dict[str, float]:
    """From the start of the process until the first answer."""
    import skops.io

    estimator = models()["logistic regression"]
    found: dict[str, float] = {}
    for form in ("as it is", "compiled"):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "p"
            with served(root, estimator, form == "compiled") as port:
                pass  # it is deployed, and its server has ended
            arguments = ["-m", "mlops_console.serving", str(root), "production"]
            found[f"start to first answer, {form}, s"] = _median_start(arguments, port)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.skops"
        skops.io.dump(estimator, path)
        port = free_port()
        found["start to first answer, raw, s"] = _median_start(["-c", BARE, str(path), str(port), "1"], port)
    return found


def _median_start(arguments: list[str], port: int) -> float:
    return statistics.median(_start(arguments, port) for _ in range(STARTS))


def _start(arguments: list[str], port: int) -> float:
    begun = time.perf_counter()
    server = subprocess.Popen([sys.executable, *arguments], env=os.environ, stderr=subprocess.DEVNULL)
    try:
        while True:
            wait_for_port(port)
            if hammer_once(port):
                return time.perf_counter() - begun
            time.sleep(0.005)
    finally:
        server.terminate()
        server.wait()


def hammer_once(port: int) -> bool:
    """One request; whether it was answered with 200."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/invocations", BODY, {"Content-Type": "application/json"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
