"""From the spool into the store: how many points a second, and how sixteen processes get along with a new store."""

import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mlops_console.store import runs
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking.journal import Journal
from mlops_console.tracking.recover import take_in_left_behind

POINTS = 1_000_000
ROUNDS = 3
PROCESSES = 16
EACH = 500
RAW_BATCH = 1000

_OURS = """
import sys, time
import mlops_console as mlops
mlops.start_run  # all that it needs is imported
print("ready", flush=True)
sys.stdin.readline()
run = mlops.start_run("bench")
for step in range({each}):
    run.log({{"loss": 0.5}}, step)
run.finish()
print(time.monotonic(), flush=True)
"""

_RAW = """
import sqlite3, sys, time
print("ready", flush=True)
sys.stdin.readline()
db = sqlite3.connect("raw.db", timeout=30, isolation_level=None)
db.execute("PRAGMA synchronous=NORMAL")
for step in range({each}):
    db.execute("INSERT INTO points VALUES (?, ?, 0.5, ?)", (int(sys.argv[1]), step, time.time()))
db.close()
print(time.monotonic(), flush=True)
"""


class _Nobody:
    """In the place of the clerk, so that the points wait in the spool."""

    def add(self, journal: Journal) -> None:
        journal.prepare()

    def warn(self, problem: str) -> None:
        raise AssertionError(problem)

    warn_of_trouble = warn


def bench_ingest() -> dict[str, float]:
    """Points per second; ours for calls of one metric and of five. The medians of three rounds, one of each in turn."""
    rounds = [(_ingest(1), _ingest(5), _raw()) for _ in range(ROUNDS)]
    one, five, raw = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "points/s, one metric a call": one,
        "points/s, five metrics a call": five,
        "points/s, raw executemany": raw,
        "ratio, one metric": statistics.median(mine / its for mine, _, its in rounds),
        "ratio, five metrics": statistics.median(mine / its for _, mine, its in rounds),
    }


def bench_sixteen() -> dict[str, float]:
    """Seconds until all of 16 x 500 points are stored: from the moment all have imported, and from the first start."""
    ours = [_sixteen(_OURS, lambda _: None, _stored_by_us) for _ in range(ROUNDS)]
    raw = [_sixteen(_RAW, _make_raw, _stored_raw) for _ in range(ROUNDS)]
    return {
        "s, store not yet made": statistics.median(seconds for seconds, _ in ours),
        "s, with the processes' start": statistics.median(seconds for _, seconds in ours),
        "raw: s, table made, a commit a point": statistics.median(seconds for seconds, _ in raw),
        "raw: s, with the processes' start": statistics.median(seconds for _, seconds in raw),
    }


def _ingest(metrics: int) -> float:
    """Points per second from segments full of points into a store, in one process."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        with workspace.store.write() as tx:
            run_id = runs.create(tx, name="bench", experiment="bench")
        _fill_spool(workspace, run_id, metrics)
        begin = time.perf_counter()
        take_in_left_behind(workspace)
        seconds = time.perf_counter() - begin
        with workspace.store.read() as db:
            [run] = runs.page(db, runs.RunQuery()).runs
        assert sum(series.count for series in run.metrics.values()) == POINTS
        workspace.store.close()
    return POINTS / seconds


def _fill_spool(workspace: Workspace, run_id: str, metrics: int) -> None:
    keeper = _Nobody()
    journal = Journal(workspace.spool_dir, run_id, lambda: keeper, owns_run=True)
    values = {f"metric/{number}": 0.5 for number in range(metrics)}
    for step in range(POINTS // metrics):
        for name in values:
            values[name] = (step * 7919 % 10_007) / 10_007
        journal.log(values, step)
    journal.close()
    for segment in journal.segments:
        segment.map.close()  # and with it the lock


def _raw() -> float:
    """Points per second of `executemany` with rows that stand ready, a thousand in a transaction."""
    rows = [(1, step, (step * 7919 % 10_007) / 10_007, 1e9 + step) for step in range(POINTS)]
    with tempfile.TemporaryDirectory() as folder:
        db = sqlite3.connect(f"{folder}/raw.db", isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("CREATE TABLE points (series INTEGER, step INTEGER, value REAL, at REAL)")
        begin = time.perf_counter()
        for at in range(0, POINTS, RAW_BATCH):
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO points VALUES (?, ?, ?, ?)", rows[at : at + RAW_BATCH])
            db.execute("COMMIT")
        seconds = time.perf_counter() - begin
        db.close()
    return POINTS / seconds


def _sixteen(code: str, prepare: Callable[[Path], None], stored: Callable[[Path], list[int]]) -> tuple[float, float]:
    """Seconds from the barrier, and from the first start, until the last process has ended its run."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        environment = {**os.environ, "MLOPS_WORKSPACE": folder}
        started = time.monotonic()
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code.format(each=EACH), str(number)],
                cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for number in range(PROCESSES)
        ]  # fmt: skip
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        barrier = time.monotonic()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        ended = max(float(process.communicate()[0]) for process in processes)
        assert stored(Path(folder)) == [EACH] * PROCESSES
    return ended - barrier, ended - started


def _stored_by_us(folder: Path) -> list[int]:
    workspace = open_workspace(folder)
    with workspace.store.read() as db:
        found = [run.metrics["loss"].count for run in runs.page(db, runs.RunQuery()).runs]
    workspace.store.close()
    return found


def _make_raw(folder: Path) -> None:
    """Of several that switch a new file to WAL all but one would fail."""
    db = sqlite3.connect(folder / "raw.db")
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE points (process INTEGER, step INTEGER, value REAL, at REAL)")
    db.close()


def _stored_raw(folder: Path) -> list[int]:
    db = sqlite3.connect(folder / "raw.db")
    found = [row[0] for row in db.execute("SELECT count(*) FROM points GROUP BY process")]
    db.close()
    return found
