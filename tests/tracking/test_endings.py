"""How a run ends, by how its program ends: real processes, their exit codes and signals."""

import signal
from pathlib import Path

import pytest

from mlops_console.core.runs import RunStatus
from mlops_console.store.workspace import Workspace
from tests.support import wait_for
from tests.tracking import programs

START = "run = mlops.start_run('one'); run.log({'a': 1.0})\n"
READY = "import sys, time; print('ready', flush=True); time.sleep(60)\n"


@pytest.mark.parametrize(
    ("body", "exit_code", "status", "error"),
    [
        ("", 0, "succeeded", None),
        ("import sys; sys.exit()", 0, "succeeded", None),
        ("import sys; sys.exit(0)", 0, "succeeded", None),
        ("import sys; sys.exit(3)", 3, "failed", "SystemExit: 3"),
        ("exit(3)", 3, "failed", "SystemExit: 3"),
        ("import sys; sys.exit('no data')", 1, "failed", "SystemExit: no data"),
        ("raise ValueError('bad lr')", 1, "failed", "ValueError: bad lr (in <module>, "),
        ("raise KeyboardInterrupt", -signal.SIGINT, "stopped", "KeyboardInterrupt (SIGINT)"),
        ("def f():\n    return 1 / 0\nf()", 1, "failed", "ZeroDivisionError: division by zero (in f, "),
        ("import sys\ntry:\n    sys.exit(3)\nexcept SystemExit as e:\n    assert e.code == 3", 0, "succeeded", None),
        ("import sys\ntry:\n    sys.exit(3)\nexcept SystemExit:\n    sys.exit(4)", 4, "failed", "SystemExit: 4"),
        ("import sys\ntry:\n    sys.exit(3)\nfinally:\n    sys.exit(0)", 0, "succeeded", None),
        ("try:\n    raise ValueError\nexcept ValueError:\n    pass", 0, "succeeded", None),
        (
            "import sys; sys.excepthook = lambda *_: None\nraise ValueError('x')",
            1,
            "failed",
            "ValueError: x (in <module>",
        ),
        (
            "class E(Exception):\n    def __str__(self): raise RuntimeError\nraise E",
            1,
            "failed",
            "E: <exception str() failed>",
        ),
        ("import os; os.kill(os.getpid(), 15)", -signal.SIGTERM, "stopped", "SIGTERM"),
        ("import os; os.kill(os.getpid(), 1)", -signal.SIGHUP, "stopped", "SIGHUP"),
        ("import argparse; argparse.ArgumentParser().parse_args(['--no'])", 2, "failed", "SystemExit: 2"),
    ],
)
def test_outside_of_with(workspace: Workspace, body: str, exit_code: int, status: str, error: str | None) -> None:
    done = programs.run(workspace, START + body)
    run = programs.only_run(workspace)
    assert (done.returncode, run.status) == (exit_code, status), done.stderr
    assert run.error is None if error is None else error in str(run.error)
    assert run.metrics["a"].count == 1
    assert list(workspace.spool_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("body", "exit_code", "status", "error"),
    [
        ("pass", 0, "succeeded", None),
        ("raise ValueError('bad lr')", 1, "failed", "ValueError: bad lr"),
        ("import sys; sys.exit(3)", 3, "failed", "SystemExit: 3"),
        ("raise SystemExit(3)", 3, "failed", "SystemExit: 3"),
        ("import sys; sys.exit(0)", 0, "succeeded", None),
        ("raise KeyboardInterrupt", -signal.SIGINT, "stopped", "KeyboardInterrupt"),
        ("import os; os.kill(os.getpid(), 15)", -signal.SIGTERM, "stopped", "SIGTERM"),
        ("import os; os.kill(os.getpid(), 2)", -signal.SIGINT, "stopped", "KeyboardInterrupt"),
    ],
)
def test_inside_of_with(workspace: Workspace, body: str, exit_code: int, status: str, error: str | None) -> None:
    done = programs.run(workspace, f"with mlops.start_run('one') as run:\n    run.log({{'a': 1.0}})\n    {body}")
    run = programs.only_run(workspace)
    assert (done.returncode, run.status) == (exit_code, status), done.stderr
    assert run.error is None if error is None else error in str(run.error)
    assert run.metrics["a"].count == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_from_outside(workspace: Workspace, number: signal.Signals) -> None:
    process = programs.start(workspace, START + READY)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == -number
    assert programs.only_run(workspace).status is RunStatus.STOPPED


