"""Deployments and rollbacks in the midst of which the server, the worker or the waiting command is killed; and 10,000
bad requests.

    python benchmarks/serving_chaos.py [ROUNDS]

After every round the environment must serve exactly one version: that which the store names.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bad_requests import bombard
from benchmarks.ports import free_port
from benchmarks.processes import check_none_is_left
from benchmarks.serving import BODY, models, store_version
from mlops_console.core.deployments import Environment, RevisionState
from mlops_console.store import deployments, jobs
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.worker import client

ROUNDS = 60
BAD_REQUESTS = 10_000
SEED = 5
VICTIMS = ("server", "worker", "command", "server and worker")
STATES = (RevisionState.LOADING, RevisionState.TESTING, RevisionState.CANARY, RevisionState.LIVE)

TOML = """
[project]
name = "chaos"
[worker]
idle = "1h"
[environments.production]
model = "bench"
port = {port}
workers = {workers}
strategy = "{strategy}"
[environments.production.rollout]
steps = ["30%", "100%"]
hold = "0.5s"
min_requests = 0
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    chaos(rounds, SEED)
    if len(sys.argv) < 3:
        bombardment()


def chaos(rounds: int, seed: int) -> Counter[str]:
    """Rounds of kills; how many revisions came to which end."""
    rng = random.Random(seed)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        port = free_port()
        _configure(workspace, rng, port)
        try:
            refs = [store_version(workspace, models()["logistic regression"], compiled=False) for _ in range(3)]
            _wait_for(client.execute(workspace, "deploy", _deploy(refs[0])).job_id, workspace)
            for number in range(rounds):
                _round(workspace, rng, refs, port)
                print(f"\r{number + 1} of {rounds} rounds", end="", flush=True)
            with workspace.store.read() as db:
                ends = Counter(revision.state.value for revision in deployments.revisions(db, "production"))
        finally:
            client.stop_worker(workspace)
            workspace.store.close()
        check_none_is_left(Path(folder))
    print(f"\r{rounds} of {rounds} rounds right in {time.monotonic() - begun:.0f} s: {dict(ends)}")
    return ends


def bombardment() -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        port = free_port()
        workspace.config_path.write_text(TOML.format(port=port, workers=1, strategy="swap"))
        try:
            ref = store_version(workspace, models()["logistic regression"], compiled=True)
            _wait_for(client.execute(workspace, "deploy", _deploy(ref)).job_id, workspace)
            [server] = _environment(workspace).processes
            found, grown = bombard(port, server.process.pid, "bench", BAD_REQUESTS)
            assert grown < 200_000_000, grown
            told = ", ".join(f"{status or 'none'}: {count}" for status, count in sorted(found.items()))
            print(f"{BAD_REQUESTS} bad requests: {told}; the server has grown by {grown / 1e6:.0f} MB at the most")
        finally:
            client.stop_worker(workspace)
            workspace.store.close()


def _configure(workspace: Workspace, rng: random.Random, port: int) -> None:
    text = TOML.format(port=port, workers=2, strategy=rng.choice(("swap", "canary", "shadow")))
    workspace.config_path.write_text(text)


def _round(workspace: Workspace, rng: random.Random, refs: list[str], port: int) -> None:
    """One action, one kill in the midst of it, and the check that all is well in the end."""
    _configure(workspace, rng, port)
    before = _newest(workspace)
    command = [sys.executable, "-m", "mlops_console", "-w", str(workspace.root)]
    if before > 1 and rng.random() < 0.4:
        command += ["rollback", "production", "--wait"]
    else:
        command += ["deploy", rng.choice(refs), "production", "--wait"]
    waiting = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _until_state(workspace, before, rng.choice(STATES))
    time.sleep(rng.random() * 0.05)
    victim = rng.choice(VICTIMS)
    if victim == "command":
        waiting.kill()
    if "server" in victim:
        for server in rng.sample(_environment(workspace).processes, k=1):
            _kill(server.process.pid)
    if "worker" in victim:
        with workspace.store.read() as db:
            worker = jobs.worker(db)
        if worker is not None:
            _kill(worker.process.pid)
    waiting.wait(120)
    client.ensure_worker(workspace)
    _check_one_version(workspace, port)


def _check_one_version(workspace: Workspace, port: int) -> None:
    """All server processes answer with the revision that the store calls live, and nothing else is on its way."""
    deadline = time.monotonic() + 60
    while True:
        environment = _environment(workspace)
        serving = {server.serving for server in environment.processes}
        live = environment.live.revision if environment.live else None
        if environment.candidate is None and len(environment.ready) == 2 and serving == {live} and _is_idle(workspace):
            break
        assert time.monotonic() < deadline, environment
        time.sleep(0.02)
    answered = {_ask(port) for _ in range(20)}
    assert answered == {str(live)}, (answered, live)
    with workspace.store.read() as db:
        found = deployments.revisions(db, "production")
        states = [revision.state for revision in found]
        assert states.count(RevisionState.LIVE) == 1, states
        assert all(state is RevisionState.LIVE or state.is_final for state in states), states
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def _is_idle(workspace: Workspace) -> bool:
    with workspace.store.read() as db:
        return not jobs.open_jobs(db)


def _ask(port: int) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", BODY, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.headers["X-Revision"])


def _until_state(workspace: Workspace, before: int, state: RevisionState) -> None:
    """Wait until the next revision is in this state, or past it, or there is none after a while."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with workspace.store.read() as db:
            newest = next(iter(deployments.revisions(db, "production", 1)), None)
        if newest is not None and newest.revision > before and (newest.state is state or newest.state.is_final):
            return
        if newest is not None and newest.revision > before and newest.state is RevisionState.LIVE:
            return
        time.sleep(0.002)


def _newest(workspace: Workspace) -> int:
    with workspace.store.read() as db:
        return next((revision.revision for revision in deployments.revisions(db, "production", 1)), 0)


def _environment(workspace: Workspace) -> Environment:
    with workspace.store.read() as db:
        found = deployments.environment(db, "production")
    assert found is not None
    return found


def _deploy(ref: str) -> dict[str, str]:
    return {"model_ref": ref, "environment": "production"}


def _wait_for(job_id: int | None, workspace: Workspace) -> None:
    assert job_id is not None
    job = client.wait(workspace, job_id, 60)
    assert job.state == "succeeded", job.error


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
