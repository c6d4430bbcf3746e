"""Sweeps: real trials by a real worker, killed and resumed, with no trial lost or doubled."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from mlops_console import actions
from mlops_console.core.errors import UsageError
from mlops_console.core.jobs import Job, JobState
from mlops_console.core.runs import RunStatus
from mlops_console.core.search_space import Range
from mlops_console.pipelines.study import Study
from mlops_console.pipelines.sweep import trials_of
from mlops_console.store import jobs, runs, series
from mlops_console.store.identity import current_process
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
def project(workspace: Workspace) -> Iterator[Workspace]:
    for name, text in (("mlops.toml", CONFIG), ("params.toml", "[fit]\nx = 1.0\n"), ("raw", ""), ("fit.py", FIT)):
        (workspace.root / name).write_text(text)
    yield workspace
    client.stop_worker(workspace)


def asked(**request: Any) -> dict[str, Any]:
    return {"space": {"fit.x": "-10..10.0"}, "metric": "loss", "goal": "minimize", "seed": 1, **request}


def sweep(workspace: Workspace, **request: Any) -> int:
    wanted = asked(**request)
    job_id = client.execute(workspace, "sweep", wanted).job_id
    assert job_id is not None
    return job_id


def request_of(workspace: Workspace, job_id: int) -> dict[str, Any]:
    with workspace.store.read() as db:
        return dict(jobs.get(db, job_id).request)


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


def test_a_trial_that_a_person_stops_ends_alone(project: Workspace) -> None:
    stuck = FIT.replace(
        "with mlops", "if not os.path.exists(STUCK): open(STUCK, 'w').close(); time.sleep(60)\nwith mlops"
    )
    (project.root / "fit.py").write_text(stuck.replace("STUCK", "os.environ['MLOPS_WORKSPACE'] + '/stuck'"))
    job_id = sweep(project, trials=4)
    wait_for((project.root / "stuck").exists, timeout=30)
    with project.store.read() as db:
        [trial] = [run for run in runs.open_runs(db) if "trial" in run.tags]
        parent = runs.of_job(db, job_id)
    assert parent is not None
    plan = actions.plan(project, "stop_run", {"run": trial.id})
    assert plan.notes == (
        f"How: sweep {parent.name} ends this trial and goes on; 'mlops-console job cancel {job_id}' stops all of it.",
    )
    client.execute(project, "stop_run", {"run": trial.id})
    job = ended(project, job_id)
    assert (job.state, job.result["trials"]) == (JobState.SUCCEEDED, 4), job.error
    made = trials_of(project, parent.id)
    assert [run.status for run in made[0]] == [RunStatus.STOPPED]
    assert "pruned" not in made[0][0].tags
    assert succeeded(project, parent.id) == dict.fromkeys(range(1, 4), 1)


def test_a_run_that_somebody_has_tagged_as_a_trial_is_stopped_by_its_process(project: Workspace) -> None:
    with project.store.write() as tx:
        job_id = jobs.enqueue(tx, "sweep", "train", {}, "ann")
        parent = runs.create(tx, name="sweep", experiment="e", job_id=job_id)
        other = runs.create(tx, name="own", experiment="e", process=current_process())
        runs.set_tags(tx, other, {"sweep_of": parent, "trial": "first"})
    assert actions.plan(project, "stop_run", {"run": other}).notes == ("How: its process gets SIGTERM.",)
    assert trials_of(project, parent) == {}


def test_what_a_killed_sweep_has_not_told_is_told_when_it_goes_on(project: Workspace) -> None:
    """Trial 1 has come to its end without a number, 2 was stopped by a person, 3 has to run again."""
    sweep_id = ended(project, sweep(project, trials=1, prune=False)).result["run"]
    study = Study(
        project.home / "sweeps" / f"{sweep_id}.journal",
        {"fit.x": Range(-10.0, 10.0, whole=False)},
        "minimize",
        "tpe",
        False,
        1,
    )
    for number in (1, 2, 3):
        assert study.ask() is not None
        with project.store.write() as tx:
            run_id = runs.create(tx, name=f"t{number}", experiment="e")
            runs.set_tags(tx, run_id, {"sweep_of": sweep_id, "trial": str(number)})
            if number == 1:
                series.ingest(tx, run_id, [("loss", 0, float("nan"), 1.0)])
                runs.finish(tx, run_id, RunStatus.SUCCEEDED)
            if number == 2:
                runs.request_stop(tx, run_id)
    job = ended(project, sweep(project, trials=4, prune=False, sweep=sweep_id))
    assert job.state is JobState.SUCCEEDED, job.error
    made = trials_of(project, sweep_id)
    assert [[str(run.status) for run in made[number]] for number in range(4)] == [
        ["succeeded"],
        ["succeeded"],
        ["lost"],
        ["succeeded", "lost"],
    ]
    assert made[1][0].error == "It has logged no number as the last value of loss, by which the trials are judged."
    with project.store.read() as db:
        assert [point.step for point in series.points(db, sweep_id, "trial/loss")] == [0, 3]


def test_the_best_trial_that_is_still_there_is_named(project: Workspace) -> None:
    waiting = "while x != 3 and not os.path.exists(os.environ['MLOPS_WORKSPACE'] + '/go'): time.sleep(0.01)\n"
    (project.root / "fit.py").write_text(FIT.replace("with mlops", waiting + "with mlops"))
    job_id = sweep(project, trials=3, parallel=3, space={"fit.x": "3,4,5"}, sampler="grid")
    with project.store.read() as db:
        sweep_id = str(jobs.get(db, job_id).request["sweep"])
    wait_for(lambda: succeeded(project, sweep_id), timeout=30)
    best = next(run for made in trials_of(project, sweep_id).values() for run in made if run.params["fit.x"] == 3)
    client.execute(project, "delete_runs", {"runs": [best.id]})
    (project.root / "go").touch()
    job = ended(project, job_id)
    assert job.state is JobState.SUCCEEDED, job.error
    with project.store.read() as db:
        assert runs.get(db, job.result["best"]).params["fit.x"] == 4
    assert job.result["value"] == pytest.approx(1.2)


def queued(workspace: Workspace, request: dict[str, Any]) -> tuple[int, bool]:
    """As `client.execute`, without a worker."""
    with workspace.store.write() as tx:
        return actions.queue(tx, workspace, "sweep", request, "train", "ann", jobs.NOW)


def test_a_sweep_that_is_asked_for_twice_is_one(project: Workspace) -> None:
    first, second = (asked(**actions.plan(project, "sweep", asked()).settles) for _ in range(2))
    job_id, again = queued(project, first)
    assert not again
    assert queued(project, second) == (job_id, True)
    other = asked(trials=7)
    assert queued(project, {**other, **actions.plan(project, "sweep", other).settles}) == (job_id + 1, False)
    with project.store.read() as db:
        assert len(runs.open_runs(db)) == len(jobs.listing(db)) == 2


def test_a_sweep_that_has_not_ended_can_not_go_on(project: Workspace) -> None:
    request = asked(**actions.plan(project, "sweep", asked()).settles)
    job_id, _ = queued(project, request)
    with project.store.write() as tx:
        jobs.claim(tx, job_id)
        runs.start(tx, request["sweep"], current_process())
    with pytest.raises(UsageError, match=f"still runs, as job {job_id}"):
        queued(project, {**request, "trials": 30})
    with project.store.write() as tx:
        jobs.request_stop(tx, job_id)
    with pytest.raises(UsageError, match="is still stopping") as caught:
        queued(project, request)
    assert caught.value.hint == "Resume it once it has ended."
    with project.store.write() as tx:
        jobs.finish(tx, job_id, JobState.STOPPED)
        runs.finish(tx, request["sweep"], RunStatus.STOPPED)
    assert queued(project, request) == (job_id + 1, False)


def test_a_purge_takes_what_its_sweep_has_left(project: Workspace) -> None:
    with project.store.write() as tx:
        ids = [runs.create(tx, name=name, experiment="e") for name in ("gone", "stays")]
        for run_id in ids:
            runs.finish(tx, run_id, RunStatus.LOST)
    kept = [
        project.home / name.format(id) for id in ids for name in ("trials/{}/t", "sweeps/{}.journal", "sweeps/{}.lock")
    ]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    client.execute(project, "delete_runs", {"runs": ids[:1]})
    client.execute(project, "purge_runs", {})
    assert [path.exists() for path in kept] == [False] * 3 + [True] * 3
    assert not (project.home / "trials" / ids[0]).exists()


def test_poor_trials_are_ended_early(project: Workspace) -> None:
    later = (
        "with open(os.environ['MLOPS_WORKSPACE'] + '/tried', 'a+') as file:\n"
        "    file.write('x')\n"
        "    file.seek(0)\n"
        "    slow = len(file.read()) > 5 and abs(x - 3) > 7\n"
    )
    slow = FIT.replace("with mlops", later + "with mlops").replace("range(5)", "range(60)")
    (project.root / "fit.py").write_text(slow.replace("sleep(0.01)", "sleep(0.5 if slow else 0)"))
    job = ended(project, sweep(project, trials=20, sampler="random", seed=5))
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
    plan = actions.plan(
        project, "sweep", {"space": {"fit.x": "0..4"}, "metric": "loss", "sampler": "grid", "parallel": 3}
    )
    assert plan.title == "Sweep pipeline train: 5 trials, 3 at once"
    assert [(change.what, change.before, change.after) for change in plan.changes] == [("fit.x", "1.0", "0..4")]
    assert plan.command.startswith("mlops-console sweep train --param fit.x=0..4 --parallel 3 --metric loss")


def test_going_on_with_a_sweep_is_said_and_refused_where_all_is_done(project: Workspace) -> None:
    (project.root / "fit.py").write_text(FIT.replace("0.01", "0.05"))
    job_id = sweep(project, trials=4, prune=False)
    wait_for(lambda: succeeded(project, str(request_of(project, job_id)["sweep"])), timeout=40)
    client.execute(project, "stop_job", {"job": job_id})
    assert ended(project, job_id).state is JobState.STOPPED
    request = request_of(project, job_id)
    with project.store.read() as db:
        name = runs.get(db, str(request["sweep"])).name
    plan = actions.plan(project, "sweep", request)
    assert plan.title == f"Go on with sweep {name}: 4 trials"
    assert plan.command == f"mlops-console sweep --resume {name}"
    assert f"{len(succeeded(project, str(request['sweep'])))} of them are done." in plan.notes
    job = ended(project, client.execute(project, "sweep", request).job_id or 0)
    assert job.state is JobState.SUCCEEDED, job.error
    with pytest.raises(UsageError, match=f"All 4 trials of sweep {name} are done"):
        client.execute(project, "sweep", request)
    more = ended(project, client.execute(project, "sweep", {**request, "trials": 6}).job_id or 0)
    assert more.state is JobState.SUCCEEDED, more.error
    assert succeeded(project, str(request["sweep"])) == dict.fromkeys(range(6), 1)
