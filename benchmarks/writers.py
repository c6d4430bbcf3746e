"""64 processes that log while 4 read the run table: errors, lost points, and how long a page takes."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mlops_console.store import runs
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking.recover import recover

WRITERS, READERS = 64, 4
SECONDS = 30
UNPACED_SECONDS = 10
PACE = 200  # points per second of one writer

_WRITER = """
import sys, time
seconds, pace, number = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
import warnings
warnings.simplefilter("error")
import mlops_console as mlops
run = mlops.start_run(f"writer-{number}", params={"number": number})
run.log({"loss": 1.0}, 0)
print("ready", flush=True)
sys.stdin.readline()
begin, step = time.monotonic(), 1
while (now := time.monotonic()) < begin + seconds:
    due = int((now - begin) * pace) if pace else step + 1000
    while step < due:
        run.log({"loss": 1.0 / step}, step)
        step += 1
    if pace:
        time.sleep(0.02)
run.finish()
print(step, flush=True)
"""

_READER = """
import json, sys, time
from pathlib import Path
from mlops_console.core.filters import parse_field
from mlops_console.store import run_table
from mlops_console.store.runs import RunQuery
from mlops_console.store.workspace import open_workspace
store = open_workspace(Path.cwd()).store
fields = [parse_field(text) for text in ("metrics.loss", "metrics.loss.min", "params.number", "duration", "user")]
orders, taken, turn = ("-started", "metrics.loss"), [], 0
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    begin = time.perf_counter()
    with store.read() as db:
        found = run_table.rows(db, RunQuery("", orders[turn % 2], 50), fields)
    taken.append(time.perf_counter() - begin)
    assert len(found) == 50
    turn += 1
    time.sleep(0.02)
print(json.dumps(taken))
"""


def bench_writers() -> dict[str, float]:
    """64 writers at 200 points/s each and 4 readers of 50 pages/s for 30 s; then writers at full speed for 10 s."""
    found = {f"paced: {name}": value for name, value in _together(SECONDS, PACE).items()}
    return found | {f"unpaced: {name}": value for name, value in _together(UNPACED_SECONDS, 0).items()}


def _together(seconds: float, pace: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        writers = [_start(folder, _WRITER, seconds, pace, number) for number in range(WRITERS)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        workspace = open_workspace(Path(folder))
        _wait_until_known(workspace)
        readers = [_start(folder, _READER, seconds) for _ in range(READERS)]
        begun = time.monotonic()
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        told = [writer.communicate() for writer in writers]
        took = time.monotonic() - begun
        pages = [reader.communicate() for reader in readers]
        logged = sum(int(out or 0) for out, _ in told)
        late = _stored(workspace)
        recover(workspace)  # as the next command would: what a writer did not wait for is in the spool
        stored = _stored(workspace)
        workspace.store.close()
    errors = [error for process, (_, error) in zip(writers + readers, told + pages, strict=True) if process.returncode]
    for error in errors[:3]:
        print(error, file=sys.stderr)
    times = sorted(1000 * each for out, _ in pages for each in json.loads(out or "[]"))
    return {
        "errors": float(len(errors)),
        "points logged": float(logged),
        "points lost": float(logged - stored),
        "points left for the next command": float(stored - late),
        "s until all writers have ended": took,
        "pages read": float(len(times)),
        "a reader's page, ms, p50": statistics.median(times),
        "a reader's page, ms, p99": times[len(times) * 99 // 100],
    }


def _start(folder: str, code: str, *arguments: float) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _stored(workspace: Workspace) -> int:
    with workspace.store.read() as db:
        return sum(run.metrics["loss"].count for run in runs.page(db, runs.RunQuery(limit=WRITERS)).runs)


def _wait_until_known(workspace: Workspace) -> None:
    """Until the store has a point of each writer: then a page of 50 is full."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with workspace.store.read() as db:
            if len(runs.page(db, runs.RunQuery("metrics.loss > 0", limit=WRITERS)).runs) == WRITERS:
                return
        time.sleep(0.1)
    raise TimeoutError("The store did not know all writers within 60 s.")
