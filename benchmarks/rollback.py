"""Deployments and rollbacks under load, by swap and by canary, with one and two server processes; beside it restarts of
a bare uvicorn + starlette server with the other model."""

import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.load import Load, load
from benchmarks.ports import free_port, wait_for_port
from benchmarks.serving import BARE, BODY, TOML, models, store_version

ROUNDS = 10  # each a deployment and its rollback
LEAST_REQUESTS = 20_000
RESTARTS = 3
PAUSE = 0.2  # seconds of load before, between and after

CANARY = """
strategy = "canary"
[environments.production.rollout]
steps = ["20%", "100%"]
hold = "0.4s"
min_requests = 1
"""


@dataclass(slots=True)
class Drill:
    """What was done when, and what the clients saw meanwhile. Times on the monotonic clock."""

    took: list[float] = field(default_factory=list)  # of each rollback, to the last answer of the version that was left
    reported: list[float] = field(default_factory=list)  # of each rollback, until it was told to be done
    planned: list[float] = field(default_factory=list)  # each plan of a rollback, as its dialogue shows it
    wrong: int = 0
    load: Load = field(default_factory=Load)


def bench_rollback() -> dict[str, float]:
    """`ms` are from submitting the confirmed rollback to the last answer of the version that was left; `restart ms`
    from the SIGTERM for the bare server to the first answer of the new one."""
    found: dict[str, float] = {}
    for strategy, more in (("swap", ""), ("canary", CANARY)):
        for workers in (1, 2):
            name = f"{strategy}, {workers} process{'es' if workers > 1 else ''}"
            done = drill(more, workers)
            found[f"{name}: rollback ms, median"] = 1000 * statistics.median(done.took)
            found[f"{name}: rollback ms, slowest of {len(done.took)}"] = 1000 * max(done.took)
            found[f"{name}: plan of a rollback ms, median"] = 1000 * statistics.median(done.planned)
            found[f"{name}: reported after ms, median"] = 1000 * statistics.median(done.reported)
            found[f"{name}: requests"] = float(len(done.load.answers))
            found[f"{name}: requests failed"] = float(done.load.failed)
            found[f"{name}: answers of a version that was not allowed"] = float(done.wrong)
    restarts, bare = _measure_restarts()
    return found | {
        "bare server: restart ms, median": 1000 * statistics.median(restarts),
        "bare server: requests": float(len(bare.answers) - bare.failed),
        "bare server: requests failed": float(bare.failed),
    }


def drill(more: str, workers: int, rounds: int = ROUNDS, least: int = LEAST_REQUESTS) -> Drill:
    """Deploy and roll back in turns, under the load of 8 clients, until there were so many rounds and requests."""
    from mlops_console import actions
    from mlops_console.store.workspace import open_workspace
    from mlops_console.worker import client

    done = Drill()
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        port = free_port()
        workspace.config_path.write_text(TOML.format(port=port, workers=workers) + more)

        def ask(name: str, **request: Any) -> tuple[float, float]:
            begun = time.monotonic()
            execution = client.execute(workspace, name, {"environment": "production", **request})
            assert execution.job_id is not None
            job = client.wait(workspace, execution.job_id, 60)
            assert job.state == "succeeded", job.error
            return begun, time.monotonic()

        try:
            estimator = models()["logistic regression"]
            first, second = (store_version(workspace, estimator, compiled=True) for _ in range(2))
            ask("deploy", model_ref=first)
            allowed = {1: [0.0, float("inf")]}  # of each revision, from when until when
            rolled_back = []
            with load(port, BODY) as done.load:
                time.sleep(PAUSE)
                for number in itertools.count(2, 2):
                    if number > 2 * rounds and done.load.so_far() >= least:
                        break
                    begun, end = ask("deploy", model_ref=second)
                    allowed[number] = [begun, float("inf")]
                    allowed[number - 1][1] = end
                    time.sleep(PAUSE)
                    asked = time.monotonic()
                    actions.plan(workspace, "rollback", {"environment": "production"})
                    done.planned.append(time.monotonic() - asked)
                    begun, end = ask("rollback")
                    allowed[number + 1] = [begun, float("inf")]
                    allowed[number][1] = end
                    rolled_back.append((number, begun, end))
                    time.sleep(PAUSE)
        finally:
            client.stop_worker(workspace)
            workspace.store.close()
    for answer in done.load.answers:
        since, until = allowed.get(int(answer.revision or 0), (0.0, float("inf")))
        done.wrong += answer.at < since or answer.sent > until
    for number, begun, end in rolled_back:
        done.took.append(done.load.last(str(number), begun, float("inf")) - begun)
        done.reported.append(end - begun)
    return done


def _measure_restarts() -> tuple[list[float], Load]:
    import skops.io

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.skops"
        skops.io.dump(models()["logistic regression"], path)
        port = free_port()
        server = _start_bare(path, port, 1)
        marks = []
        try:
            with load(port, BODY) as found:
                time.sleep(PAUSE)
                for number in range(2, RESTARTS + 2):
                    marks.append(time.monotonic())
                    server.terminate()
                    server.wait()
                    server = _start_bare(path, port, number)
                    time.sleep(PAUSE)
        finally:
            server.kill()
            server.wait()
    return [found.first(str(number), since) - since for number, since in enumerate(marks, 2)], found


def _start_bare(model: Path, port: int, revision: int) -> "subprocess.Popen[bytes]":
    server = subprocess.Popen([sys.executable, "-c", BARE, str(model), str(port), str(revision)])
    wait_for_port(port)
    return server
