"""Stages on a real Dask cluster that shares no folder with the project."""

import os
import shutil
import signal
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from mlops_console.core.config import ExecutorConfig
from mlops_console.core.errors import UsageError
from mlops_console.core.jobs import JobState
from mlops_console.core.models import ModelRef
from mlops_console.core.runs import RunStatus
from mlops_console.remote.cluster import connected, jobqueue_cluster
from mlops_console.store import artifacts, datasets, models, series, stages
from mlops_console.store.workspace import Workspace
from tests.remote.cluster import DaskCluster
from tests.remote.project import Project
from tests.support import free_port, wait_for

THREE = """
[pipelines.train]
params = "params.toml"
[pipelines.train.stages.prepare]
run = "python prepare.py"
deps = ["prepare.py", "data"]
outs = ["build/rows.csv"]
[pipelines.train.stages.fit]
run = "python fit.py && pwd"
deps = ["fit.py", "build/rows.csv"]
params = ["fit"]
outs = ["build/model"]
[pipelines.train.stages.report]
run = "cat build/model/coef.txt | tee report.txt"
deps = ["build/model"]
outs = ["report.txt"]
"""
PREPARE = """
import pandas as pd, mlops_console as mlops
rows = pd.concat([pd.read_csv("data/a.csv"), pd.read_csv("data/b.csv")])
with mlops.start_run() as run:
    run.log_dataset("train", rows[["x"]])
rows.to_csv("build/rows.csv", index=False)
"""
FIT = """
import pathlib, pandas as pd, mlops_console as mlops
from sklearn.linear_model import LinearRegression
rows = pd.read_csv("build/rows.csv")
with mlops.start_run(tags={"team": "risk"}) as run:
    print("fitting", run.name, mlops.params("fit"))
    model = LinearRegression().fit(rows[["x"]], rows["y"])
    for step in range(3000):
        run.log({"loss": 1 / (step + 1)})
    run.log({"loss": 7.0}, step=5)
    run.log_params({"rows": len(rows)})
    pathlib.Path("note.txt").write_text("a note")
    run.log_artifact("note.txt")
    run.log_model(model, "line")
folder = pathlib.Path("build/model")
folder.mkdir()
folder.joinpath("coef.txt").write_text(f"{model.coef_[0]:.3f}\\n")
tool = folder / "tool"
tool.write_text("#!/bin/sh\\n")
tool.chmod(0o755)
"""


@pytest.fixture
def three(project: Project) -> Project:
    """A project with a pipeline of three stages."""
    project.write(THREE, prepare=PREPARE, fit=FIT)
    (project.root / "params.toml").write_text("[fit]\nlr = 0.5\n")
    (project.root / "data").mkdir()
    for name in ("a", "b"):
        (project.root / f"data/{name}.csv").write_text("x,y\n" + "".join(f"{x},{2 * x}\n" for x in range(20)))
    return project


