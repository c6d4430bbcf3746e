"""From the start of the process to the first frame: the console on a store of 100,000 runs, and a bare Textual app."""

import os
import pty
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mlops_console.store.workspace import open_workspace

RUNS = 100_000
ROUNDS = 9

BARE = """
from textual.app import App
from textual.widgets import DataTable

class Bare(App):
    def compose(self):
        yield DataTable()
    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("NAME", "STATUS")
        for i in range(20):
            table.add_row(f"bare-row-{i}", "ok")

Bare().run()
"""


def bench_first_frame() -> dict[str, float]:
    """Medians in ms: `console`, `bare`; and `ratio`, the median of the ratios pair by pair."""
    with tempfile.TemporaryDirectory() as folder:
        make_store(Path(folder), RUNS)
        console = [sys.executable, "-m", "mlops_console"]
        bare = [sys.executable, "-c", BARE]
        seconds_to(console, folder, b"Overview")  # byte code and page cache
        seconds_to(bare, folder, b"bare-row-0")
        pairs = [
            (seconds_to(console, folder, b"Overview"), seconds_to(bare, folder, b"bare-row-0")) for _ in range(ROUNDS)
        ]
    return {
        "console": 1000 * statistics.median(pair[0] for pair in pairs),
        "bare": 1000 * statistics.median(pair[1] for pair in pairs),
        "ratio": statistics.median(pair[0] / pair[1] for pair in pairs),
    }


def make_store(folder: Path, runs: int) -> None:
    """A workspace with this many finished runs, each with 10 params and 5 metrics, written straight into the tables."""
    workspace = open_workspace(folder)
    with workspace.store.write() as tx:
        tx.execute("INSERT INTO experiments (key, name, created_at) VALUES (1, 'bench', 0)")
        tx.executemany(
            "INSERT INTO runs (key, id, experiment_key, name, status, created_at, started_at, ended_at) "
            "VALUES (?, ?, 1, ?, 'succeeded', ?, ?, ?)",
            ((i, f"{i:016x}", f"run-{i}", i, i, i + 60) for i in range(1, runs + 1)),
        )
        tx.executemany(
            "INSERT INTO params (run_key, name, value, number) VALUES (?, ?, ?, ?)",
            ((i, f"p{p}", str(i % (p + 7)), i % (p + 7)) for i in range(1, runs + 1) for p in range(10)),
        )
        tx.executemany(
            "INSERT INTO series (run_key, name, count, finite, total, first, first_step, last, last_step, min, "
            "min_step, max, max_step) VALUES (?1, ?2, 1, 1, ?3, ?3, 0, ?3, 0, ?3, 0, ?3, 0)",
            ((i, f"m{m}", (i * 7919 % 100_003) / 100_003) for i in range(1, runs + 1) for m in range(5)),
        )
    workspace.store.close()


def seconds_to(command: list[str], folder: str, marker: bytes) -> float:
    """Seconds until `marker` is drawn by a command on a pseudo-terminal of 120 x 40; then it is killed."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    received = b""
    try:
        while marker not in received:
            if not select.select([master], [], [], 30)[0]:
                raise TimeoutError(f"{command} drew no {marker!r} within 30 s: {received[-500:]!r}")
            received += os.read(master, 65_536)
        return time.perf_counter() - start
    finally:
        process.kill()
        process.wait()
        os.close(master)
