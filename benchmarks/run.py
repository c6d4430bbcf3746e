"""`make bench`: measures everything and writes the table of RESULTS.md anew, all of it in one run on one machine."""

import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.drift import bench_drift
from benchmarks.drift_agreement import bench_agreement
from benchmarks.first_frame import bench_first_frame
from benchmarks.ingest import bench_ingest, bench_sixteen
from benchmarks.peers import bench_peers
from benchmarks.pipelines import bench_hashing, bench_idle_worker, bench_pipelines, bench_profile
from benchmarks.queries import bench_queries
from benchmarks.rollback import bench_rollback
from benchmarks.screens import bench_chart, bench_keys, bench_line
from benchmarks.serving import bench_serving
from benchmarks.serving_peers import bench_serving_peers
from benchmarks.tracking import bench_import_and_first_run, bench_log
from benchmarks.writers import bench_writers

RESULTS = Path(__file__).with_name("RESULTS.md")
BEGIN, END = "<!-- table -->", "<!-- end of the table -->"

BENCHMARKS: dict[str, Callable[[], dict[str, float]]] = {
    "run.log": bench_log,
    "import and first run": bench_import_and_first_run,
    "ingest": bench_ingest,
    "16 processes": bench_sixteen,
    "64 writers, 4 readers": bench_writers,
    "run table": bench_queries,
    "first frame": bench_first_frame,
    "keys at 1M runs": bench_keys,
    "chart of 1M points": bench_chart,
    "line and idle": bench_line,
    "pipeline of 20 stages": bench_pipelines,
    "hashing": bench_hashing,
    "profile of 1M rows": bench_profile,
    "idle worker": bench_idle_worker,
    "serving": bench_serving,
    "rollback under load": bench_rollback,
    "drift": bench_drift,
    "drift agreement": bench_agreement,
    "peers": bench_peers,
    "serving by peers": bench_serving_peers,
}


def main() -> None:
    chosen = sys.argv[1:] or list(BENCHMARKS)
    found = {}
    for name in chosen:
        print(f"{name} …", flush=True)
        found[name] = BENCHMARKS[name]()
        for figure, value in found[name].items():
            print(f"  {figure:<64}{value:>14,.3f}")
    if chosen == list(BENCHMARKS):
        write(found)


def write(found: dict[str, dict[str, float]]) -> None:
    lines = ["| benchmark | figure | value |", "| --- | --- | ---: |"]
    lines += [f"| {name} | {figure} | {value:,.3f} |" for name, row in found.items() for figure, value in row.items()]
    machine = f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, Python {platform.python_version()}"
    text = RESULTS.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    table = "\n".join(lines)
    RESULTS.write_text(f"{before}{BEGIN}\nMeasured {machine}.\n\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