def test_a_pipeline_runs_on_the_cluster_and_all_of_it_is_home(three: Project, cluster: DaskCluster) -> None:
    job, run = three.train()
    assert (job.state, job.error, run.status) == (JobState.SUCCEEDED, None, RunStatus.SUCCEEDED)
    assert [(row.stage, row.status, row.exit_code) for row in three.stages(job.id)] == [
        ("prepare", RunStatus.SUCCEEDED, 0), ("fit", RunStatus.SUCCEEDED, 0), ("report", RunStatus.SUCCEEDED, 0),
    ]  # fmt: skip
    log = three.log(job.id, "fit")
    assert f"fitting {run.name} {{'lr': 0.5}}" in log
    assert str(cluster.folder) in log.splitlines()[-1]
    assert (run.params, run.tags) == ({"fit.lr": 0.5, "rows": 40}, {"pipeline": "train", "team": "risk"})
    assert (run.metrics["loss"].count, run.metrics["loss"].max, run.metrics["loss"].last_step) == (3000, 7.0, 2999)
    assert "scikit-learn" in run.provenance.packages
    with three.workspace.store.read() as db:
        points = series.points(db, run.id, "loss")
        note = artifacts.get(db, run.id, "note.txt")
        version = models.get(db, ModelRef("line", 1))
        inputs = datasets.run_inputs(db, run.id)
    assert [point.value for point in points] == [7.0 if step == 5 else 1 / (step + 1) for step in range(3000)]
    assert three.workspace.objects.read_checked(note.sha256) == b"a note"
    assert (version.run_id, version.estimator, version.size > 0) == (run.id, "LinearRegression", True)
    three.workspace.objects.check(version.sha256)
    assert version.reference is not None
    assert [(entry.role, entry.version.ref, entry.logged) for entry in inputs] == [("train", "train:1", True)]
    assert (three.root / "report.txt").read_text() == "2.000\n"
    assert os.access(three.root / "build/model/tool", os.X_OK)
    assert not list(cluster.folder.glob("*/scratch/**/mlops-*"))

    again, second = three.train()
    assert [row.cached_from for row in three.stages(again.id)] == [run.id] * 3
    assert (second.params, second.tags, second.metrics["loss"].count) == (run.params, run.tags, 3000)


ODD = """
[pipelines.train.stages.fit]
run = "mkdir -p out/.git out/empty; cp raw out/.git/head; (trap '' TERM; sleep 79) & exit 0"
deps = ["raw"]
outs = ["out"]
"""


def test_an_out_comes_home_whole_and_nothing_stays_there(project: Project) -> None:
    project.write(ODD)
    (project.root / "raw").write_text(os.urandom(8).hex())
    for _ in range(2):
        job, _ = project.train()
        assert (job.state, job.error) == (JobState.SUCCEEDED, None)
        found = {str(path.relative_to(project.root)) for path in (project.root / "out").rglob("*")}
        assert found == {"out/.git", "out/.git/head", "out/empty"}
        shutil.rmtree(project.root / "out")
    assert project.stages(job.id)[0].cached_from is not None
    assert not any("79" in process.info["cmdline"] for process in psutil.process_iter(["cmdline"], ad_value=()))


TWO_DEPS = """
[pipelines.train.stages.fit]
run = "cat one two > both"
deps = ["one", "two"]
outs = ["both"]
cpus = 2
memory = "1 GB"
"""


def test_only_what_is_not_there_travels(project: Project) -> None:
    """Worker a is the one that has cpus to give."""
    project.write(TWO_DEPS)
    mark = os.urandom(8).hex()  # the caches of the workers know what other tests have sent
    (project.root / "one").write_text(f"{mark} one\n" * 100_000)
    (project.root / "two").write_text(f"{mark} two\n")
    job, _ = project.train()
    assert "2 of 2 files sent, 2.1 MB" in project.log(job.id, "fit")
    (project.root / "two").write_text(f"{mark} 2\n")
    again, _ = project.train()
    assert again.state is JobState.SUCCEEDED
    assert "1 of 2 files sent, 19 B" in project.log(again.id, "fit")
    assert (project.root / "both").read_text().endswith(f"{mark} one\n{mark} 2\n")


SLOW = """
import pathlib, sys, time, subprocess, mlops_console as mlops
run = mlops.start_run(tags={"began": "yes"})
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print("pids", __import__("os").getpid(), child.pid)
step = 0
while pathlib.Path("go").read_text() == "wait" and not pathlib.Path(sys.argv[1]).exists():
    run.log({"loss": float(step)})
    step += 1
    time.sleep(0.02)
child.kill()
from sklearn.linear_model import LinearRegression
run.log_model(LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]), "line", input_example=[{"x": 1.0}])
pathlib.Path("out").write_text("made")
"""


def slow(project: Project, go: Path) -> None:
    project.write(
        f"""
[pipelines.train.stages.fit]
run = "python fit.py {go}"
deps = ["fit.py", "go"]
outs = ["out"]
""",
        fit=SLOW,
    )
    (project.root / "go").write_text("wait")


