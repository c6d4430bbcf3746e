"""What other trackers cost, measured in the same run as ours, each in a virtual environment of its own.

    python benchmarks/peers.py        installs them, as `make bench-peers` does, and measures

The environments are in $BENCH_PEERS, else in .venv-peers. Whatever the peers would tell others about this is off.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TRACKERS = ("trackio", "mlflow", "wandb")
PEERS = (*TRACKERS, "dvc", "mlserver", "bentoml", "evidently", "nannyml", "alibi-detect")
WITH = {
    "mlflow": ["scikit-learn"],
    "mlserver": ["mlserver-sklearn", "uvloop<0.22"],
    "bentoml": ["scikit-learn"],
    "evidently": ["evidently==0.7.23", "pandas==2.3.3"],  # of the releases whose rules `drift_rules.py` has
    "nannyml": ["nannyml==0.13.1", "pandas==2.3.3", "statsmodels==0.15.0"],
    "alibi-detect": ["alibi-detect==0.13.0"],
}
PROBES = HERE / "peer_probes"
PROCESSES, EACH = 16, 500
QUERY_RUNS = 10_000
SILENT = {
    "WANDB_MODE": "offline",
    "WANDBSILENT": "true",
    "WANDB_ERROR_REPORTING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "TRACKIO_OFFLINE": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
_CALLS = {"trackio": 5_000, "mlflow": 2_000, "wandb": 5_000}
_TOLD = {  # what is measured, in words
    "log": "run.log of one metric, us",
    "start": "import and first run, ms",
    "lost": "points lost by kill -9, of those acknowledged",
    "together": "16 processes x 500 points, s",
    "query": "filter + sort, page of 50 of 10k runs, ms",
}


def bench_peers() -> dict[str, float]:
    """Each peer that is installed; their points are 1 ms apart where their process is killed."""
    found: dict[str, float] = {}
    for peer in TRACKERS:
        if not python_of(peer).exists():
            print(f"  {peer} is not installed: 'make bench-peers' does it")
            continue
        found |= {f"{peer}: {name}": value for name, value in _measure(peer).items()}
    return found


def install() -> None:
    """The newest release of each peer, in an environment of its own, unless it is there."""
    for peer in PEERS:
        if python_of(peer).exists():
            continue
        print(f"Installing {peer} into {python_of(peer).parent.parent} …", flush=True)
        venv.create(python_of(peer).parent.parent, with_pip=True)
        pip = [
            str(python_of(peer)),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            peer,
            *WITH.get(peer, []),
        ]
        subprocess.run(pip, check=True)


def python_of(peer: str) -> Path:
    """The Python of a peer's environment, whether it is there or not."""
    kept = Path(os.environ.get("BENCH_PEERS") or HERE.parent / ".venv-peers")
    return kept.absolute() / peer / "bin" / "python"


def _measure(peer: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place) / name for name in ("log", "start", "crash", "together", "query")]
        for folder in folders:
            folder.mkdir()
        log, start, crash, together, query = folders
        taken = sorted(_ask(peer, "log", log, "bench", _CALLS[peer]))
        starts = [_ask(peer, "start", start, "bench") for _ in range(4)][1:]
        imported, started = (statistics.median(column) for column in zip(*starts, strict=True))
        acknowledged, lost = _crash(peer, crash)
        found = {
            f"{_TOLD['log']}, median": taken[len(taken) // 2],
            f"{_TOLD['log']}, p99": taken[len(taken) * 99 // 100],
            "import alone, ms": imported,
            _TOLD["start"]: started,
            f"{_TOLD['lost']} {acknowledged}": lost,
            _TOLD["together"]: _together(peer, together),
        }
        if peer == "mlflow":
            found[_TOLD["query"]] = statistics.median(_ask(peer, "query", query, QUERY_RUNS))
    return found


def _crash(peer: str, folder: Path) -> tuple[int, int]:
    """How many calls had returned when the process was killed, and how many of their points are not stored."""
    shared = folder / "returned"
    shared.write_bytes(bytes(8))
    process = _start(peer, "crash", folder, "victim", shared)
    deadline = time.monotonic() + 60
    while not (returned := int.from_bytes(shared.read_bytes(), sys.byteorder)) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(1.0)
    process.kill()
    process.communicate()
    returned = int.from_bytes(shared.read_bytes(), sys.byteorder)
    return returned, max(0, returned - int(_ask(peer, "stored", folder)))


def _together(peer: str, folder: Path) -> float:
    """Seconds from the moment all have imported; MLflow has a store already, as without one most of them fail."""
    if peer == "mlflow":
        _ask(peer, "start", folder, "first")
    processes = [_start(peer, "together", folder, f"run-{number}", EACH) for number in range(PROCESSES)]
    for process in processes:
        assert process.stdout is not None
        while process.stdout.readline() != "ready\n":
            assert process.poll() is None, process.communicate()
    begin = time.monotonic()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ended: list[float] = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    stored = _ask(peer, "stored", folder)
    if stored != PROCESSES * EACH:
        print(f"  {peer}: {stored} of {PROCESSES * EACH} points are stored", file=sys.stderr)
    return max(ended) - begin


def _ask(peer: str, task: str, folder: Path, *arguments: object) -> Any:
    process = _start(peer, task, folder, *arguments)
    out, error = process.communicate(timeout=120)
    if process.returncode:
        raise RuntimeError(f"{peer}, {task}: {error[-2000:]}")
    return json.loads(out.splitlines()[-1])


def _start(peer: str, task: str, folder: Path, *arguments: object) -> "subprocess.Popen[str]":
    own = {"TRACKIO_DIR": str(folder / "trackio"), "HF_HOME": str(folder / "huggingface"), "HOME": str(folder)}
    command = [python_of(peer), PROBES / "drive.py", peer, task, folder, *arguments]
    return subprocess.Popen(
        list(map(str, command)), cwd=folder, env={**os.environ, **SILENT, **own}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


if __name__ == "__main__":
    install()
    for name, figure in bench_peers().items():
        print(f"{name:80}{figure:>14,.3f}")
