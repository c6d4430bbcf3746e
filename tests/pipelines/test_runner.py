"""Stages as real child processes."""

import errno
import json
import os
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import psutil
import pytest

from mlops_console.core.config import Pipeline, Stage
from mlops_console.core.errors import JobError, StoreError
from mlops_console.core.estimates import Usual
from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.pipelines import command
from mlops_console.pipelines.ending import describe_exit, last_line
from mlops_console.pipelines.graph import order
from mlops_console.pipelines.pipeline_run import PipelineRun, stage_rows
from mlops_console.pipelines.resources import Limits
from mlops_console.pipelines.runner import run_stages
from mlops_console.store import runs, stages
from mlops_console.store.workspace import Workspace
from tests.support import wait_for

PLENTY = Limits(cpus=1000, memory=10**15)
Start = Callable[..., PipelineRun]


@pytest.fixture
def start(workspace: Workspace) -> Start:
    """Make a run with these stages, ready to go."""

    def make(
        stopping: Callable[[], bool] = lambda: False,
        slots: int = 1,
        keep_going: bool = False,
        limits: Limits = PLENTY,
        grace: str = "10s",
        **made: Stage,
    ) -> PipelineRun:
        with workspace.store.write() as tx:
            run_id = runs.create(tx, name="a-run", experiment="e")
        ordered = order("train", Pipeline(stages=made))
        logs = workspace.logs_dir / "1"
        run = PipelineRun(
            workspace,
            run_id,
            "train",
            ordered,
            {"fit": {"lr": 0.5}},
            logs,
            lambda *_: None,
            stopping,
            limits,
            {},
            workspace.root,
            grace,
            slots,
            keep_going,
        )
        with workspace.store.write() as tx:
            stages.plan_stages(tx, run_id, stage_rows(run))
        return run

    return make


def rows(run: PipelineRun) -> list[StageRun]:
    with run.workspace.store.read() as db:
        return stages.listing(db, run.run_id)


def test_stages_run_in_order_in_the_project_with_their_params_and_logs(start: Start, workspace: Workspace) -> None:
    (workspace.root / "fit.py").write_text(
        "import os, sys\nprint(sys.executable)\nprint(open('rows').read().strip(), file=sys.stderr)\n"
        "print(open(os.environ['MLOPS_PARAMS']).read(), os.environ['MLOPS_RUN_ID'], os.environ['MLOPS_WORKSPACE'])\n"
    )
    run = start(
        fit=Stage(run="python fit.py", deps=("rows", "fit.py"), params=("fit",)),
        prepare=Stage(run="echo 10 > rows && pwd", outs=("rows",)),
    )
    assert run_stages(run)
    assert [(row.stage, row.status, row.exit_code, row.deps) for row in rows(run)] == [
        ("prepare", RunStatus.SUCCEEDED, 0, ()),
        ("fit", RunStatus.SUCCEEDED, 0, ("prepare",)),
    ]
    assert (workspace.root / ".mlops/logs/1/prepare.log").read_text().strip() == str(workspace.root)
    executable, figure, given = (workspace.root / ".mlops/logs/1/fit.log").read_text().splitlines()
    assert Path(executable).parent == Path(sys.executable).parent  # python, python3, python3.11
    assert figure == "10"
    assert given == f"{json.dumps({'fit': {'lr': 0.5}})} {run.run_id} {workspace.root}"


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        (Stage(run="echo one; echo 'no rows' >&2; exit 3"), "stage 'fit' failed with exit code 3: no rows."),
        (Stage(run="exit 1"), "stage 'fit' failed with exit code 1."),
        (Stage(run="kill -9 $$"), "stage 'fit' failed with signal SIGKILL."),
        (Stage(run="sh -c 'kill -9 $$'"), "stage 'fit' failed with signal SIGKILL: Killed."),
        (Stage(run="true", outs=("model",)), "stage 'fit' ended without writing 'model', one of its outs."),
        (Stage(run="true", deps=("rows",)), "stage 'fit' needs 'rows', which is not there."),
    ],
)
def test_a_failure_is_one_sentence(start: Start, stage: Stage, told: str) -> None:
    run = start(fit=stage)
    with pytest.raises(JobError) as caught:
        run_stages(run)
    assert caught.value.message == told
    assert rows(run)[0].status is RunStatus.FAILED
    assert rows(run)[0].error == told.removeprefix("stage 'fit' ").rstrip(".")