def pids(log: str) -> list[int]:
    """The processes of the newest attempt."""
    return [int(pid) for pid in log[log.rindex("pids ") :].split()[1:3]]


def until_gone(found: list[int]) -> None:
    wait_for(lambda: not any(is_alive(pid) for pid in found), 20, f"the end of the processes {found}")


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def worker_of(cluster: DaskCluster, pid: int) -> str:
    """The worker below which a process runs."""
    above = {parent.pid for parent in psutil.Process(pid).parents()}
    return next(name for name, worker in cluster.workers.items() if worker.pid in above)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_is_seen_while_it_runs_and_goes_on_elsewhere_when_its_worker_is_ended(
    project: Project, cluster: DaskCluster, tmp_path: Path, number: signal.Signals
) -> None:
    slow(project, tmp_path / "go-on")
    job_id, process = project.start()
    first = pids(project.until_logged(job_id, "pids "))
    wait_for(lambda: "loss" in project.run(job_id).metrics, what="points at home")
    seen = project.run(job_id).metrics["loss"].count
    wait_for(lambda: project.run(job_id).metrics["loss"].count > seen, what="more points")
    assert (project.run(job_id).status, project.run(job_id).tags["began"]) == (RunStatus.RUNNING, "yes")
    cluster.kill(worker_of(cluster, first[0]), number)
    until_gone(first)
    log = project.until_logged(job_id, "was lost; the stage begins again on tcp://")
    assert log.count("pids ") >= 1
    wait_for(lambda: project.log(job_id, "fit").count("pids ") == 2, 20, "the second attempt")
    (tmp_path / "go-on").touch()
    process.wait(30)
    assert (project.job(job_id).state, project.job(job_id).error) == (JobState.SUCCEEDED, None), project.log(
        job_id, "fit"
    )
    assert (project.root / "out").read_text() == "made"
    with project.workspace.store.read() as db:
        assert [version.ref for version in models.versions(db)] == ["line:1"]
        assert [row.status for row in stages.listing(db, project.run(job_id).id)] == [RunStatus.SUCCEEDED]
        points = series.points(db, project.run(job_id).id, "loss")
    assert [point.step for point in points] == list(range(len(points)))
    until_gone(pids(project.log(job_id, "fit")))


def test_cancelling_ends_the_remote_processes(project: Project, tmp_path: Path) -> None:
    slow(project, tmp_path / "never")
    job_id, process = project.start()
    found = pids(project.until_logged(job_id, "pids "))
    process.terminate()
    process.wait(30)
    until_gone(found)
    assert (project.job(job_id).state, project.run(job_id).status) == (JobState.STOPPED, RunStatus.STOPPED)


def test_a_home_that_is_killed_leaves_no_process(project: Project, tmp_path: Path) -> None:
    slow(project, tmp_path / "never")
    job_id, process = project.start()
    found = pids(project.until_logged(job_id, "pids "))
    process.kill()
    process.wait()
    until_gone(found)


def test_a_stage_that_fails_tells_that_only_deps_travel(project: Project) -> None:
    project.write("[pipelines.train.stages.fit]\nrun = 'cat rows'")
    (project.root / "rows").write_text("1")
    job, run = project.train()
    assert job.error is not None
    assert job.error.startswith("stage 'fit' failed with exit code 1: cat: rows: No such file or directory. The log is")
    assert job.error.endswith("Only the deps of a stage travel to a Dask worker: add what is missing to them.")
    assert run.status is RunStatus.FAILED


