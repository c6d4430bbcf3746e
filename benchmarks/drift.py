"""Drift of 1M rows of 20 numeric and 5 categorical columns: against a stored profile and against as many raw rows,
beside the raw numpy time (both sides sorted, Kolmogorov-Smirnov and PSI of each column) and other tools."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.peers import PROBES, SILENT, python_of

ROWS = 1_000_000
PEERS = ("evidently", "nannyml", "alibi-detect")
_OURS = ("raw", "profile", "rows", "frames", "making")
_REPEATS = 3


def bench_drift() -> dict[str, float]:
    """Each in a process of its own, which makes the same data; memory is what is used beyond them at the most."""
    taken = {task: _run(sys.executable, "-m", "benchmarks.drift", task, str(ROWS)) for task in _OURS}
    raw_seconds, raw_memory = taken["raw"]
    found = {"raw numpy, s": raw_seconds, "raw numpy: MB beyond the data": raw_memory}
    named = {
        "profile": "against a stored profile",
        "rows": "against raw rows",
        "frames": "mlops.drift of two frames, all columns at once too",
        "making": "making the profile",
    }
    for task, name in named.items():
        found |= _told(name, taken[task], raw_seconds)
    for peer in PEERS:
        if not python_of(peer).exists():
            print(f"  {peer} is not installed: 'make bench-peers' does it")
            continue
        found |= _told(peer, ask(peer, "bench", ROWS), raw_seconds)
    return found


def ask(peer: str, task: str, *arguments: object) -> Any:
    """What `peer_probes/drift_probe.py` answers, in the peer's own Python."""
    return _run(python_of(peer), PROBES / "drift_probe.py", peer, task, *arguments)


def _told(name: str, taken: list[float], raw: float) -> dict[str, float]:
    seconds, memory = taken
    return {f"{name}, s": seconds, f"{name}: times raw": seconds / raw, f"{name}: MB beyond the data": memory}


def _run(*command: object) -> Any:
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, cwd=Path(__file__).resolve().parent.parent,
            env={**os.environ, **SILENT, "HOME": home},
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """One of `_OURS`, in this process: `python -m benchmarks.drift TASK ROWS` prints seconds and MB."""
    task, rows = sys.argv[1], int(sys.argv[2])
    sys.path.insert(0, str(PROBES))
    import numpy as np
    from drift_probe import frames, measured

    import mlops_console as mlops
    from mlops_console.core.drift import DriftSettings
    from mlops_console.core.models import Column
    from mlops_console.drift.features import compare, compare_counts
    from mlops_console.drift.live.counts import count_window
    from mlops_console.drift.profiles import make_profile

    ref, cur = frames(rows)
    columns = [Column(n, *(("float64", "numeric") if n[0] == "x" else ("object", "categorical"))) for n in ref.columns]
    sides = [{name: side[name].to_numpy() for name in side.columns} for side in (ref, cur)]
    settings = DriftSettings()

    def against_profile() -> None:
        compare_counts(profile, count_window(profile, sides[1], {}), settings)

    tasks = {
        "raw": lambda: _raw(*sides),
        "profile": against_profile,
        "rows": lambda: compare(*sides, columns, settings),
        "frames": lambda: mlops.drift(ref, cur),
        "making": lambda: make_profile(sides[0], columns),
    }
    profile = make_profile({name: values[:1000] for name, values in sides[0].items()}, columns)
    compare_counts(profile, count_window(profile, {n: v[:1000] for n, v in sides[1].items()}, {}), settings)
    mlops.drift(ref.head(1000), cur.head(1000))  # what is imported late
    if task == "raw":
        for side in sides:
            side |= {name: np.array([int(v[6:]) for v in side[name]]) for name in side if name[0] == "c"}
    if task == "profile":
        profile = make_profile(sides[0], columns)
        del ref, sides[0]
        sides.insert(0, {})
    print(json.dumps(measured(tasks[task], 1 if task == "frames" else _REPEATS)))


def _raw(ref: Any, cur: Any) -> None:
    """What one would write by hand, with the categories as whole numbers already."""
    import numpy as np

    for name in ref:
        if name[0] == "c":
            counts = [np.bincount(side[name], minlength=20) for side in (ref, cur)]
        else:
            a, b = np.sort(ref[name]), np.sort(cur[name])
            both = np.concatenate([a, b])
            np.abs(np.searchsorted(a, both, "right") / len(a) - np.searchsorted(b, both, "right") / len(b)).max()
            edges = a[np.arange(1, 10) * len(a) // 10]
            counts = [np.diff(np.searchsorted(side, edges), prepend=0, append=len(side)) for side in (a, b)]
        before, after = (np.maximum(side / side.sum(), 1e-4) for side in counts)
        ((after - before) * np.log(after / before)).sum()


if __name__ == "__main__":
    main()
