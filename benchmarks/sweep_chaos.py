"""`make chaos`, third part: a sweep with parallel trials, whose job is killed and resumed.

    python benchmarks/sweep_chaos.py [SEED]

The job gets SIGKILL at random moments, each time the sweep goes on. In the end no trial is lost and none has come to
its end twice, nothing is open that would keep CPUs, no process is left behind, and the store is whole.
"""

import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.processes import check_none_is_left, processes_in
from mlops_console.core.errors import JobError
from mlops_console.core.jobs import Job, JobState
from mlops_console.core.runs import RunStatus
from mlops_console.pipelines.sweep import trials_of
from mlops_console.store import jobs, runs, series, stages
from mlops_console.store.archive import integrity
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.worker import client

TRIALS = 30
PARALLEL = 3
KILLS = 2
SPAN = 12  # trials: so many may end from one kill to the next
LONGEST = 0.4  # seconds from the end of a trial to a kill: about as long as a trial takes
PATIENCE = 120.0  # seconds until a job must have ended

CONFIG = """
[project]
name = "chaos"
[worker]
slots = 3
cpus = 3
grace = "2s"
[pipelines.train]
params = "params.toml"
[pipelines.train.stages.prepare]
run = "sleep 0.05; cat raw > prepared"
deps = ["raw"]
outs = ["prepared"]
cpus = 1
[pipelines.train.stages.fit]
run = "python fit.py"
deps = ["fit.py", "prepared"]
params = ["fit"]
outs = ["model"]
cpus = 1
"""
FIT = """
import time
import mlops_console as mlops
x = mlops.params("fit")["x"]
with mlops.start_run() as run:
    for step in range(5):
        run.log({"loss": x * x + 1 / (step + 1)}, step=step)
        time.sleep(0.02)
open("model", "w").write(str(x))
"""
REQUEST = {
    "space": {"fit.x": "-10..10.0"},
    "metric": "loss",
    "goal": "minimize",
    "trials": TRIALS,
    "parallel": PARALLEL,
    "prune": False,
}


@dataclass
class Tally:
    """`at`: how many trials had come to their end at each kill."""

    at: list[int] = field(default_factory=list)
    runs: Counter[str] = field(default_factory=Counter)


def chaos(folder: Path, seed: int) -> Tally:
    """Raises `AssertionError` for what is not as it should be."""
    chance = random.Random(seed)
    for name, text in (("mlops.toml", CONFIG), ("params.toml", "[fit]\nx = 1.0\n"), ("raw", "1\n"), ("fit.py", FIT)):
        (folder / name).write_text(text)
    workspace = open_workspace(folder)
    tally = Tally()
    try:
        job_id = _queue(workspace, {**REQUEST, "seed": seed})
        for number in range(KILLS):
            _wait_for_trials(workspace, job_id, number * SPAN + chance.randrange(SPAN))
            time.sleep(chance.random() * LONGEST)
            killed = _kill(workspace, job_id)
            tally.at.append(sum(_succeeded(workspace, _sweep(killed)).values()))
            job_id = _queue(workspace, killed.request)
        job = client.wait(workspace, job_id, PATIENCE)
        assert job.state is JobState.SUCCEEDED, f"job {job.id} is {job.state}: {job.error}"
        _check(workspace, job, tally)
        client.stop_worker(workspace)
        check_none_is_left(folder)
        assert integrity(workspace) == "ok"
    finally:
        for process in processes_in(folder):
            process.kill()
    return tally


def _queue(workspace: Workspace, request: dict[str, object]) -> int:
    job_id = client.execute(workspace, "sweep", request).job_id
    assert job_id is not None
    return job_id


def _wait_for_trials(workspace: Workspace, job_id: int, count: int) -> None:
    """Until the job has begun, and so many trials have come to their end."""
    deadline = time.monotonic() + PATIENCE
    while (job := _job(workspace, job_id)).process is None or len(_succeeded(workspace, _sweep(job))) < count:
        assert not job.state.is_final, f"job {job_id} is {job.state} before {count} trials: {job.error}"
        assert time.monotonic() < deadline, f"job {job_id} has not ended {count} trials within {PATIENCE:.0f} s"
        time.sleep(0.01)


def _kill(workspace: Workspace, job_id: int) -> Job:
    """Kill a job; the job as it has ended."""
    job = _job(workspace, job_id)
    assert job.process is not None
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(job.process.pid).kill()
    job = client.wait(workspace, job_id, PATIENCE)
    assert job.state is JobState.LOST, f"job {job_id} was killed, and is {job.state}: {job.error}"
    return job


def _job(workspace: Workspace, job_id: int) -> Job:
    with workspace.store.read() as db:
        return jobs.get(db, job_id)


def _sweep(job: Job) -> str:
    return str(job.request["sweep"])


def _succeeded(workspace: Workspace, sweep: str) -> Counter[int]:
    """How often each trial has come to its end."""
    found = trials_of(workspace, sweep)
    return Counter(number for number, made in found.items() for run in made if run.status is RunStatus.SUCCEEDED)


def _check(workspace: Workspace, job: Job, tally: Tally) -> None:
    sweep = _sweep(job)
    ended = _succeeded(workspace, sweep)
    assert ended == dict.fromkeys(range(TRIALS), 1), f"trials came to their end so often: {dict(ended)}"
    made = [run for found in trials_of(workspace, sweep).values() for run in found]
    with workspace.store.read() as db:
        still = [run.name for run in runs.open_runs(db)]
        open_stages = [(run.name, s.stage) for run in made for s in stages.listing(db, run.id) if not s.status.is_final]
        taken = stages.taken(db)
        told = sorted(point.step for point in series.points(db, sweep, "trial/loss"))
    assert not still, f"runs {still} have no end"
    assert not open_stages, f"stages {open_stages} have no end"
    assert taken == (0, 0), f"{taken} is taken, and nothing runs"
    assert told == list(range(TRIALS)), f"the history tells of {told}"
    assert list((workspace.home / "trials").glob("*/*")) == [], "folders of trials are left"
    tally.runs.update(str(run.status) for run in made)


def main() -> None:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(10**6)
    print(f"a sweep of {TRIALS} trials, seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="mlops-chaos-")).resolve()
    begun = time.monotonic()
    try:
        tally = chaos(folder, seed)
    except (AssertionError, JobError) as error:
        sys.exit(f"{error}\nThe project is in {folder}.")
    shutil.rmtree(folder)
    ended = ", ".join(f"{count} {status}" for status, count in tally.runs.items())
    print(f"killed after {' and '.join(map(str, tally.at))} trials; runs of trials: {ended}")
    print(f"no trial lost, none twice, nothing open or left; {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
