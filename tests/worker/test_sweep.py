"""Sweeps: real trials by a real worker, killed and resumed, with no trial lost or doubled."""

import os
import signal
from collections import Counter
from typing import Any

import pytest

from mlops_console.core.errors import UsageError
from mlops_console.core.jobs import Job, JobState
from mlops_console.core.runs import RunStatus
from mlops_console.pipelines.sweep import trials_of
from mlops_console.store import jobs, runs, series
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.support import wait_for

CONFIG = """
[project]
name = "sweeps"
[pipelines.train]
params = "params.toml"
[pipelines.train.stages.prepare]
run = "echo x >> $MLOPS_WORKSPACE/prepared; echo 3 > data"
deps = ["raw"]
outs = ["data"]
[pipelines.train.stages.fit]
run = "python fit.py"
deps = ["fit.py", "data"]
params = ["fit"]
outs = ["out/model"]
"""
FIT = """
import os, time
import mlops_console as mlops
x = mlops.params("fit")["x"]
target = int(open("data").read())
with mlops.start_run() as run:
    for step in range(5):
        run.log({"loss": (x - target) ** 2 + 1 / (step + 1)}, step=step)
        time.sleep(0.01)
os.makedirs("out", exist_ok=True)
open("out/model", "w").write(str(x))
"""


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    for name, text in (("mlops.toml", CONFIG), ("params.toml", "[fit]\nx = 1.0\n"), ("raw", ""), ("fit.py", FIT)):
        (workspace.root / name).write_text(text)
    return workspace


def sweep(workspace: Workspace, **request: Any) -> int:
    wanted = {"space": {"fit.x": "-10..10.0"}, "metric": "loss", "goal": "minimize", "seed": 1, **request}
    job_id = client.execute(workspace, "sweep", wanted).job_id
    assert job_id is not None
    return job_id


def ended(workspace: Workspace, job_id: int) -> Job:
    return client.wait(workspace, job_id, timeout=60)


def succeeded(workspace: Workspace, sweep_id: str) -> Counter[int]:
    """How often each trial has come to its end."""
    found = trials_of(workspace, sweep_id)
    return Counter(n for n, made in found.items() for run in made if run.status is RunStatus.SUCCEEDED)


def test_the_best_of_the_trials_is_found(project: Workspace) -> None:
    job = ended(project, sweep(project, trials=8, parallel=2, prune=False))
    assert job.state is JobState.SUCCEEDED, job.error
    found = trials_of(project, job.result["run"])
    assert succeeded(project, job.result["run"]) == dict.fromkeys(range(8), 1)
    made = [run for every in found.values() for run in every]
    best = min(made, key=lambda run: run.metrics["loss"].last)
    assert (job.result["best"], job.result["value"]) == (best.id, best.metrics["loss"].last)
    with project.store.read() as db:
        parent = runs.get(db, job.result["run"])
        assert len(series.points(db, parent.id, "trial/loss")) == 8
        assert min(point.value for point in series.points(db, parent.id, "best/loss")) == job.result["value"]
    assert parent.tags["best"] == best.id
    assert (project.root / "prepared").read_text() == "x\n", "the trials share what is the same"
    assert not (project.root / "out").exists()
    assert list((project.home / "trials").glob("*/*")) == []
    # the winner is made in the project at once
    again = client.execute(project, "train", {"params": {"fit.x": best.params["fit.x"]}}).job_id
    assert again is not None
    assert ended(project, again).state is JobState.SUCCEEDED
    assert (project.root / "out/model").read_text() == str(best.params["fit.x"])


def test_a_sweep_that_is_killed_twice_goes_on(project: Workspace) -> None:
    (project.root / "fit.py").write_text(FIT.replace("0.01", "0.05"))
    job_id = sweep(project, trials=10, parallel=2, prune=False)
    with project.store.read() as db:
        sweep_id = str(jobs.get(db, job_id).request["sweep"])
    for kills in (2, 5):
        wait_for(lambda kills=kills: len(succeeded(project, sweep_id)) >= kills, timeout=40)  # type: ignore[misc]
        with project.store.read() as db:
            process = jobs.get(db, job_id).process
        assert process is not None
        os.killpg(process.pid, signal.SIGKILL)
        assert ended(project, job_id).state is JobState.LOST
        with project.store.read() as db:
            request = jobs.get(db, job_id).request
        again = client.execute(project, "sweep", request).job_id
        assert again is not None
        job_id = again
    job = ended(project, job_id)
    assert job.state is JobState.SUCCEEDED, job.error
    assert job.result["run"] == sweep_id
    assert succeeded(project, sweep_id) == dict.fromkeys(range(10), 1)
    with project.store.read() as db:
        assert not runs.open_runs(db)
        assert sorted(point.step for point in series.points(db, sweep_id, "trial/loss")) == list(range(10))


