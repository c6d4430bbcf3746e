"""What `benchmarks/peers.py` asks of a peer, in that peer's own Python: `drive.py PEER TASK FOLDER [ARGUMENT]`."""

import importlib
import json
import mmap
import sys
import time
from pathlib import Path

_BEGUN = time.perf_counter()


def main():
    peer, task, folder, *arguments = sys.argv[1:]
    probe = importlib.import_module(f"{peer}_probe")
    imported = time.perf_counter()
    if task == "stored":
        return probe.stored(folder)
    if task == "query":
        return probe.query(folder, int(arguments[0]))
    if task == "together":
        print("ready", flush=True)
        sys.stdin.readline()
    run = probe.start(folder, arguments[0])
    if task == "start":
        started = time.perf_counter()
        probe.finish(run)
        return [1000 * (imported - _BEGUN), 1000 * (started - _BEGUN)]
    if task == "crash":
        _log_until_killed(probe, run, arguments[1])
    if task == "together":
        for step in range(int(arguments[1])):
            probe.log(run, step)
        probe.finish(run)
        return time.monotonic()
    taken = _log(probe, run, int(arguments[1]))
    probe.finish(run)
    return taken


def _log(probe, run, calls):
    """Microseconds of each call."""
    taken = []
    for step in range(calls):
        begin = time.perf_counter_ns()
        probe.log(run, step)
        taken.append((time.perf_counter_ns() - begin) / 1e3)
    return taken


def _log_until_killed(probe, run, shared):
    with Path(shared).open("r+b") as file:
        returned = memoryview(mmap.mmap(file.fileno(), 8)).cast("q")
    step = 0
    while True:
        probe.log(run, step)
        step += 1
        returned[0] = step
        time.sleep(0.001)


if __name__ == "__main__":
    print("\n" + json.dumps(main()), flush=True)
