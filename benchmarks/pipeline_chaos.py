"""`make chaos`, second part: a pipeline with parallel stages, while worker, job, stage or waiting command are killed.

    python benchmarks/pipeline_chaos.py [ROUNDS] [SEED]

Each round changes the input, trains, and kills something by SIGKILL at a random moment; then it trains until the run
succeeds. Whatever was killed: every job and run has a true end, the outs are right, no stage that succeeded has
run again, no process is left behind, and the store is whole.
"""

import random
import shutil
import subprocess
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
from mlops_console.store import jobs, runs, stages
from mlops_console.store.archive import integrity
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.worker import client

ROUNDS = 100
VICTIMS = ("worker", "job", "stage", "command", "worker and job")
LONGEST = 0.6  # seconds until the kill: a round takes about as long
PATIENCE = 60.0  # seconds until a job must have ended
ATTEMPTS = 5

CONFIG = """
[project]
name = "chaos"
[worker]
slots = 3
grace = "2s"
[pipelines.train.stages.prepare]
run = "sleep 0.05; cat raw > prepared"
deps = ["raw"]
outs = ["prepared"]
[pipelines.train.stages.fit]
run = "mkdir -p fits/${part}; sleep 0.1; cat prepared > fits/${part}/model; echo ${part} >> fits/${part}/model"
deps = ["prepared"]
outs = ["fits/${part}"]
matrix = { part = [1, 2, 3, 4] }
[pipelines.train.stages.report]
run = "sleep 0.05; cat fits/*/model > report"
deps = ["fits"]
outs = ["report"]
"""


@dataclass
class Tally:
    killed: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    cached: int = 0
    ran: int = 0


def chaos(folder: Path, rounds: int, seed: int) -> Tally:
    """Raises `AssertionError` for what is not as it should be."""
    chance = random.Random(seed)
    (folder / "mlops.toml").write_text(CONFIG)
    (folder / "raw").write_text("first\n")
    workspace = open_workspace(folder)
    tally = Tally()
    try:
        for number in range(rounds):
            _round(workspace, f"{seed}-{number}", chance, tally)
        client.stop_worker(workspace)
        check_none_is_left(folder)
        assert integrity(workspace) == "ok"
    finally:
        for process in processes_in(folder):
            process.kill()
    return tally


def _round(workspace: Workspace, text: str, chance: random.Random, tally: Tally) -> None:
    (workspace.root / "raw").write_text(f"{text}\n")
    first = _last_job(workspace) + 1
    command = subprocess.Popen(
        [sys.executable, "-m", "mlops_console", "train", "--wait"],
        cwd=workspace.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while _last_job(workspace) < first and command.poll() is None:
        time.sleep(0.005)
    time.sleep(chance.random() * LONGEST)
    victim = chance.choice(VICTIMS)
    _kill(workspace, victim, first, command)
    tally.killed[victim] += 1
    job = client.wait(workspace, first, PATIENCE)
    for _ in range(ATTEMPTS):
        assert job.state.is_final, f"job {job.id} is {job.state} after {PATIENCE:.0f} s"
        _check(workspace, job)
        tally.ended[job.state] += 1
        if job.state is JobState.SUCCEEDED:
            break
        again = client.execute(workspace, "train", {}).job_id
        assert again is not None
        job = client.wait(workspace, again, PATIENCE)
    command.wait(PATIENCE)
    assert job.state is JobState.SUCCEEDED, f"{ATTEMPTS} attempts failed: {job.error}"
    _check_outs(workspace, text)
    _count_stages(workspace, first, tally)


def _kill(workspace: Workspace, victim: str, job_id: int, command: "subprocess.Popen[bytes]") -> None:
    with workspace.store.read() as db:
        worker, job = jobs.worker(db), jobs.get(db, job_id)
    wanted = []
    if "worker" in victim and worker is not None:
        wanted.append(worker.process.pid)
    if "job" in victim and job.process is not None and not job.state.is_final:
        wanted.append(job.process.pid)
    if victim == "stage" and job.process is not None and not job.state.is_final:
        try:
            wanted += [child.pid for child in psutil.Process(job.process.pid).children(recursive=True)[:1]]
        except psutil.NoSuchProcess:
            return
    if victim == "command":
        wanted.append(command.pid)
    for pid in wanted:
        try:
            psutil.Process(pid).kill()
        except psutil.NoSuchProcess:
            continue


def _last_job(workspace: Workspace) -> int:
    with workspace.store.read() as db:
        found = jobs.listing(db, 1)
    return found[0].id if found else 0


def _check(workspace: Workspace, job: Job) -> None:
    """The run ended as its job did, and none of its stages is open."""
    with workspace.store.read() as db:
        run = runs.of_job(db, job.id)
        assert run is not None, f"job {job.id} has no run"
        open_stages = [stage.stage for stage in stages.listing(db, run.id) if not stage.status.is_final]
    assert run.status.value == job.state.value, f"job {job.id} is {job.state}, its run {run.status}"
    assert not open_stages, f"stages {open_stages} of job {job.id}, which is {job.state}, have no end"


def _check_outs(workspace: Workspace, text: str) -> None:
    report = (workspace.root / "report").read_text()
    expected = "".join(f"{text}\n{part}\n" for part in (1, 2, 3, 4))
    assert report == expected, f"the report is {report!r}, and should be {expected!r}"


def _count_stages(workspace: Workspace, first: int, tally: Tally) -> None:
    """Each stage has succeeded once by running; all other times it came from the cache."""
    made: Counter[str] = Counter()
    for job_id in range(first, _last_job(workspace) + 1):
        with workspace.store.read() as db:
            run = runs.of_job(db, job_id)
            found = stages.listing(db, run.id) if run else []
        for stage in found:
            if stage.status is RunStatus.SUCCEEDED and stage.cached_from is None:
                made[stage.stage] += 1
            tally.cached += stage.cached_from is not None
    tally.ran += sum(made.values())
    assert set(made.values()) == {1}, f"stages ran again: {made}"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)
    print(f"{rounds} rounds, seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="mlops-chaos-")).resolve()
    begun = time.monotonic()
    try:
        tally = chaos(folder, rounds, seed)
    except (AssertionError, JobError) as error:
        sys.exit(f"{error}\nThe project is in {folder}.")
    shutil.rmtree(folder)
    killed = ", ".join(f"{count} × {victim}" for victim, count in tally.killed.items())
    ended = ", ".join(f"{count} {state}" for state, count in tally.ended.items())
    print(f"killed: {killed}\nended: {ended}\nstages: {tally.ran} ran, {tally.cached} cached")
    print(f"no stage ran twice, no process left, the store is whole; {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
