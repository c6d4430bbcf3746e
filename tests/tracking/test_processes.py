"""Many processes, forks and joined runs."""

import os
import signal
import time

from mlops_console.core.runs import RunStatus
from mlops_console.store import runs
from mlops_console.store.workspace import Workspace
from mlops_console.tracking.recover import recover
from tests.support import wait_for
from tests.tracking import programs


def test_sixteen_processes_in_a_workspace_with_no_store_yet(workspace: Workspace) -> None:
    body = """
    with mlops.start_run(experiment="many") as run:
        for step in range(500):
            run.log({"a": float(step)}, step)
    """
    started = [programs.start(workspace, body) for _ in range(16)]
    for process in started:
        _, errors = process.communicate(timeout=50)
        assert (process.returncode, errors) == (0, "")
    found = programs.all_runs(workspace)
    assert [(run.status, run.metrics["a"].count) for run in found] == [(RunStatus.SUCCEEDED, 500)] * 16


def test_several_processes_log_into_one_run(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="joint", experiment="e")
    body = """
    import sys
    with mlops.start_run() as run:
        for step in range(2000):
            run.log({f"part{sys.argv[1]}": 1.0, "shared": float(sys.argv[1])}, step)
    """
    started = [programs.start(workspace, body, str(number), env={"MLOPS_RUN_ID": run_id}) for number in range(4)]
    for process in started:
        _, errors = process.communicate(timeout=50)
        assert (process.returncode, errors) == (0, "")
    run = programs.only_run(workspace)
    assert {name: summary.count for name, summary in run.metrics.items()} == {
        **{f"part{number}": 2000 for number in range(4)},
        "shared": 2000,
    }
    assert run.status is RunStatus.RUNNING


def test_a_fork_neither_duplicates_nor_ends_the_run(workspace: Workspace) -> None:
    body = """
    import os, sys
    run = mlops.start_run('parent')
    for step in range(100):
        run.log({'a': 1.0}, step)
    child = os.fork()
    if child == 0:
        for step in range(50):
            run.log({'child': 1.0}, step)
        sys.exit(3)
    os.waitpid(child, 0)
    for step in range(100, 200):
        run.log({'a': 1.0}, step)
    """
    done = programs.run(workspace, body)
    assert (done.returncode, done.stderr) == (0, "")
    run = programs.only_run(workspace)
    assert run.status is RunStatus.SUCCEEDED
    assert (run.metrics["a"].count, run.metrics["child"].count) == (200, 50)
    assert list(workspace.spool_dir.iterdir()) == []


def test_a_pool_of_forked_workers(workspace: Workspace) -> None:
    body = """
    import multiprocessing
    def work(number):
        run.log({f'worker{number}': float(number)})
        return number
    with mlops.start_run('pool') as run:
        with multiprocessing.get_context('fork').Pool(4) as pool:
            assert pool.map(work, range(8)) == list(range(8))
        run.log({'a': 1.0})
    """
    done = programs.run(workspace, body)
    assert (done.returncode, done.stderr) == (0, "")
    run = programs.only_run(workspace)
    assert run.status is RunStatus.SUCCEEDED
    assert set(run.metrics) == {"a", *(f"worker{number}" for number in range(8))}


def test_forked_children_with_runs_of_their_own(workspace: Workspace) -> None:
    body = """
    import multiprocessing
    def work(number):
        with mlops.start_run(f'child{number}') as run:
            for step in range(500):
                run.log({'a': 1.0}, step)
    with mlops.start_run('parent') as run:
        run.log({'a': 1.0})
        workers = [multiprocessing.get_context('fork').Process(target=work, args=(n,)) for n in range(4)]
        for worker in workers: worker.start()
        for worker in workers: worker.join()
        assert [worker.exitcode for worker in workers] == [0] * 4
    """
    done = programs.run(workspace, body)
    assert (done.returncode, done.stderr) == (0, "")
    found = {run.name: (str(run.status), run.metrics["a"].count) for run in programs.all_runs(workspace)}
    assert found == {"parent": ("succeeded", 1), **{f"child{n}": ("succeeded", 500) for n in range(4)}}


def test_a_child_that_outlives_its_parent_does_not_keep_the_run_alive(workspace: Workspace) -> None:
    """The lock on the parent's segment must not live on in the child."""
    body = """
    import os, time
    run = mlops.start_run('parent'); run.log({'a': 1.0})
    if os.fork() == 0:
        os.close(0); os.close(1); os.close(2)
        with open('child.pid', 'w') as file:
            file.write(f'{os.getpid()}\\n')
        time.sleep(30)
        os._exit(0)
    while not os.path.exists('child.pid'):
        time.sleep(0.01)
    os.kill(os.getpid(), 9)
    """
    programs.run(workspace, body)
    child = workspace.root / "child.pid"
    wait_for(lambda: child.is_file() and child.read_text().endswith("\n"))
    recover(workspace, time.time() + 60)
    os.kill(int(child.read_text()), signal.SIGKILL)
    assert programs.only_run(workspace).status is RunStatus.LOST
    assert list(workspace.spool_dir.iterdir()) == []


def test_runs_one_after_the_other_and_side_by_side(workspace: Workspace) -> None:
    body = """
    a = mlops.start_run('a'); b = mlops.start_run('b')
    for step in range(10):
        a.log({'x': 1.0}); b.log({'x': 2.0})
    b.finish(); a.finish()
    for number in range(20):
        with mlops.start_run(f'c{number}') as run:
            run.log({'x': 3.0})
    """
    done = programs.run(workspace, body)
    assert done.stderr == ""
    assert len(programs.all_runs(workspace)) == 22


def test_forked_children_die_of_sigterm_at_once(workspace: Workspace) -> None:
    """Whatever they wait for: our handler for the parent's run is not theirs."""
    body = """
    import os, signal
    run = mlops.start_run('parent')
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    child = os.fork()
    if child == 0:
        run.log({'child': 1.0})
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    run.finish()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    """
    done = programs.run(workspace, body)
    assert (done.returncode, done.stderr) == (0, "")
