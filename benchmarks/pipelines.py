"""Pipelines: twenty stages, cached and run, beside DVC; hashing a large folder; profiling a table; an idle worker."""

import hashlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil

from benchmarks.peers import python_of
from mlops_console.data.hashing import Hasher
from mlops_console.data.scan import scan
from mlops_console.store import jobs, stages
from mlops_console.store.workspace import open_workspace
from mlops_console.worker import client

STAGES = 20
ROUNDS = 7
FILES, SIZE = 100_000, 200  # bytes
ROWS = 1_000_000
IDLE = 20.0  # seconds


def bench_pipelines() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        found = _ours(folder / "ours")
        if python_of("dvc").exists():
            found |= _dvc(folder / "dvc")
            found["all cached: ours / DVC"] = found["all cached, whole command, ms"] / found["DVC: all cached, ms"]
            found["one stage: ours / DVC"] = found["one stage's overhead, ms"] / found["DVC: one stage's overhead, ms"]
        else:
            print("  dvc is not installed: 'make bench-peers' does it")
        found["the same by make, nothing to do, ms"] = _make(folder / "make")
        return found


def bench_hashing() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        (root / "mlops.toml").write_text('[project]\nname = "bench"\n')
        for number in range(FILES):
            path = root / "data" / f"{number // 1000:03}" / f"{number % 1000:03}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(random.randbytes(SIZE))
        workspace = open_workspace(root)
        time.sleep(0.1)  # what was written this shortly before is not remembered
        first = _timed(lambda: Hasher(workspace).tree("data"))
        again = statistics.median(_timed(lambda: Hasher(workspace).tree("data")) for _ in range(3))
        raw = _timed(lambda: _raw_hashes(root / "data"))
        return {
            f"{FILES:,} files, first time, s": first,
            "again, unchanged, s": again,
            "raw: read and hash each, s": raw,
            "first time / raw": first / raw,
            "again / raw": again / raw,
        }


def bench_profile() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "table.csv"
        _table().to_csv(file, index=False)
        pd.read_csv(file)
        read = statistics.median(_timed(lambda: pd.read_csv(file)) for _ in range(5))
        scanned = statistics.median(_timed(lambda: scan(file)) for _ in range(5))
        return {
            f"{ROWS:,} rows x 10 columns of CSV, s": scanned,
            "raw: pandas reads it, s": read,
            "profile / read": scanned / read,
        }


def bench_idle_worker() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        _chain(root)
        workspace = open_workspace(root)
        try:
            client.wait(workspace, _trained(workspace))
            with workspace.store.read() as db:
                worker = jobs.worker(db)
            assert worker is not None
            time.sleep(2)  # the process in waiting has begun
            family = [psutil.Process(worker.process.pid), *psutil.Process(worker.process.pid).children(recursive=True)]
            before = sum(sum(process.cpu_times()[:2]) for process in family)
            time.sleep(IDLE)
            used = sum(sum(process.cpu_times()[:2]) for process in family) - before
        finally:
            client.stop_worker(workspace)
        return {"idle worker, share of a core in %": 100 * used / IDLE}


def _ours(root: Path) -> dict[str, float]:
    _chain(root)
    command = [str(Path(sys.executable).with_name("mlops-console")), "train", "train", "--wait"]
    workspace = open_workspace(root)
    try:
        time.sleep(0.1)
        first = _timed(lambda: _run(command, root))
        cached = statistics.median(_cool(lambda: _timed(lambda: _run(command, root))) for _ in range(ROUNDS))
        job = statistics.median(_cool(lambda: _job_took(root)) for _ in range(ROUNDS))
        forced = statistics.median(_cool(lambda: _job_took(root, force=["*"])) for _ in range(ROUNDS))
        with workspace.store.read() as db:
            assert len([s for s in stages.listing(db, _last_run(root)) if s.cached_from is None]) == STAGES
    finally:
        client.stop_worker(workspace)
    bare = statistics.median(_timed(lambda: _run(["sh", "-c", "cat raw > /dev/null"], root)) for _ in range(20))
    return {
        f"{STAGES} stages, first run with the worker's start, ms": 1000 * first,
        "all cached, whole command, ms": 1000 * cached,
        "all cached, the job alone, ms": 1000 * job,
        "one stage's overhead, ms": 1000 * (forced / STAGES - bare),
        "raw: one process, ms": 1000 * bare,
    }


