"""What `kill -9` leaves: no acknowledged point is lost, none comes twice, and the run ends `lost`."""

import struct
import threading
import time
from pathlib import Path

import pytest

from mlops_console.core.errors import MlopsError
from mlops_console.core.runs import ProcessIdentity, RunStatus, StageRun
from mlops_console.store import runs, series, spools, stages
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking.recover import MISSED, recover
from mlops_console.tracking.spool import left_behind
from tests.support import wait_for
from tests.tracking import programs

# Tells the number of each step whose log has returned through a file that it has mapped, as the spool is.
LOGGER = """
import mmap, struct, sys
with open(sys.argv[1], 'r+b') as file:
    shared = mmap.mmap(file.fileno(), 8)
run = mlops.start_run('victim', params={'lr': 0.1})
step = 0
while True:
    run.log({'a': float(step)} if step % 3 else {'a': float(step), 'b': -float(step)}, step)
    step += 1
    struct.pack_into('<q', shared, 0, step)
"""


def _acknowledged(path: Path) -> int:
    return int(struct.unpack("<q", path.read_bytes())[0])


def _points(workspace: Workspace, run_id: str, name: str) -> list[tuple[int, float]]:
    with workspace.store.read() as db:
        found = series.points(db, run_id, name)
    return [(point.step, point.value) for point in found]


@pytest.mark.parametrize("patience", [0.05, 0.15, 0.3, 0.6])
def test_kill_9_loses_no_point_that_log_has_returned_for(workspace: Workspace, tmp_path: Path, patience: float) -> None:
    victims = []
    for number in range(2):
        shared = tmp_path / f"shared{number}"
        shared.write_bytes(bytes(8))
        victims.append((programs.start(workspace, LOGGER, str(shared)), shared))
    for _, shared in victims:
        wait_for(lambda path=shared: _acknowledged(path), 30)
    time.sleep(patience)  # no state is awaited: the moment of the kill is to be any
    for process, _ in victims:
        process.kill()
        process.communicate()
    recover(workspace, time.time() + 60)
    counts = sorted(_acknowledged(shared) for _, shared in victims)
    found = programs.all_runs(workspace)
    stored = sorted(run.metrics["a"].count for run in found)
    for acknowledged, count in zip(counts, stored, strict=True):
        assert acknowledged <= count <= acknowledged + 1
    for run in found:
        assert run.status is RunStatus.LOST
        assert run.params == {"lr": 0.1}
        assert _points(workspace, run.id, "a") == [(step, float(step)) for step in range(run.metrics["a"].count)]
        assert _points(workspace, run.id, "b") == [
            (step, -float(step)) for step in range(0, run.metrics["b"].last_step + 1, 3)
        ]
    assert list(workspace.spool_dir.glob("*.spool")) == []  # one in the making may be left, of the kill's very moment
    with workspace.store.read() as db:
        assert spools.names(db) == []


@pytest.mark.parametrize("alive", [False, True])
def test_the_stages_of_a_lost_run_end_with_it(workspace: Workspace, alive: bool) -> None:
    """As those of a sweep's trial, whose run no job ends."""
    process = current_process()
    if not alive:
        process = ProcessIdentity(process.pid, process.started - 100, process.boot_id, process.host)
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="trial", experiment="e", process=process)
        stages.plan_stages(
            tx, run_id, [StageRun(name, 0, RunStatus.QUEUED, "x", "", cpus=2.0, memory=5) for name in ("fit", "test")]
        )
        stages.start(tx, run_id, "fit")
    assert recover(workspace, time.time() + 60) == (() if alive else (run_id,))
    with workspace.store.read() as db:
        assert stages.taken(db) == ((2.0, 5) if alive else (0.0, 0))
        found = [stage.status for stage in stages.listing(db, run_id)]
    assert found == ([RunStatus.RUNNING, RunStatus.QUEUED] if alive else [RunStatus.LOST] * 2)


