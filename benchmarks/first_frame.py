"""From the start of the process to the first frame: the console on a large store, and a bare Textual app."""

import os
import pty
import select
import statistics
import subprocess
import sys
import time

from benchmarks.make_store import store_of

SIZES = (100_000, 1_000_000)
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
    """Medians in ms: the console with 100,000 and with 1,000,000 runs, and a bare app, in turn; the ratios are the
    medians of those of each turn.
    """
    stores = [str(store_of("runs", size)) for size in SIZES]
    console = [sys.executable, "-m", "mlops_console"]
    bare = [sys.executable, "-c", BARE]
    turns = []
    for _ in range(ROUNDS + 1):
        frames = [seconds_to(console, store, b"Overview") for store in stores]
        turns.append((*frames, seconds_to(bare, stores[0], b"bare-row-0")))
    del turns[0]  # byte code and page cache
    return {
        "100k runs, ms": 1000 * statistics.median(turn[0] for turn in turns),
        "1M runs, ms": 1000 * statistics.median(turn[1] for turn in turns),
        "bare, ms": 1000 * statistics.median(turn[2] for turn in turns),
        "ratio, 100k runs": statistics.median(turn[0] / turn[2] for turn in turns),
        "ratio, 1M runs": statistics.median(turn[1] / turn[2] for turn in turns),
    }


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