def test_a_signal_in_the_middle_of_logging(workspace: Workspace) -> None:
    """The handler comes between any two instructions, with whatever locks are held."""
    loop = "print('ready', flush=True)\nwhile True: run.log({'a': 1.0})"
    for _ in range(5):
        process = programs.start(workspace, START + loop)
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        _, errors = process.communicate(timeout=30)
        assert process.returncode == -signal.SIGTERM
        assert errors == ""
    assert {run.status for run in programs.all_runs(workspace)} == {RunStatus.STOPPED}


def test_a_handler_of_the_program_is_left_alone(workspace: Workspace) -> None:
    body = (
        "import signal\nsignal.signal(15, lambda *_: print('mine'))\n" + START + "import os; os.kill(os.getpid(), 15)"
    )
    done = programs.run(workspace, body)
    assert (done.returncode, done.stdout) == (0, "mine\n")
    assert programs.only_run(workspace).status is RunStatus.SUCCEEDED


def test_an_exit_of_another_thread_is_not_the_programs(workspace: Workspace) -> None:
    body = "import sys, threading\nt = threading.Thread(target=sys.exit, args=(3,)); t.start(); t.join()"
    done = programs.run(workspace, START + body)
    assert (done.returncode, done.stderr) == (0, "")
    assert programs.only_run(workspace).status is RunStatus.SUCCEEDED


def test_every_open_run_ends_with_the_program(workspace: Workspace) -> None:
    programs.run(workspace, "a = mlops.start_run('a'); b = mlops.start_run('b'); a.finish(); raise ValueError('x')")
    assert {run.name: str(run.status) for run in programs.all_runs(workspace)} == {"a": "succeeded", "b": "failed"}


def test_a_run_ends_once(workspace: Workspace) -> None:
    programs.run(workspace, "with mlops.start_run('a') as run:\n    run.finish('failed', 'my own reason')")
    run = programs.only_run(workspace)
    assert (run.status, run.error) == (RunStatus.FAILED, "my own reason")


def test_exiting_looks_as_ever(workspace: Workspace) -> None:
    """Who looks at sys.exit's exception sees a SystemExit; the text of an exit goes to stderr."""
    body = """
    import sys
    run = mlops.start_run()
    try:
        sys.exit(5)
    except SystemExit as error:
        print(type(error).__name__, error.code, error.args)
    sys.exit("the reason")
    """
    done = programs.run(workspace, body)
    assert (done.returncode, done.stdout, done.stderr) == (1, "SystemExit 5 (5,)\n", "the reason\n")


def test_a_module_run_with_dash_m(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.root / "train.py").write_text("import sys, mlops_console as m\nm.start_run('x')\nsys.exit(7)")
    done = programs.run(workspace, "import runpy; runpy.run_module('train', run_name='__main__')")
    assert done.returncode == 7
    assert programs.only_run(workspace).error == "SystemExit: 7"


def test_a_joined_run_is_not_ended(workspace: Workspace) -> None:
    from mlops_console.store import runs

    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="theirs", experiment="e")
    done = programs.run(
        workspace,
        "run = mlops.start_run('mine', params={'lr': 1}); run.log({'a': 1.0}); print(run.id, run.name)\n"
        "raise ValueError('x')",
        env={"MLOPS_RUN_ID": run_id, "MLOPS_WORKSPACE": str(workspace.root)},
    )
    run = programs.only_run(workspace)
    assert done.stdout == f"{run_id} theirs\n"
    assert (run.status, run.name, run.params, run.metrics["a"].count) == (RunStatus.RUNNING, "theirs", {"lr": 1}, 1)
    assert str(run.error).startswith("ValueError: x")


def test_a_run_shows_up_while_it_runs(workspace: Workspace) -> None:
    process = programs.start(workspace, START + READY)
    run = wait_for(lambda: next(iter(programs.all_runs(workspace)), None))
    wait_for(lambda: "a" in programs.only_run(workspace).metrics)
    assert run.status is RunStatus.RUNNING
    assert run.process is not None
    assert run.process.pid == process.pid
    process.kill()
    process.communicate()