def test_a_process_killed_before_the_store_knew_of_it(workspace: Workspace) -> None:
    body = "import os\nrun = mlops.start_run('quick'); run.log({'a': 1.0}); os.kill(os.getpid(), 9)"
    programs.run(workspace, body)
    assert len(list(workspace.spool_dir.iterdir())) == 1
    lost = recover(workspace)
    run = programs.only_run(workspace)
    if lost == ():  # its clerk was quick: then three heartbeats have to be missed
        lost = recover(workspace, time.time() + MISSED + 1)
    assert lost == (run.id,)
    assert (run.name, run.metrics["a"].count) == ("quick", 1)
    assert programs.only_run(workspace).status is RunStatus.LOST


def test_several_that_recover_at_once_do_it_once(workspace: Workspace) -> None:
    programs.run(
        workspace,
        "import os\nrun = mlops.start_run('x')\nfor i in range(20_000): run.log({'a': 1.0})\nos.kill(os.getpid(), 9)",
    )
    errors: list[MlopsError] = []

    def work() -> None:
        mine = open_workspace(workspace.root)
        try:
            recover(mine, time.time() + 60)
        except MlopsError as error:
            errors.append(error)
        finally:
            mine.store.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    recover(workspace, time.time() + 60)
    assert programs.only_run(workspace).metrics["a"].count == 20_000
    assert programs.only_run(workspace).status is RunStatus.LOST


def test_a_living_run_is_not_lost(workspace: Workspace) -> None:
    process = programs.start(workspace, "run = mlops.start_run('alive'); run.log({'a': 1.0}); input()")
    wait_for(lambda: [run for run in programs.all_runs(workspace) if "a" in run.metrics])
    assert recover(workspace, time.time() + 3600) == ()
    process.communicate("\n")
    assert programs.only_run(workspace).status is RunStatus.SUCCEEDED


def test_reading_changes_no_status(workspace: Workspace) -> None:
    process = programs.start(workspace, "run = mlops.start_run('x'); input()")
    wait_for(lambda: programs.all_runs(workspace))
    process.kill()
    process.communicate()
    assert programs.only_run(workspace).status is RunStatus.RUNNING
    assert recover(workspace) == ()  # three heartbeats are not missed yet
    assert programs.only_run(workspace).status is RunStatus.RUNNING


def test_a_heartbeat_in_between_saves_a_run(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="x", experiment="e")
        before = runs.get(tx, run_id).heartbeat_at
    with workspace.store.write() as tx:
        runs.heartbeat(tx, run_id)
        assert not runs.finish(tx, run_id, RunStatus.LOST, heartbeat_before=(before or 0) - 1)


def test_points_of_a_run_that_was_purged_are_dropped(workspace: Workspace) -> None:
    programs.run(
        workspace,
        "import os\nrun = mlops.start_run('x'); run.log({'a': 1.0}); os.kill(os.getpid(), 9)",
        env={"MLOPS_RUN_ID": "feedbeef"},
    )
    assert recover(workspace) == ()
    assert list(workspace.spool_dir.iterdir()) == []


def test_a_finish_that_could_not_be_stored_is_stored_later(workspace: Workspace) -> None:
    body = """
    import mlops_console.tracking.clerk as clerk
    clerk.PATIENCE = 0.3
    run = mlops.start_run('late'); run.log({'a': 1.0})
    """
    workspace.store.read()
    with workspace.store.write():
        done = programs.run(workspace, body)
    assert done.returncode == 0
    assert "wait in .mlops/spool" in done.stderr
    recover(workspace)
    run = programs.only_run(workspace)
    assert (run.status, run.metrics["a"].count) == (RunStatus.SUCCEEDED, 1)


@pytest.mark.parametrize("steps", [50_000, 30_000])
def test_a_segment_waits_for_the_one_before_it(workspace: Workspace, steps: int) -> None:
    body = f"""
    import os
    run = mlops.start_run('x')
    for i in range(50_000):
        run.log({{"a": float(i)}}, i % {steps})
    os.kill(os.getpid(), 9)
    """
    with workspace.store.write():  # its clerk can't store anything
        programs.run(workspace, body)
    first, second = sorted(workspace.spool_dir.glob("*.spool"))
    with left_behind(first) as held:  # another process takes it in just now
        assert held is not None
        recover(workspace)
        assert second.exists()
    recover(workspace)
    run = programs.only_run(workspace)
    logged = {i % steps: float(i) for i in range(50_000)}
    assert dict(_points(workspace, run.id, "a")) == logged
    assert list(workspace.spool_dir.iterdir()) == []