def _dvc(root: Path) -> dict[str, float]:
    root.mkdir()
    dvc = str(python_of("dvc").with_name("dvc"))
    _run(["git", "init", "-q"], root)
    _run([dvc, "init", "-q"], root)
    _run([dvc, "config", "core.analytics", "false"], root)
    (root / "raw").write_text("x")
    lines = ["stages:"]
    for number in range(STAGES):
        before = "raw" if number == 0 else f"o{number - 1}"
        lines += [f"  s{number}:", f"    cmd: cat {before} > o{number}", "    deps:", f"      - {before}", "    outs:"]
        lines += [f"      - o{number}"]
    (root / "dvc.yaml").write_text("\n".join(lines) + "\n")
    _run([dvc, "repro", "-q"], root)
    cached = statistics.median(_timed(lambda: _run([dvc, "repro", "-q"], root)) for _ in range(ROUNDS))
    forced = statistics.median(_timed(lambda: _run([dvc, "repro", "-q", "--force"], root)) for _ in range(ROUNDS))
    return {"DVC: all cached, ms": 1000 * cached, "DVC: one stage's overhead, ms": 1000 * (forced - cached) / STAGES}


def _make(root: Path) -> float:
    root.mkdir()
    (root / "raw").write_text("x")
    rules = [f"o{n}: {'raw' if n == 0 else f'o{n - 1}'}\n\tcat $< > $@\n" for n in reversed(range(STAGES))]
    (root / "Makefile").write_text("\n".join(rules))
    _run(["make", "-s"], root)
    return 1000 * statistics.median(_timed(lambda: _run(["make", "-s"], root)) for _ in range(20))


def _chain(root: Path) -> None:
    root.mkdir(exist_ok=True)
    lines = ["[project]", 'name = "bench"']
    for number in range(STAGES):
        before = "raw" if number == 0 else f"o{number - 1}"
        lines += [f"[pipelines.train.stages.s{number}]", f'run = "cat {before} > o{number}"']
        lines += [f'deps = ["{before}"]', f'outs = ["o{number}"]']
    (root / "mlops.toml").write_text("\n".join(lines) + "\n")
    (root / "raw").write_text("x")


def _job_took(root: Path, **request: object) -> float:
    workspace = open_workspace(root)
    begun = time.perf_counter()
    client.wait(workspace, _trained(workspace, **request))
    return time.perf_counter() - begun


def _trained(workspace: object, **request: object) -> int:
    job_id = client.execute(workspace, "train", request).job_id  # type: ignore[arg-type]
    assert job_id is not None
    return job_id


def _last_run(root: Path) -> str:
    workspace = open_workspace(root)
    with workspace.store.read() as db:
        return str(jobs.listing(db, 1)[0].result["run"])


def _cool(measure: Callable[[], float]) -> float:
    """The worker has its next process in waiting by then."""
    time.sleep(0.7)
    return measure()


def _raw_hashes(folder: Path) -> None:
    for place, _, names in os.walk(folder):
        for name in names:
            with open(f"{place}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - the quickest there is
                hashlib.sha256(file.read()).hexdigest()


def _table() -> pd.DataFrame:
    import numpy as np

    chance = np.random.default_rng(1)
    columns = {f"f{at}": chance.normal(size=ROWS) for at in range(5)}
    columns |= {f"i{at}": chance.integers(0, 10_000, ROWS) for at in range(2)}
    texts = {f"t{many}": chance.integers(0, many, ROWS).astype(str) for many in (10, 1000, 100_000)}
    return pd.DataFrame({**columns, **{name: ["v" + value for value in made] for name, made in texts.items()}})


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
