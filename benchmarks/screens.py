"""What the console draws of large stores, when, and with how many bytes: keys, charts, live values, memory."""

import contextlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.console import Console, Drawn
from benchmarks.make_store import POINTS_OF_A_SERIES, store_of
from mlops_console.store import series
from mlops_console.store.workspace import open_workspace

RUNS, POINTS = 1_000_000, 50_000_000
IDLE = 10  # seconds
LIVE = 30  # points logged, one after the other
_DOWN, _PAGE = "j", "\x1b[6~"
# Presses of each key in the run table, in this order; the filter is typed and cleared again.
_KEYS: dict[str, Sequence[str]] = {
    "j": _DOWN * 20,
    "k": "k" * 20,
    "pgdn": [_PAGE] * 20,
    "G, g": "Gg" * 5,
    "S": "S" * 6,
    "a letter of a filter": "",
}
_FILTER = "/metrics.val/acc > 0.99"
_ESCAPE = "\x1b"

_LOGGER = """
import sys, time
import mlops_console as mlops
with mlops.start_run("live", system_metrics=False) as run:
    for line in sys.stdin:
        print(time.perf_counter(), flush=True)
        run.log({"time/epoch": float(line)})  # what a narrow run table shows
"""


def bench_keys() -> dict[str, float]:
    """Milliseconds from a key to what it draws, in the run table of a million runs; 120 x 40.

    At first that is the cursor or the letter; at last the rows, the count and the details beside them, with a chart.
    """
    found: dict[str, float] = {}
    every: list[Drawn] = []
    with _run_table(store_of("runs", RUNS)) as console:
        for name, keys in _KEYS.items():
            drawn = [console.press(key) for key in keys] if keys else _typed(console)
            every += drawn
            found |= _figures(name, drawn)
        found |= _figures("all of them", every)
        found["memory, MB"] = console.megabytes
    return found


def _figures(name: str, drawn: Sequence[Drawn]) -> dict[str, float]:
    first, last = [1000 * frame.first for frame in drawn], [1000 * frame.last for frame in drawn]
    return {
        f"{name}: at first, median": statistics.median(first),
        f"{name}: at first, p95": _p95(first),
        f"{name}: at last, median": statistics.median(last),
        f"{name}: at last, p95": _p95(last),
    }


def bench_chart() -> dict[str, float]:
    """Milliseconds from a key to the last byte of the chart of a series of a million points; 120 x 40."""
    folder = store_of("points", POINTS)
    with _run_table(folder) as console:
        console.press("\r", 0.5)
        whole = [1000 * console.press(_DOWN, 0.3).last for _ in range(4)]
        console.press("f", 0.3)
        zoomed = [1000 * console.press("+", 0.3).last for _ in range(6)]
        back = [1000 * console.press("0", 0.3).last for _ in range(1)]
        memory = console.megabytes
    return {
        "whole series: key to frame, ms": statistics.median(whole),
        "whole series: slowest": max(whole + back),
        "zoomed in: key to frame, ms": statistics.median(zoomed),
        "zoomed in: slowest": max(zoomed),
        **_curve(folder),
        "memory of the console, MB": memory,
    }


def bench_line() -> dict[str, float]:
    """Bytes down the line and time until a point is seen, at 80 x 24; processor time while nothing happens."""
    with _run_table(store_of("runs", RUNS), 80, 24) as console:
        before, begin = console.cpu, time.perf_counter()
        idle = console.listen(IDLE)
        cpu = (console.cpu - before) / (time.perf_counter() - begin)
    seen, sizes = _live()
    return {
        "idle: bytes/s": idle / IDLE,
        "idle: % of a core": 100 * cpu,
        "a live value changes: bytes, median": statistics.median(sizes),
        "a point logged to seen: ms, median": statistics.median(seen),
        "a point logged to seen: ms, p95": _p95(seen),
    }


@contextlib.contextmanager
def _run_table(folder: Path, columns: int = 120, lines: int = 40) -> Iterator[Console]:
    """The console on its run table, with nothing more to draw."""
    with Console(folder, columns, lines) as console:
        console.wait(b"Overview")
        console.settle(0.5)
        console.press("2", 0.7)  # a living run ticks every second
        yield console


def _typed(console: Console) -> list[Drawn]:
    """Each letter of a filter; most of what stands there on the way is none yet."""
    drawn = [console.press(key) for key in _FILTER]
    console.press(_ESCAPE, 1.0)
    return drawn[1:]


def _curve(folder: Path) -> dict[str, float]:
    """Reading alone, beside the same points as plain rows read by plain SQL."""
    workspace = open_workspace(folder)
    with workspace.store.read() as db:
        run_id, name = db.execute(
            "SELECT r.id, s.name FROM series s JOIN runs r ON r.key = s.run_key ORDER BY s.key LIMIT 1"
        ).fetchone()
        taken = []
        for _ in range(5):
            begin = time.perf_counter()
            curve = series.curve(db, run_id, name)
            taken.append(1000 * (time.perf_counter() - begin))
        points = series.columns(db, run_id, name)
    workspace.store.close()
    assert curve is not None
    assert {min(points.values), max(points.values)} <= {point.value for point in curve.points}
    with tempfile.TemporaryDirectory() as place, contextlib.closing(sqlite3.connect(f"{place}/raw.db")) as raw:
        raw.execute("CREATE TABLE points (series INTEGER, step INTEGER, value REAL, PRIMARY KEY (series, step))")
        raw.executemany("INSERT INTO points VALUES (1, ?, ?)", zip(points.steps, points.values, strict=True))
        raw.commit()
        begin = time.perf_counter()
        rows = raw.execute("SELECT step, value FROM points WHERE series = 1 ORDER BY step").fetchall()
        plain = 1000 * (time.perf_counter() - begin)
    assert len(rows) == POINTS_OF_A_SERIES
    return {"series.curve alone, ms": statistics.median(taken), "raw: a million rows by SQL, ms": plain}


def _live() -> tuple[list[float], list[int]]:
    """Milliseconds until each value of a living run stands on the screen, and the bytes that this took."""
    seen, sizes = [], []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "live"
        shutil.copytree(store_of("runs", 10_000), folder)
        logger = subprocess.Popen(
            [sys.executable, "-c", _LOGGER], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert logger.stdin is not None
        assert logger.stdout is not None
        logger.stdin.write("0.5000\n")
        logger.stdin.flush()
        logger.stdout.readline()
        time.sleep(1)
        with _run_table(folder, 80, 24) as console:
            for number in range(LIVE):
                text = f"0.{1234 + 177 * number}"
                console.settle(0.2)
                time.sleep(0.037 * (number % 5))  # anywhere between two looks of the console
                before = len(console.received)
                logger.stdin.write(f"{text}\n")
                logger.stdin.flush()
                begin = float(logger.stdout.readline())
                console.wait(text.encode())
                seen.append(1000 * (time.perf_counter() - begin))
                console.settle(0.1)
                sizes.append(len(console.received) - before)
        logger.communicate("")
    return seen, sizes


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[len(values) * 95 // 100]