def test_a_command_that_is_not_found(start: Start) -> None:
    with pytest.raises(JobError, match=r"stage 'fit' failed with exit code 127: .*nonsense: not found\.") as caught:
        run_stages(start(fit=Stage(run="nonsense")))
    assert caught.value.hint == "The log is .mlops/logs/1/fit.log."


def test_the_error_that_a_script_has_recorded_is_told(start: Start, workspace: Workspace) -> None:
    run = start(fit=Stage(run="echo something else; exit 1"))
    with workspace.store.write() as tx:
        runs.set_error(tx, run.run_id, "ValueError: 0 rows")
    with pytest.raises(JobError, match=r"stage 'fit' failed with exit code 1: ValueError: 0 rows\."):
        run_stages(run)


def test_a_stage_is_not_told_to_have_failed_by_the_error_of_another_one(start: Start, workspace: Workspace) -> None:
    """Of two that run at once, the one whose script has recorded nothing ends first."""
    until = "touch {0}.here; while [ ! -e {1} ]; do sleep 0.01; done; "
    run = start(
        slots=2,
        keep_going=True,
        a=Stage(run=until.format("a", "b.told") + "exit 1", timeout="20s"),
        b=Stage(run=until.format("b", "go") + "echo real reason of b; exit 7", timeout="20s"),
        c=Stage(run="true"),
    )

    def record() -> None:
        wait_for(lambda: (workspace.root / "a.here").exists() and (workspace.root / "b.here").exists())
        with workspace.store.write() as tx:
            runs.set_error(tx, run.run_id, "ValueError: A's own reason", "a")
        (workspace.root / "go").touch()
        wait_for(lambda: rows(run)[1].status.is_final)
        (workspace.root / "b.told").touch()
        workspace.store.close()

    with ThreadPoolExecutor(1) as pool:
        recorded = pool.submit(record)
        with pytest.raises(JobError):
            run_stages(run)
        recorded.result()
    assert [row.error for row in rows(run)] == [
        "failed with exit code 1: ValueError: A's own reason",
        "failed with exit code 7: real reason of b",
        None,
    ]


def test_what_an_attempt_has_recorded_is_no_reason_of_the_next_one(start: Start, workspace: Workspace) -> None:
    script = (
        "if [ -e tried ]; then echo another; exit 2; fi; touch tried; while [ ! -e go ]; do sleep 0.01; done; exit 1"
    )
    run = start(fit=Stage(run=script, retries=1, retry_after="1ms", timeout="20s"))

    def record() -> None:
        wait_for((workspace.root / "tried").exists)
        with workspace.store.write() as tx:
            runs.set_error(tx, run.run_id, "ValueError: the first", "fit")
        (workspace.root / "go").touch()
        workspace.store.close()

    with ThreadPoolExecutor(1) as pool:
        recorded = pool.submit(record)
        with pytest.raises(JobError, match=r"failed with exit code 2: another \(2 of 2 attempts\)"):
            run_stages(run)
        recorded.result()
    assert "attempt 1 of 2 failed with exit code 1: ValueError: the first" in run.log("fit").read_text()
    with workspace.store.write() as tx:  # too late: how it has ended is known
        runs.set_error(tx, run.run_id, "too late", "fit")
    assert rows(run)[0].error == "failed with exit code 2: another (2 of 2 attempts)"


def test_a_stage_runs_in_its_folder_with_its_variables(start: Start, workspace: Workspace) -> None:
    (workspace.root / "src").mkdir()
    run = start(fit=Stage(run='echo "$PWD $THREADS" > out', outs=("src/out",), cwd="src", env={"THREADS": "4; x"}))
    assert run_stages(run)
    assert (workspace.root / "src/out").read_text() == f"{workspace.root}/src 4; x\n"


def test_a_stage_is_tried_again_until_it_succeeds(start: Start, workspace: Workspace) -> None:
    (workspace.root / "fit.py").write_text(
        "import pathlib, sys, mlops_console as mlops\n"
        "count = pathlib.Path('count')\n"
        "tried = int(count.read_text()) if count.exists() else 0\n"
        "count.write_text(str(tried + 1))\n"
        "run = mlops.start_run()\n"
        "if tried < 2: raise OSError('the network is down')\n"
    )
    run = start(fit=Stage(run="python fit.py", retries=3, retry_after="1ms"))
    assert run_stages(run)
    assert (workspace.root / "count").read_text() == "3"
    with workspace.store.read() as db:
        assert runs.get(db, run.run_id).error is None
    log = run.log("fit").read_text()
    assert re.findall(r"attempt (\d) of 4 failed with exit code 1: OSError: the network is down", log) == ["1", "2"]
    assert "the next one begins in 0.0s" in log


