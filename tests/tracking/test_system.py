"""System metrics: what is sampled, when, and by whom."""

import subprocess
import sys
import time
import types

import psutil
import pytest

from mlops_console.core.runs import RunStatus
from mlops_console.store import runs, series
from mlops_console.store.workspace import Workspace
from mlops_console.tracking import system
from mlops_console.tracking.system import Monitor, sampled
from tests.support import wait_for
from tests.tracking import programs

EVERYWHERE = {
    "system/cpu",
    "system/cpu_machine",
    "system/memory",
    "system/memory_machine",
    "system/network_sent",
    "system/network_received",
}
DISK = {"system/disk_read", "system/disk_write"} if hasattr(psutil.Process, "io_counters") else set()
QUICKLY = "import mlops_console.tracking.system as system; system.INTERVAL = 0.1\n"


def _names(workspace: Workspace, run_id: str) -> set[str]:
    with workspace.store.read() as db:
        return {summary.name for summary in series.summaries(db, run_id)}


def _run_called(workspace: Workspace, name: str) -> str:
    return wait_for(lambda: next((run.id for run in programs.all_runs(workspace) if run.name == name), ""))


def test_what_is_sampled_while_the_training_thread_does_something_else(workspace: Workspace) -> None:
    process = programs.start(workspace, QUICKLY + "run = mlops.start_run('a')\nrun.log({'x': 1.0})\ninput()")
    run_id = _run_called(workspace, "a")
    wait_for(lambda: EVERYWHERE | DISK | {"x"} <= _names(workspace, run_id))
    process.communicate("\n", timeout=20)
    run = programs.only_run(workspace)
    assert (process.returncode, run.status, run.metrics["x"].count) == (0, RunStatus.SUCCEEDED, 1)
    assert {name for name in run.metrics if not name.startswith("system/gpu")} == EVERYWHERE | DISK | {"x"}
    assert 1e6 < run.metrics["system/memory"].min < psutil.virtual_memory().total
    assert 0 < run.metrics["system/memory_machine"].max <= 100
    assert all(0 <= run.metrics[name].min < 1e12 for name in EVERYWHERE | DISK)
    assert 0 <= run.metrics["system/cpu"].first_step < 60


def test_who_does_not_sample(workspace: Workspace) -> None:
    """Not a run that wants none, not one that is another process's, not a forked child."""
    with workspace.store.write() as tx:
        joined = runs.create(tx, name="joined", experiment="e")
    body = f"""
import os
from mlops_console.tracking import process
os.environ['MLOPS_RUN_ID'] = {joined!r}
mlops.start_run().log({{'x': 1.0}})
del os.environ['MLOPS_RUN_ID']
mlops.start_run('bare', system_metrics=False).log({{'x': 1.0}})
run = mlops.start_run('parent')
assert process.clerk(run._root).drain(run._journal)
child = os.fork()
if child == 0:
    run.log({{'x': 1.0}})
    own = mlops.start_run('child')
    input()
    assert not run._journal.owns_run
    own.finish()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    process = programs.start(workspace, QUICKLY + body)
    for name in ("parent", "child"):
        run_id = _run_called(workspace, name)
        wait_for(lambda run_id=run_id: "system/cpu" in _names(workspace, run_id))  # type: ignore[misc]
    _, errors = process.communicate("\n", timeout=20)
    assert (process.returncode, errors) == (0, "")
    found = {run.name: set(run.metrics) for run in programs.all_runs(workspace)}
    assert (found["joined"], found["bare"]) == ({"x"}, {"x"})
    assert "x" in found["parent"]


def test_when_samples_are_due() -> None:
    monitor = Monitor(began=1000.0)
    assert monitor.points(1013.9) == []
    assert monitor.points(1014.0) == []
    assert {step for _, step, _, _ in monitor.points(1015.04)} == {15}
    assert monitor.points(1029.9) == []
    assert {step for _, step, _, _ in monitor.points(1030.02)} == {30}
    assert {step for _, step, _, _ in monitor.points(1100.5)} == {100}, "after the machine has slept"
    assert monitor.points(1104.9) == []
    assert {step for _, step, _, _ in monitor.points(1105.0)} == {105}


def test_the_work_of_children_counts() -> None:
    sampler = system._Sampler()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
    assert sampler.sample()["system/cpu"] > 10
    assert sampler.sample()["system/memory"] > 1e6


class NvmlError(Exception):
    pass


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A machine with two GPUs."""
    module = types.ModuleType("pynvml")
    module.__dict__.update(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetUtilizationRates=lambda handle: types.SimpleNamespace(gpu=40 + handle),
        nvmlDeviceGetMemoryInfo=lambda handle: types.SimpleNamespace(used=1 << 30),
    )
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module


def test_gpus(nvml: types.ModuleType) -> None:
    found = system._Sampler().sample()
    assert found["system/gpu0/utilization"] == 40
    assert found["system/gpu1/utilization"] == 41
    assert found["system/gpu1/memory"] == 1 << 30


@pytest.mark.parametrize("broken", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetMemoryInfo"])
def test_a_gpu_that_fails(nvml: types.ModuleType, broken: str) -> None:
    def fail(*arguments: object) -> None:
        raise NvmlError("Driver Not Loaded")

    nvml.__dict__[broken] = fail
    sampler = system._Sampler()
    assert "system/memory" in sampler.sample()
    assert "system/gpu0/memory" not in sampler.sample()


@pytest.mark.parametrize("error", [OSError("no"), psutil.AccessDenied(), AttributeError("no"), RuntimeError("no")])
def test_a_sensor_that_fails_is_left_out(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise error

    sampler = system._Sampler()
    monkeypatch.setattr(psutil, "net_io_counters", fail)
    monkeypatch.setattr(psutil, "virtual_memory", fail)
    wait_for(lambda: time.monotonic() - sampler._at > 0.02)
    found = sampler.sample()
    assert "system/cpu" in found
    assert not {"system/network_sent", "system/memory_machine"} & set(found)


def test_the_run_of_a_worker(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "INTERVAL", 0.1)
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="pipeline", experiment="e")
    with sampled(workspace, run_id):
        wait_for(lambda: _names(workspace, run_id) >= EVERYWHERE)


def test_a_run_that_is_gone_or_a_store_in_trouble_is_no_error(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "INTERVAL", 0.05)
    asked: list[float] = []
    points = Monitor.points

    def counted(self: Monitor, now: float) -> list[tuple[str, int, float, float]]:
        asked.append(now)
        return points(self, now)

    monkeypatch.setattr(Monitor, "points", counted)
    with sampled(workspace, "0123456789abcdef"):
        wait_for(lambda: len(asked) > 20)