def test_an_error_that_a_script_raises_and_a_timeout_are_told_as_here(project: Project) -> None:
    script = "import mlops_console as mlops\nwith mlops.start_run() as run:\n    run.log({'x': 1})\n"
    script += "    raise ValueError('0 rows')\n"
    project.write(
        "[pipelines.train.stages.fit]\nrun = 'python fit.py'\ndeps = ['fit.py']\n"
        "[pipelines.train.stages.nap]\nrun = 'sleep 60'\ntimeout = '500ms'",
        fit=script,
    )
    job_id, process = project.start(keep_going=True)
    process.wait(30)
    error = project.job(job_id).error
    assert error is not None
    assert "stage 'fit' failed with exit code 1: ValueError: 0 rows" in error
    assert "stage 'nap' took longer than its timeout of 500ms and was ended" in error
    assert project.run(job_id).metrics["x"].count == 1


def test_a_scheduler_that_does_not_answer_fails_the_job_in_one_sentence(workspace: Workspace) -> None:
    project = Project(workspace, f"tcp://127.0.0.1:{free_port()}")
    project.write("[pipelines.train.stages.fit]\nrun = 'true'")
    begun = time.monotonic()
    job, run = project.train()
    assert time.monotonic() - begun < 15
    assert (job.state, run.status) == (JobState.FAILED, RunStatus.FAILED)
    assert job.error is not None
    assert job.error.startswith(f"The Dask scheduler {project.address} does not answer: ")
    assert "\n" not in job.error


OTHER = """
import distributed.versions
from importlib.metadata import PackageNotFoundError, version
def told(package):
    try:
        return {told} if package == "mlops-console" else version(package)
    except PackageNotFoundError:
        return None
distributed.versions._version_cached = told
"""
BLOCKED = "import sys\nsys.modules['mlops_console'] = None\n"


def test_a_worker_of_another_version_is_told_at_once(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "preload.py").write_text(OTHER.format(told="'9.9'"))
    with closing(DaskCluster(tmp_path)) as cluster:
        cluster.start_worker("c", "--preload", str(tmp_path / "preload.py"))
        wait_for(lambda: "Registered to" in (tmp_path / "c/log").read_text(), 20, "the worker")
        project = Project(workspace, cluster.address)
        project.write("[pipelines.train.stages.fit]\nrun = 'true'")
        error = project.train()[0].error
        assert error is not None
        assert error.startswith("Dask worker tcp://127.0.0.1:")
        assert "has mlops-console 9.9, and here it is " in error


def test_a_worker_that_comes_later_without_mlops_console_is_told(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "preload.py").write_text(BLOCKED + OTHER.format(told="None"))
    with closing(DaskCluster(tmp_path)) as cluster:
        project = Project(workspace, cluster.address)
        project.write("[pipelines.train.stages.fit]\nrun = 'true'")
        job_id, process = project.start()
        project.until_logged(job_id, "waits for Dask workers: there are none yet")
        cluster.start_worker("c", "--preload", str(tmp_path / "preload.py"))
        process.wait(30)
        error = project.job(job_id).error
        assert error is not None
        assert error.startswith("stage 'fit' can't run on Dask: its worker has no module 'mlops_console")


