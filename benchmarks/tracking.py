"""Tracking: what `run.log` and the first run cost, each beside the raw limit measured in the same run."""

import mmap
import os
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src"
CALLS = 200_000
STARTS = 15

_FIRST_RUN = """
import time
begin = time.perf_counter()
import mlops_console as mlops
imported = time.perf_counter()
run = mlops.start_run("first", params={"lr": 0.1})
started = time.perf_counter()
run.log({"loss": 0.5})
run.finish()
print((imported - begin) * 1e3, (started - begin) * 1e3, (time.perf_counter() - begin) * 1e3)
"""


def bench_log() -> dict[str, float]:
    """`run.log` of one metric in a plain loop, its clerk at work beside it; microseconds."""
    import mlops_console as mlops

    with tempfile.TemporaryDirectory() as folder, mlops.start_run("bench", workspace=folder) as run:
        mlops.runs(workspace=folder)  # the clerk has made the store
        run.log({"loss": 0.5}, step=0)
        median, p99 = _distribution(lambda step: run.log({"loss": 0.5}, step=step))
    raw_median, raw_p99 = _raw_pack()
    commit_median, commit_p99 = _raw_commit()
    return {
        "log_median_us": median,
        "log_p99_us": p99,
        "raw_pack_median_us": raw_median,
        "raw_pack_p99_us": raw_p99,
        "raw_sqlite_commit_median_us": commit_median,
        "raw_sqlite_commit_p99_us": commit_p99,
    }


def bench_import_and_first_run() -> dict[str, float]:
    """Import and first `start_run` in a new process, in a workspace that has a store; medians in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(SOURCE), "MLOPS_WORKSPACE": folder}
        found = [_first_run(folder, environment) for _ in range(STARTS + 1)][1:]
        bare = [_wall([sys.executable, "-c", "pass"], folder, environment) for _ in range(STARTS)]
    imported, started, stored = (statistics.median(column) for column in zip(*found, strict=True))
    return {
        "import_ms": imported,
        "import_and_start_run_ms": started,
        "until_all_is_stored_ms": stored,
        "bare_python_ms": statistics.median(bare),
    }


def _distribution(call: Callable[[int], object], calls: int = CALLS) -> tuple[float, float]:
    """Median and 99th percentile of one call, in microseconds, the clock's own time taken off."""
    clock = time.perf_counter_ns
    taken = []
    for number in range(calls):
        begin = clock()
        call(number)
        taken.append(clock() - begin)
    empty = []
    for _ in range(10_000):
        begin = clock()
        empty.append(clock() - begin)
    own = statistics.median(empty)
    taken.sort()
    return (taken[calls // 2] - own) / 1e3, (taken[calls * 99 // 100] - own) / 1e3


def _raw_pack() -> tuple[float, float]:
    """One `struct.pack_into` of the same record on a mapped file whose blocks are allocated."""
    pack, size = struct.Struct("<qddII").pack_into, 32
    with tempfile.TemporaryFile() as file:
        length = CALLS * size
        os.posix_fallocate(file.fileno(), 0, length)
        with mmap.mmap(file.fileno(), length) as mapped:
            return _distribution(lambda number: pack(mapped, number * size, number, 0.5, 0.0, 1, number + 1))


def _raw_commit() -> tuple[float, float]:
    """One row, one transaction, on a bare SQLite table in WAL mode with synchronous=NORMAL."""
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(f"{folder}/raw.db", isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute("CREATE TABLE points (step INTEGER PRIMARY KEY, value REAL)")
        found = _distribution(lambda n: database.execute("INSERT INTO points VALUES (?, 0.5)", (n,)), 20_000)
        database.close()
    return found


def _first_run(folder: str, environment: dict[str, str]) -> list[float]:
    command = [sys.executable, "-c", _FIRST_RUN]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return [float(figure) for figure in done.stdout.split()]


def _wall(command: list[str], folder: str, environment: dict[str, str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True)
    return (time.perf_counter() - begin) * 1e3


if __name__ == "__main__":
    for bench in (bench_log, bench_import_and_first_run):
        for name, figure in bench().items():
            print(f"{name:32} {figure:10.2f}")