def test_a_sweep_that_is_stopped_stops_its_trials(project: Workspace) -> None:
    (project.root / "fit.py").write_text("import pathlib, time\npathlib.Path('out').mkdir()\ntime.sleep(60)\n")
    job_id = sweep(project, trials=4, parallel=2)
    wait_for(lambda: len(list((project.home / "trials").glob("*/*/out"))) == 2, timeout=30)
    client.execute(project, "stop_job", {"job": job_id})
    job = ended(project, job_id)
    assert job.state is JobState.STOPPED
    statuses = [run.status for made in trials_of(project, job.request["sweep"]).values() for run in made]
    assert statuses == [RunStatus.STOPPED] * 2
    assert list((project.home / "trials").glob("*/*")) == []


def test_poor_trials_are_ended_early(project: Workspace) -> None:
    later = (
        "with open(os.environ['MLOPS_WORKSPACE'] + '/tried', 'a+') as file:\n"
        "    file.write('x')\n"
        "    file.seek(0)\n"
        "    slow = len(file.read()) > 5 and abs(x - 3) > 7\n"
    )
    slow = FIT.replace("with mlops", later + "with mlops").replace("range(5)", "range(60)")
    (project.root / "fit.py").write_text(slow.replace("sleep(0.01)", "sleep(0.5 if slow else 0)"))
    job = ended(project, sweep(project, trials=12, sampler="random", seed=5))
    assert job.state is JobState.SUCCEEDED, job.error
    made = [run for every in trials_of(project, job.result["run"]).values() for run in every]
    pruned = [run for run in made if run.tags.get("pruned")]
    assert pruned
    assert all(run.status is RunStatus.STOPPED and run.metrics["loss"].count < 60 for run in pruned)


def test_trials_that_all_fail_end_the_sweep(project: Workspace) -> None:
    (project.root / "fit.py").write_text("raise SystemExit('no rows')")
    job = ended(project, sweep(project, trials=50))
    assert job.state is JobState.FAILED
    assert "None of the 5 trials of sweep" in str(job.error)
    (project.root / "fit.py").write_text("import os; os.makedirs('out'); open('out/model', 'w')")
    job = ended(project, sweep(project, trials=50))
    failed = [run for made in trials_of(project, job.request["sweep"]).values() for run in made]
    assert failed[0].error == "It has not logged loss, by which the trials are judged."


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"space": {"fit.y": "1..2"}}, "There is no param 'fit.y'"),
        ({"space": {"fit.x": "a,b"}}, "is a number"),
        ({"space": {"fit.x": "5..1"}}, "which holds nothing"),
        ({"metric": None}, "not said by which metric"),
        ({"params": {"fit.x": 2.0}}, "the same in all trials, and to be tried"),
        ({"sampler": "grid"}, "A grid needs steps"),
        ({"sampler": "guess"}, "sampler is 'guess'"),
        ({"trials": 0}, "trials is 0"),
        ({"pipeline": "trian"}, "did you mean 'train'"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_queued(
    project: Workspace, request_: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        sweep(project, **request_)
    with project.store.read() as db:
        assert jobs.listing(db) == []


def test_the_plan_says_what_is_tried(project: Workspace) -> None:
    from mlops_console import actions

    plan = actions.plan(
        project, "sweep", {"space": {"fit.x": "0..4"}, "metric": "loss", "sampler": "grid", "parallel": 3}
    )
    assert plan.title == "Sweep pipeline train: 5 trials, 3 at once"
    assert [(change.what, change.before, change.after) for change in plan.changes] == [("fit.x", "1.0", "0..4")]
    assert plan.command.startswith("mlops-console sweep train --param fit.x=0..4 --parallel 3 --metric loss")