def test_a_stage_that_has_no_attempt_left_says_how_many_it_had(start: Start) -> None:
    run = start(fit=Stage(run="echo again; exit 4", retries=2, retry_after="1ms"))
    with pytest.raises(JobError, match=r"stage 'fit' failed with exit code 4: again \(3 of 3 attempts\)"):
        run_stages(run)


def test_a_stop_ends_the_pause_before_the_next_attempt(start: Start) -> None:
    asked = iter([False] * 4)  # before the stage, when its command has begun, after it has failed, in the pause
    run = start(lambda: next(asked, True), fit=Stage(run="false", retries=5, retry_after="1h"))
    assert not run_stages(run)
    assert [row.status for row in rows(run)] == [RunStatus.STOPPED]


@pytest.mark.parametrize("ignoring", ["", "trap '' TERM; "])
def test_what_takes_too_long_is_ended_with_all_that_it_has_started(
    start: Start, workspace: Workspace, ignoring: str
) -> None:
    script = f"{ignoring}sleep 60 & echo $! > pid; sleep 61"
    run = start(grace="300ms", fit=Stage(run=script, timeout="300ms"))
    with pytest.raises(JobError, match="took longer than its timeout of 300ms and was ended"):
        run_stages(run)
    assert ("it had not ended 0.3s after SIGTERM: killed" in run.log("fit").read_text()) == bool(ignoring)
    pid = int((workspace.root / "pid").read_text())
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


TIDIES = """
import pathlib, signal, subprocess, sys, time
name = sys.argv[1]
def end(*_):
    with open(f"{name}.signals", "a") as file:
        file.write("SIGTERM\\n")
    sys.exit(1)
signal.signal(signal.SIGTERM, end)
child = subprocess.Popen([sys.executable, "tidies.py", "child"]) if name == "parent" else None
pathlib.Path(f"{name}.started").touch()
try:
    time.sleep(60)
finally:
    time.sleep(0.3)
    pathlib.Path(f"{name}.tidied").touch()
"""


def test_each_process_of_a_stage_gets_one_sigterm_and_may_tidy_up(start: Start, workspace: Workspace) -> None:
    (workspace.root / "tidies.py").write_text(TIDIES)
    started = [workspace.root / f"{name}.started" for name in ("parent", "child")]
    run = start(
        lambda: all(path.exists() for path in started),
        fit=Stage(run="python tidies.py parent; touch next"),
    )
    assert not run_stages(run)
    for name in ("parent", "child"):
        assert (workspace.root / f"{name}.tidied").exists()
        assert (workspace.root / f"{name}.signals").read_text() == "SIGTERM\n"
    assert not (workspace.root / "next").exists()
    assert "killed" not in run.log("fit").read_text()


def test_what_ignores_sigterm_has_ended_before_the_next_attempt(start: Start, workspace: Workspace) -> None:
    (workspace.root / "bg.py").write_text(
        "import os, pathlib, psutil, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "try:\n    before = psutil.Process(int(pathlib.Path('pid').read_text()))\n"
        "    if before.status() != psutil.STATUS_ZOMBIE: pathlib.Path('two at once').touch()\n"
        "except (FileNotFoundError, psutil.NoSuchProcess):\n    pass\n"
        "pathlib.Path('new').write_text(str(os.getpid()))\n"
        "pathlib.Path('new').rename('pid')\n"
        "time.sleep(60)\n"
    )
    fit = Stage(run="python bg.py & wait", timeout="700ms", retries=1, retry_after="1ms")
    run = start(grace="100ms", fit=fit)
    with pytest.raises(JobError, match=r"timeout of 700ms and was ended \(2 of 2 attempts\)"):
        run_stages(run)
    assert (workspace.root / "pid").exists()
    assert not (workspace.root / "two at once").exists()
    assert run.log("fit").read_text().count("it had not ended 0.1s after SIGTERM: killed") == 2