def test_what_is_lost_for_good_fails_the_job_in_one_sentence(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    with closing(DaskCluster(tmp_path)) as cluster:
        project = Project(workspace, cluster.address)
        slow(project, tmp_path / "never")
        cluster.start_worker("c")
        job_id, process = project.start()
        found = pids(project.until_logged(job_id, "pids "))
        cluster.kill("c")
        process.wait(30)
        error = project.job(job_id).error
        assert error is not None
        assert error.startswith("stage 'fit' was lost with its Dask worker tcp://127.0.0.1:")
        until_gone(found)

        cluster.start_worker("d")
        job_id, process = project.start()
        found = pids(project.until_logged(job_id, "pids "))
        cluster.scheduler.kill()
        process.wait(30)
        assert project.job(job_id).error == (
            f"stage 'fit' lost the Dask scheduler {cluster.address}: it does not answer any more. "
            f"The log is .mlops/logs/{job_id}/fit.log."
        )
        until_gone(found)


SWEEP = """
[pipelines.train]
params = "params.toml"
[pipelines.train.stages.fit]
run = "python fit.py"
deps = ["fit.py"]
params = ["fit"]
outs = ["build/out"]
[models.line]
metric = "loss"
goal = "minimize"
"""


def test_trials_of_a_sweep_run_on_the_cluster(project: Project, cluster: DaskCluster) -> None:
    project.write(
        SWEEP,
        fit="import os, mlops_console as mlops\nlr = mlops.params('fit')['lr']\nmlops.start_run().log({'loss': lr})\n"
        "open('build/out', 'w').write(os.getcwd())\n",
    )
    (project.root / "params.toml").write_text("[fit]\nlr = 0.5\n")
    job_id, process = project.start("sweep", space={"fit.lr": "0.1,0.2"}, sampler="grid", parallel=2)
    process.wait(40)
    job = project.job(job_id)
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    assert (job.result["trials"], job.result["value"]) == (2, 0.1)
    logs = list(project.workspace.logs_dir.glob(f"{job_id}/*/fit.log"))
    assert [path.read_text().count("on Dask worker") for path in logs] == [1, 1]
    assert not (project.root / "build").exists()


SBATCH = """#!/bin/sh
cp "$1" {folder}/script
sh {folder}/script >>{folder}/job.log 2>&1 &
echo $! >>{folder}/jobs
echo "Submitted batch job $!"
"""


def test_a_batch_system_starts_the_workers(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Slurm that runs its jobs here at once."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("sbatch", SBATCH.format(folder=tmp_path)), ("scancel", "#!/bin/sh\nkill $1\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MLOPS_REMOTE_CACHE", str(tmp_path / "cache"))
    project = Project(workspace, "")
    project.write("[pipelines.train.stages.fit]\nrun = 'cat one > two'\ndeps = ['one']\nouts = ['two']")
    told = (project.root / "mlops.toml").read_text().replace('address = ""', JOBQUEUE.format(folder=tmp_path))
    (project.root / "mlops.toml").write_text(told)
    (project.root / "one").write_text("1")
    job, _ = project.train()
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    assert (project.root / "two").read_text() == "1"
    until_gone([int(pid) for pid in (tmp_path / "jobs").read_text().split()])


JOBQUEUE = """jobqueue = "slurm"
jobs = 1
options = {{ cores = 1, processes = 1, memory = "1 GB", interface = "lo", queue = "gpu", local_directory = "{folder}", \
scheduler_options = {{ dashboard_address = ":0" }} }}"""


def test_the_options_reach_dask_jobqueue() -> None:
    options = {"cores": 4, "memory": "8 GB", "queue": "gpu", "walltime": "02:00:00", "interface": "lo"}
    options |= {"scheduler_options": {"dashboard_address": ":0"}}
    settings = ExecutorConfig(kind="dask", jobqueue="slurm", options=options)
    with jobqueue_cluster(settings) as cluster:
        script = cluster.job_script()
    assert type(cluster).__name__ == "SLURMCluster"
    assert {"#SBATCH -p gpu", "#SBATCH -t 02:00:00", "#SBATCH --cpus-per-task=4"} <= set(script.splitlines())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # half a cluster is not closed by itself
def test_options_that_dask_jobqueue_does_not_take_are_told() -> None:
    settings = ExecutorConfig(kind="dask", jobqueue="slurm", options={"queue": "gpu"})
    with pytest.raises(UsageError, match=r"SLURMCluster does not take executor\.options: .*cores"):
        jobqueue_cluster(settings)


def test_a_machine_that_can_not_ask_the_batch_system_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    options = {"cores": 1, "memory": "1 GB", "interface": "lo", "scheduler_options": {"dashboard_address": ":0"}}
    settings = ExecutorConfig(kind="dask", jobqueue="slurm", options=options)
    with pytest.raises(UsageError, match="There is no sbatch here"), connected(settings, 1, lambda *_: None):
        pass
