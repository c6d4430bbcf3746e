"""Other model servers with the same logistic regression, each installed by `make bench-peers` into an environment of
its own, asked by the same clients in the same run as ours; and how long each takes to start, where a change of the
model is a restart."""

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.hammer import hammer
from benchmarks.peers import SILENT, python_of
from benchmarks.ports import free_port, wait_for_port
from benchmarks.serving import COLUMNS, SECONDS

RESTARTS = 3
ROW = [0.1 * column for column in range(COLUMNS)]
_FIT = f"""
import numpy as np
from sklearn.linear_model import LogisticRegression
rng = np.random.default_rng(0)
rows = rng.normal(size=(1000, {COLUMNS}))
model = LogisticRegression().fit(rows, rows.sum(axis=1) + rng.normal(size=1000) > 0)
"""
_BENTO = """
import bentoml, joblib, numpy as np

@bentoml.service(workers=1)
class Bench:
    def __init__(self) -> None:
        self.model = joblib.load("model.joblib")

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.model.predict(rows)
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """`prepare` gives code that stores `model` in the folder, `command` what serves it there on a port."""

    store: str
    command: Callable[[int], list[str]]
    path: str
    body: object


PEERS = {
    "mlflow": Peer(
        "import mlflow.sklearn; mlflow.sklearn.save_model(model, 'model', serialization_format='cloudpickle')",
        lambda port: ["-m", "mlflow", "models", "serve", "-m", "model", "-p", str(port), "--env-manager", "local"],
        "/invocations",
        {"inputs": [ROW]},
    ),
    "mlserver": Peer(
        "import joblib, json; joblib.dump(model, 'model.joblib'); json.dump({'name': 'bench', 'implementation': "
        "'mlserver_sklearn.SKLearnModel', 'parameters': {'uri': 'model.joblib'}}, open('model-settings.json', 'w'))",
        lambda port: [str(python_of("mlserver").with_name("mlserver")), "start", "."],
        "/v2/models/bench/infer",
        {"inputs": [{"name": "x", "shape": [1, COLUMNS], "datatype": "FP64", "data": ROW}]},
    ),
    "bentoml": Peer(
        f"import joblib; joblib.dump(model, 'model.joblib'); open('service.py', 'w').write({_BENTO!r})",
        lambda port: ["-m", "bentoml", "serve", "service:Bench", "--host", "127.0.0.1", "--port", str(port)],
        "/predict",
        {"rows": [ROW]},
    ),
}


def bench_serving_peers() -> dict[str, float]:
    """Requests a second of each that is installed, and how long a restart keeps its clients waiting."""
    found: dict[str, float] = {}
    for name, peer in PEERS.items():
        if not python_of(name).exists():
            print(f"  {name} is not installed: 'make bench-peers' does it")
            continue
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(
                [str(python_of(name)), "-c", _FIT + peer.store], cwd=folder, env=_environment(name), check=True,
                capture_output=True,
            )  # fmt: skip
            body = json.dumps(peer.body).encode()
            waits = []
            for restart in range(RESTARTS):
                port = free_port()
                begun = time.monotonic()
                with _served(name, peer, Path(folder), port):
                    _until_answered(port, peer.path, body)
                    waits.append(time.monotonic() - begun)
                    if restart == 0:
                        hammer(port, peer.path, body, 1)
                        done = hammer(port, peer.path, body, SECONDS)
                        found[f"{name}: requests/s"] = done.per_second
                        found[f"{name}: p99 ms"] = 1000 * done.p99
                        found[f"{name}: failed"] = float(done.failed)
            found[f"{name}: start to first answer, s"] = statistics.median(waits)
    return found


@contextmanager
def _served(name: str, peer: Peer, folder: Path, port: int) -> Iterator[None]:
    (folder / "settings.json").write_text(
        json.dumps({"http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "debug": False})
    )
    server = subprocess.Popen(
        [str(python_of(name)), *peer.command(port)], cwd=folder, env=_environment(name), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for_port(port, 120)
        yield
    finally:
        for process in psutil.Process(server.pid).children(recursive=True):  # some have sessions of their own
            process.kill()
        server.kill()
        server.wait()


def _until_answered(port: int, path: str, body: bytes) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if not hammer(port, path, body, 0).failed:
                return
        except (OSError, EOFError):
            time.sleep(0.01)
    raise TimeoutError(f"{path} was not answered within 60 s.")


def _environment(name: str) -> dict[str, str]:
    paths = os.pathsep.join([str(python_of(name).parent), os.environ.get("PATH", "")])
    return {**os.environ, **SILENT, "BENTOML_DO_NOT_TRACK": "True", "PATH": paths}