def test_what_an_attempt_leaves_in_a_session_of_its_own_ends_before_the_next_one(
    start: Start, workspace: Workspace
) -> None:
    daemon = "import subprocess; subprocess.Popen(['sleep', '78'], start_new_session=True)"
    script = f'if [ -e tried ]; then exit 0; fi; touch tried; python -c "{daemon}"; exit 1'
    run = start(grace="5s", fit=Stage(run=script, retries=1, retry_after="1ms"))
    assert run_stages(run)
    assert "sleep 78 was still running: ended" in run.log("fit").read_text()
    assert not any("78" in process.info["cmdline"] for process in psutil.process_iter(["cmdline"], ad_value=()))


def run_command(folder: Path, text: str, stopping: Callable[[], bool] = lambda: False) -> command.Ended:
    return command.run(text, cwd=folder, log=folder / "log", environment={}, timeout=None, grace=5.0, stopping=stopping)


def test_a_command_is_followed_also_where_no_more_files_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "pidfd_open", refused, raising=False)
    assert run_command(tmp_path, "sleep 0.1; exit 3") == command.Ended(3, timed_out=False)


def test_a_command_does_not_outlive_who_follows_it(tmp_path: Path) -> None:
    def stopping() -> bool:
        if not (tmp_path / "pid").exists():
            return False
        raise StoreError("It can't be told whether to stop.")

    with pytest.raises(StoreError):
        run_command(tmp_path, "echo $$ > new; mv new pid; sleep 60", stopping)
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_a_stage_that_is_called_as_the_job_has_a_log_of_its_own(start: Start) -> None:
    run = start(job=Stage(run="echo stage says"), Job=Stage(run="true"), jobs=Stage(run="true"))
    assert run_stages(run)
    assert [Path(row.log).name for row in rows(run)] == ["job~.log", "Job~.log", "jobs.log"]
    assert run.log("job").read_text() == "stage says\n"


def test_a_folder_that_is_not_there_is_told(start: Start) -> None:
    with pytest.raises(JobError, match=r"stage 'fit' is to run in 'nowhere', which is no folder"):
        run_stages(start(fit=Stage(run="true", cwd="nowhere")))


def test_stages_after_a_failed_one_do_not_run(start: Start, workspace: Workspace) -> None:
    run = start(prepare=Stage(run="exit 1"), fit=Stage(run="touch fitted"))
    with pytest.raises(JobError):
        run_stages(run)
    assert not (workspace.root / "fitted").exists()
    assert [row.status for row in rows(run)] == [RunStatus.FAILED, RunStatus.QUEUED]


def test_independent_stages_run_at_once_up_to_the_slots(start: Start, workspace: Workspace) -> None:
    meet = "touch {0}.here; while [ ! -e {1}.here ]; do sleep 0.01; done; echo {0} > {0}"
    run = start(
        slots=2,
        left=Stage(run=meet.format("left", "right"), outs=("left",), timeout="20s"),
        right=Stage(run=meet.format("right", "left"), outs=("right",), timeout="20s"),
        both=Stage(run="cat left right > both", deps=("left", "right"), outs=("both",)),
    )
    assert run_stages(run)
    assert (workspace.root / "both").read_text() == "left\nright\n"


def test_one_slot_runs_one_stage_at_a_time(start: Start, workspace: Workspace) -> None:
    alone = "[ ! -e busy ] && touch busy && sleep 0.05 && rm busy"
    assert run_stages(start(**{name: Stage(run=alone) for name in "abc"}))


def test_after_a_failure_what_runs_ends_by_itself_and_nothing_begins(start: Start, workspace: Workspace) -> None:
    run = start(
        slots=2,
        bad=Stage(run="while [ ! -e begun ]; do sleep 0.01; done; touch failed; exit 1", timeout="20s"),
        slow=Stage(
            run="touch begun; while [ ! -e failed ]; do sleep 0.01; done; sleep 0.1; touch slow", outs=("slow",)
        ),
        later=Stage(run="touch later"),
    )
    with pytest.raises(JobError, match="stage 'bad' failed with exit code 1"):
        run_stages(run)
    assert (workspace.root / "slow").exists()
    assert not (workspace.root / "later").exists()
    assert [row.status for row in rows(run)] == [RunStatus.FAILED, RunStatus.SUCCEEDED, RunStatus.QUEUED]


def test_who_keeps_going_runs_all_that_does_not_wait_for_what_failed(start: Start, workspace: Workspace) -> None:
    run = start(
        keep_going=True,
        bad=Stage(run="exit 1", outs=("x",)),
        worse=Stage(run="exit 2"),
        after=Stage(run="touch after", deps=("x",)),
        other=Stage(run="touch other"),
    )
    with pytest.raises(JobError, match=r"stage 'bad' failed with exit code 1; stage 'worse' failed with exit code 2\."):
        run_stages(run)
    assert (workspace.root / "other").exists()
    assert not (workspace.root / "after").exists()


def test_nothing_runs_after_a_stop(start: Start, workspace: Workspace) -> None:
    run = start(
        stopping=lambda: (workspace.root / "prepared").exists(), a=Stage(run="touch prepared"), b=Stage(run="touch b")
    )
    assert not run_stages(run)
    assert not (workspace.root / "b").exists()


def test_the_last_line_of_a_hostile_log_is_safe_and_short(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * 10_000_000 + b"\n\x1b[31m[/markup]\xff" + b"y" * 1000 + b"\n\n  \n")
    line = last_line(log)
    assert line.startswith("␛[31m[/markup]�yyy")
    assert len(line) < 400
    assert last_line(tmp_path / "none") == ""


def test_exit_codes_in_words() -> None:
    assert [describe_exit(code) for code in (1, -9, 137, 255)] == [
        "exit code 1",
        "signal SIGKILL",
        "signal SIGKILL",
        "exit code 255",
    ]


def test_stages_of_all_jobs_stay_within_the_machine(start: Start, workspace: Workspace) -> None:
    """Each says when it begins and when it ends; at no moment are more than two there."""
    command = "echo + >> seen; sleep 0.1; echo - >> seen"
    made = {f"s{at}": Stage(run=command, cpus=1.5, memory="1 GB") for at in range(4)}
    limits = Limits(cpus=3.5, memory=10**10)
    pipelines = [start(slots=4, limits=limits, **made) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(run_stages, pipelines))
    there = list(accumulate(1 if line == "+" else -1 for line in (workspace.root / "seen").read_text().split()))
    assert len(there) == 16
    assert max(there) == 2


def test_a_stage_that_waits_for_the_machine_can_be_stopped(start: Start, workspace: Workspace) -> None:
    other = start(hog=Stage(run="true", memory="2 GB"))
    with workspace.store.write() as tx:
        stages.start(tx, other.run_id, "hog")
    limits = Limits(cpus=1, memory=3 * 10**9)
    told: list[str] = []
    run = replace(
        start(limits=limits, stopping=lambda: len(told) > 1, fit=Stage(run="true", memory="1.1 GB")),
        progress=lambda _, text: told.append(text),
    )
    assert not run_stages(run)
    assert told[0] == "fit waits until other jobs leave it what it asks for"


def test_the_time_left_is_told_by_the_usual_times(start: Start) -> None:
    told: list[tuple[float | None, str]] = []
    run = replace(
        start(a=Stage(run="sleep 0.2", outs=()), b=Stage(run="true")),
        times={"a": Usual(30.0, 30.0, 30.0, 5), "b": Usual(10.0, 10.0, 10.0, 5)},
        progress=lambda *now: told.append(now),
        slots=2,
    )
    assert run_stages(run)
    fraction, text = told[0]
    assert fraction is not None
    assert fraction < 0.1
    assert text in ("a, b: 30s left", "a, b: 29s left")


SCRIPT_FAILS = """
import pathlib, time
import mlops_console as mlops
with mlops.start_run():
    raise ValueError("A's own reason")
"""


def test_the_error_of_a_script_is_that_of_its_own_stage(start: Start, workspace: Workspace) -> None:
    """Both run at once; b ends after the error of a's script is in the store, and before a has told it."""
    (workspace.root / "a.py").write_text(SCRIPT_FAILS)
    until = "while [ ! -e {0} ]; do sleep 0.01; done; "
    run = start(
        slots=2,
        keep_going=True,
        a=Stage(run="python a.py; touch recorded; " + until.format("told") + "exit 1", timeout="20s"),
        b=Stage(run=until.format("recorded") + "echo real reason of b; exit 7", timeout="20s"),
    )

    def tell() -> None:
        wait_for(lambda: rows(run)[1].status.is_final)
        (workspace.root / "told").touch()
        workspace.store.close()

    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(tell)
        with pytest.raises(JobError):
            run_stages(run)
        told.result()
    a, b = (row.error or "" for row in rows(run))
    assert a.startswith("failed with exit code 1: ValueError: A's own reason (in <module>, ")
    assert b == "failed with exit code 7: real reason of b"
