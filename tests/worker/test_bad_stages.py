"""Stages at their worst, with a real worker: each gets one sentence, nothing is left behind, the worker lives on."""

import errno
import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from mlops_console.core.errors import ConfigError
from mlops_console.core.jobs import Job, JobState
from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.pipelines import log_limit
from mlops_console.store import jobs, stages
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking.recover import recover
from mlops_console.worker import client
from tests.support import wait_for
from tests.worker.project import Project

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes as Linux has them")

HEAD = '[project]\nname = "sample"\n\n[worker]\nidle = "1m"\ngrace = "500ms"\n'
UNTIL_GO = "touch started; while ! test -e go; do sleep 0.01; done; "
# Out of the group and the session of its job, nobody's child, and deaf to SIGTERM.
DAEMON = """python -c "
import os, signal
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open('new', 'w').write(str(os.getpid()))
os.rename('new', 'daemon')
os.execvp('sleep', ['sleep', '77'])"
while ! test -e daemon; do sleep 0.01; done
"""


class Rig(Project):
    """A project whose one worker goes through all of it."""

    def stage(self, run: str, **settings: object) -> None:
        self.pipelines(train={"fit": {"run": run, **settings}})

    def pipelines(self, **made: dict[str, dict[str, object]]) -> None:
        text = HEAD
        for pipeline, found in made.items():
            for stage, settings in found.items():
                text += f"\n[pipelines.{pipeline}.stages.{stage}]\n"
                text += "".join(f"{key} = {_toml(value)}\n" for key, value in settings.items())
        (self.root / "mlops.toml").write_text(text)

    def fit(self, run: str, **settings: object) -> Job:
        """Train with one stage, to the end."""
        self.stage(run, **settings)
        return self.until_ended(self.train())

    def fails(self, sentence: str, run: str, **settings: object) -> Job:
        """It fails with this, and job, run and stage agree on that."""
        job = self.fit(run, **settings)
        assert (job.state, self.run(job.id).status) == (JobState.FAILED, RunStatus.FAILED)
        assert [stage.status for stage in self.stages(job.id)] == [RunStatus.FAILED]
        assert job.error is not None
        assert sentence in job.error
        assert "\n" not in job.error
        return job

    def succeeds(self, run: str, **settings: object) -> Job:
        job = self.fit(run, **settings)
        assert (job.state, job.error, self.run(job.id).status) == (JobState.SUCCEEDED, None, RunStatus.SUCCEEDED)
        return job

    def refuses(self, sentence: str, **made: dict[str, object]) -> None:
        self.pipelines(train=made)
        with pytest.raises(ConfigError, match=sentence):
            self.train()

    def stages(self, job_id: int) -> list[StageRun]:
        with self.workspace.store.read() as db:
            return stages.listing(db, self.run(job_id).id)

    def log(self, job: Job, stage: str = "fit") -> str:
        return (self.workspace.logs_dir / str(job.id) / f"{stage}.log").read_text()

    def until(self, *paths: str) -> None:
        for path in paths:
            wait_for((self.root / path).exists, what=path)

    def daemon(self) -> int:
        return int((self.root / "daemon").read_text())

    def tidy(self) -> None:
        """End the jobs, and take away all but the store."""
        with self.workspace.store.read() as db:
            left = jobs.open_jobs(db)
        for job in left:
            with self.workspace.store.write() as tx:
                jobs.request_stop(tx, job.id)
        for job in left:
            self.until_ended(job.id)
        for path in self.root.iterdir():
            if path.name == ".mlops":
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        (self.root / "raw").write_text(str(time.time_ns()))  # so that no test finds in the cache what another has made


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(found)}" for key, found in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # its new parent has yet to look
    except psutil.NoSuchProcess:
        return True


def ended(project: Project) -> bool:
    return not project.processes()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    workspace = open_workspace(tmp_path_factory.mktemp("project"))
    rig = Rig(workspace)
    yield rig
    client.stop_worker(workspace)
    wait_for(lambda: ended(rig), what="the end of all processes of the project")
    workspace.store.close()


@pytest.fixture
def rig(house: Rig) -> Iterator[Rig]:
    """After each test the same worker is there, and but for it and what waits for a job, nothing."""
    house.tidy()
    client.start_worker(house.workspace)
    worker = house.worker_pid()
    yield house
    house.tidy()
    assert house.worker_pid() == worker
    wait_for(lambda: all(_is_kept(process) for process in house.processes()), what="the end of what jobs have started")


def _is_kept(process: psutil.Process) -> bool:
    try:
        line = process.cmdline()
    except psutil.NoSuchProcess:
        return True
    return "mlops_console.worker" in line or line[-2:-1] in (
        ["mlops_console.worker.job"],
        ["mlops_console.cli.warm.server"],
    )


def test_what_can_be_known_before_is_told_at_once(rig: Rig) -> None:
    rig.refuses(
        r"wait for each other in a circle: a → b → a\.",
        a={"run": "true", "deps": ["x"], "outs": ["y"]},
        b={"run": "true", "deps": ["y"], "outs": ["x"]},
    )
    rig.refuses("'a' and 'b' .* both write './y/'", a={"run": "true", "outs": ["y"]}, b={"run": "x", "outs": ["./y/"]})
    for outside in ("../raw", "a/../../raw", "/etc/passwd"):
        rig.refuses("which is outside of the project", a={"run": "true", "deps": [outside]})
    rig.refuses("which is not there", a={"run": "true", "deps": ["n" * 300]})
    (rig.root / "loop").symlink_to("loop")
    rig.refuses("which is not there", a={"run": "true", "deps": ["loop"]})
    rig.refuses("may hold a NUL", a={"run": "true", "env": {"A": "one\0two"}})


def test_what_a_link_leads_to_outside_is_neither_read_nor_written(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("secret")
    (rig.root / "link").symlink_to(tmp_path)
    (rig.root / "single").symlink_to(tmp_path / "f")
    for path in ("single", "link/f"):
        rig.fails(f"{path} is a symbolic link to {tmp_path}/f, which is outside", f"cat {path}", deps=[path])
    rig.fails("single is a symbolic link", "echo > single", deps=["raw"], outs=["single"])
    for out in ("link/f", "link/new"):
        rig.fails("outside of the project, through a link", f"echo > {out}", deps=["raw"], outs=[out])
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("f", "secret")]


def test_a_command_that_is_not_there(rig: Rig) -> None:
    rig.fails("stage 'fit' failed with exit code 127: sh: ", "frobnicate --now")


@pytest.mark.parametrize("end", ["", "kill -9 $PPID; sleep 60"], ids=["in good order", "with a job that is killed"])
def test_a_daemon_ends_with_the_job_and_that_is_told(rig: Rig, end: str) -> None:
    job = rig.fit(DAEMON + end)
    assert job.state is (JobState.LOST if end else JobState.SUCCEEDED)
    wait_for(lambda: is_gone(rig.daemon()))
    assert f"process {rig.daemon()} (sleep 77) was still running at the end of the job: ended" in rig.log(job)


def test_a_daemon_of_a_stage_that_is_stopped_by_force_ends_too(rig: Rig) -> None:
    rig.stage(DAEMON + "trap '' TERM; touch started; sleep 60; sleep 60")
    job_id = rig.train()
    rig.until("started")
    client.execute(rig.workspace, "stop_job", {"job": job_id})
    job = rig.until_ended(job_id)
    assert job.state is JobState.STOPPED
    assert "it had not ended 0.5s after SIGTERM: killed" in rig.log(job)
    wait_for(lambda: is_gone(rig.daemon()))


def test_what_a_job_leaves_does_not_take_another_job_along(rig: Rig) -> None:
    rig.pipelines(train={"fit": {"run": DAEMON}}, other={"wait": {"run": UNTIL_GO}})
    other = rig.train(pipeline="other")
    rig.until("started")
    assert rig.until_ended(rig.train(pipeline="train")).state is JobState.SUCCEEDED
    assert rig.job(other).state is JobState.RUNNING
    (rig.root / "go").touch()
    assert rig.until_ended(other).state is JobState.SUCCEEDED


def test_200_megabytes_of_output_are_cut_in_the_middle(rig: Rig) -> None:
    rig.stage("echo begin; yes 'a line of output that says nothing at all' | head -c 200000000; echo; echo the end")
    job_id, largest = rig.train(), 0
    while not (job := rig.job(job_id)).state.is_final:
        try:
            found = psutil.Process(job.process.pid).memory_info().rss if job.process else 0
        except psutil.NoSuchProcess:
            continue
        largest = max(largest, found)
        threading.Event().wait(0.01)
    assert job.state is JobState.SUCCEEDED
    assert largest < 150_000_000
    log = rig.workspace.logs_dir / str(job_id) / "fit.log"
    assert log.stat().st_size <= log_limit.LIMIT + 1000
    text = log.read_bytes()
    log.unlink()
    assert text.startswith(b"begin\n")
    assert text.endswith(b"the end\n")
    assert text.count(b"a log keeps 100.0 MB at the most: lines of the middle are missing here") == 1


@pytest.mark.parametrize("holes", [True, False])
def test_a_log_that_is_cut_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holes: bool) -> None:
    if not holes:
        monkeypatch.setattr(log_limit, "_punched", lambda *_: False)
    log = tmp_path / "log"
    with log.open("ab", buffering=0) as output:
        for number in range(1000):
            output.write(b"line %d\n" % number)
            log_limit.bound(log, written=True, limit=1000)
            assert holes or log.stat().st_size <= 1000
    log_limit.bound(log, written=False, limit=1000)
    assert log.stat().st_size <= 1000
    lines = log.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("line 0", "line 999")
    assert sum("missing here" in line for line in lines) == 1
    assert all(line.startswith("line ") or "missing" in line for line in lines)
    log.write_bytes(b"x" * 2000)
    log_limit.bound(log, written=False, limit=1000)
    assert len(log.read_bytes()) < 1000
    log.unlink()
    log_limit.bound(log, written=True)


def test_a_stage_that_takes_its_own_folder_away(rig: Rig) -> None:
    (rig.root / "sub").mkdir()
    rig.succeeds("rm -rf ../sub", cwd="sub")
    rig.fails("is to run in 'sub', which is no folder", "true", cwd="sub")
    (rig.root / "sub").mkdir()
    again = {"cwd": "sub", "retries": 1, "retry_after": "1ms"}
    rig.fails(f"can't run: No such file or directory ({rig.root}/sub)", "rm -rf ../sub; false", **again)


def test_a_stage_that_takes_the_logs_away(rig: Rig) -> None:
    away = f"rm -rf {rig.root}/.mlops/logs; "
    rig.succeeds(away + "echo > out", deps=["raw"], outs=["out"])
    rig.fails("failed with exit code 1 (2 of 2 attempts)", away + "false", retries=1, retry_after="1ms")
    rig.pipelines(
        train={
            "one": {"run": away + "echo > out", "deps": ["raw"], "outs": ["out"]},
            "two": {"run": "echo here", "deps": ["out"]},
        }
    )
    job = rig.until_ended(rig.train())
    assert (job.state, rig.log(job, "two")) == (JobState.SUCCEEDED, "here\n")


def test_a_stage_that_takes_the_outs_of_another_away(rig: Rig) -> None:
    rig.pipelines(
        train={
            "one": {"run": "echo > out", "deps": ["raw"], "outs": ["out"]},
            "two": {"run": "rm out; echo > other", "deps": ["out"], "outs": ["other"]},
            "three": {"run": "cat out", "deps": ["out", "other"]},
        }
    )
    job = rig.until_ended(rig.train())
    assert (job.state, "stage 'three' needs 'out', which is not there" in str(job.error)) == (JobState.FAILED, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_fills_while_a_stage_runs(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip("no small disk may be mounted here")
    try:
        (tmp_path / "project").mkdir()
        small = Rig(open_workspace(tmp_path / "project"))
        try:
            small.stage("dd if=/dev/zero of=big bs=4k; touch started; while ! test -e go; do sleep 0.01; done; false")
            job_id = small.train()
            small.until("started")
            (small.root / "go").touch()
            worker_log = small.workspace.home / "worker.log"
            wait_for(lambda: "is full" in worker_log.read_text())
            assert small.job(job_id).state is JobState.RUNNING  # as nothing else can be written
            (small.root / "big").unlink()
            assert small.until_ended(job_id).state is JobState.FAILED
            assert small.run(job_id).status is RunStatus.FAILED
            assert [stage.status.is_final for stage in small.stages(job_id)] == [True]
            small.succeeds("true")
        finally:
            (small.root / "big").unlink(missing_ok=True)
            client.stop_worker(small.workspace)
            wait_for(lambda: ended(small))
            small.workspace.store.close()
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.parametrize("after", [None, "[project\n", HEAD], ids=["removed", "broken", "another one"])
def test_a_run_goes_on_as_it_was_begun(rig: Rig, after: str | None) -> None:
    (rig.root / "params.toml").write_text("[fit]\nlr = 0.1\n")
    one = {"run": UNTIL_GO + "echo > out", "deps": ["raw"], "outs": ["out"]}
    rig.pipelines(train={"one": one, "two": {"run": 'cat "$MLOPS_PARAMS"', "deps": ["out"], "params": ["fit"]}})
    config = rig.root / "mlops.toml"
    config.write_text(config.read_text() + '\n[pipelines.train]\nparams = "params.toml"\n')
    (rig.root / "go").unlink(missing_ok=True)
    job_id = rig.train(force=["*"])
    rig.until("started")
    (rig.root / "params.toml").write_text("[fit]\nlr = 0.9\n")
    config.unlink() if after is None else config.write_text(after)
    (rig.root / "go").touch()
    job = rig.until_ended(job_id)
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    assert json.loads(rig.log(job, "two")) == {"fit": {"lr": 0.1}}
    assert rig.run(job_id).params == {"fit.lr": 0.1}


def test_an_out_that_appears_and_vanishes(rig: Rig) -> None:
    rig.fails("ended without writing 'out', one of its outs", "echo > out; rm out", deps=["raw"], outs=["out"])
    told = "has left what can't be an out (a file or a folder in the project): out/link is a symbolic link to nothing."
    rig.fails(told, "mkdir out; ln -s nowhere out/link", deps=["raw"], outs=["out"])


def test_a_link_to_nothing_in_a_dep_is_told_as_what_it_is(rig: Rig) -> None:
    (rig.root / "data").mkdir()
    (rig.root / "data/.#notes").symlink_to("somebody@host.123")  # as Emacs locks a file
    rig.fails("can't run: data/.#notes is a symbolic link to nothing.", "true", deps=["data"])
    (rig.root / "data/.#notes").unlink()
    (rig.root / "data/loop").symlink_to("loop")
    rig.fails("data/loop can't be read: Too many levels of symbolic links", "true", deps=["data"])


def _make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def _make_device(path: Path) -> None:
    try:
        os.mknod(path, 0o666 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make a device")


@pytest.mark.parametrize("settings", [{"deps": ["raw"]}, {}], ids=["cached", "never cached"])
def test_what_is_no_file_is_no_out(rig: Rig, settings: dict[str, object]) -> None:
    sock = "import socket; socket.socket(socket.AF_UNIX).bind('out/sock')"
    told = "stage 'fit' has left what can't be an out (a file or a folder in the project): "
    for path, make in {
        "out/pipe": "mkfifo out/pipe",
        "out/sock": f'python -c "{sock}"',
        "out/link": "ln -s /etc/passwd out/link",
    }.items():
        job = rig.fails(f"{told}{path} is ", f"mkdir out; {make}", outs=["out"], **settings)
        assert rig.stages(job.id)[0].exit_code == 0
        shutil.rmtree(rig.root / "out")
    rig.fails(f"{told}out is neither a file nor a folder.", "mkfifo out", outs=["out"], **settings)
    rig.fails("can't run: out is neither a file nor a folder", "echo > out", outs=["out"], **settings)


def test_what_ends_too_slowly_is_killed_after_the_grace_of_the_worker(rig: Rig) -> None:
    job = rig.fails("its timeout of 200ms", "trap '' TERM; sleep 60; sleep 60", timeout="200ms")
    assert "it had not ended 0.5s after SIGTERM: killed" in rig.log(job)


@pytest.mark.parametrize("make", [os.mkfifo, _make_socket, _make_device])
def test_what_is_no_file_is_no_dep(rig: Rig, make: Callable[[Path], None]) -> None:
    (rig.root / "data").mkdir()
    make(rig.root / "data/in")
    rig.fails("can't run: data/in is neither a file nor a folder", "true", deps=["data"])


def test_names_that_nobody_would_choose_come_back(rig: Rig) -> None:
    names = ["a\nb", "q\"'`$x", "😀", "-rf", " ", "..  ", "\x1b[31m", "n" * 255]
    (rig.root / "names.json").write_text(json.dumps(names))
    make = "python -c \"import json; [open('out/' + n, 'w').write(n) for n in json.load(open('names.json'))]\""
    stage = {"deps": ["names.json"], "outs": ["out"]}
    rig.succeeds(f"mkdir out; {make}", **stage)
    shutil.rmtree(rig.root / "out")
    job = rig.succeeds(f"mkdir out; {make}", **stage)
    assert rig.stages(job.id)[0].cached_from is not None
    assert {path.name: path.read_text() for path in (rig.root / "out").iterdir()} == {name: name for name in names}


def test_names_that_are_no_text(rig: Rig) -> None:
    (rig.root / "data").mkdir()
    odd = os.fsencode(rig.root / "data") + b"/\xff\n"
    Path(os.fsdecode(odd)).touch()
    rig.fails(r"The name of 'data/\udcff\n' is no UTF-8", "true", deps=["data"])
    os.unlink(odd)  # noqa: PTH108 - bytes
    os.symlink(b"/etc/\xfe\n", odd)  # noqa: PTH211
    rig.fails("data/�␤ is a symbolic link to /etc/�␤, which is outside", "true", deps=["data"])


def test_many_files_and_many_deps(rig: Rig) -> None:
    make = "python -c \"[open(f'out/{n}', 'w').write(str(n)) for n in range(300)]\""
    (rig.root / "deps").mkdir()
    deps = [f"deps/{number}" for number in range(300)]
    for dep in deps:
        (rig.root / dep).write_text(dep)
    for _ in range(2):
        shutil.rmtree(rig.root / "out", ignore_errors=True)
        job = rig.succeeds(f"mkdir out; {make}", deps=deps, outs=["out"])
        assert len(list((rig.root / "out").iterdir())) == 300
    assert rig.stages(job.id)[0].cached_from is not None
    (rig.root / "deps/222").write_text("else")
    assert rig.stages(rig.succeeds(f"mkdir out; {make}", deps=deps, outs=["out"]).id)[0].why == "deps/222 changed"


def test_a_dep_that_grows_while_it_is_read(rig: Rig) -> None:
    grower = subprocess.Popen(["sh", "-c", "while :; do echo more >> grows; done"], cwd=rig.root)
    try:
        rig.until("grows")
        run = 'cp grows out; until [ -e over ] || [ "$(wc -c < grows)" != "$(wc -c < out)" ]; do :; done'
        job = rig.succeeds(run, deps=["grows"], outs=["out"])
    finally:
        grower.kill()
        grower.wait()
    assert "its outs are not cached: grows was changed while it ran" in rig.log(job)
    (rig.root / "over").touch()
    assert rig.stages(rig.succeeds(run, deps=["grows"], outs=["out"]).id)[0].cached_from is None


def test_a_long_command(rig: Rig) -> None:
    assert rig.log(rig.succeeds(f"echo done # {'x' * 100_000}")) == "done\n"
    rig.fails(f"can't run: {os.strerror(errno.E2BIG)}", f"echo done # {'x' * 200_000}")


def test_a_value_of_two_lines(rig: Rig) -> None:
    assert rig.log(rig.succeeds('printf %s "$TWO"', env={"TWO": "one\ntwo"})) == "one\ntwo"


@pytest.mark.parametrize(("one", "other"), [("out/a", "out"), ("out", "./out/a")])
def test_two_pipelines_with_one_out_write_it_one_after_the_other(rig: Rig, one: str, other: str) -> None:
    def stage(out: str, word: str, wait: str = "") -> dict[str, dict[str, object]]:
        file = out if out.endswith("a") else f"{out}/a"
        run = f"mkdir -p out; echo {word} > {file}; {wait} echo {word} >> {file}"
        return {word: {"run": run, "deps": ["raw"], "outs": [out]}}

    rig.pipelines(train=stage(one, "one", UNTIL_GO), second=stage(other, "two"))
    first = rig.train()
    rig.until("started")
    second = rig.train(pipeline="second")
    log = rig.workspace.logs_dir / str(second) / "two.log"
    wait_for(lambda: log.exists() and "another run writes" in log.read_text())
    assert (rig.root / "out/a").read_text() == "one\n"
    (rig.root / "go").touch()
    for job_id, word in ((first, "one"), (second, "two")):
        job = rig.until_ended(job_id)
        assert (job.state, job.error) == (JobState.SUCCEEDED, None), word
    assert (rig.root / "out/a").read_text() == "two\ntwo\n"
    job = rig.until_ended(rig.train())
    assert rig.stages(job.id)[0].cached_from is not None
    assert (rig.root / "out/a").read_text() == "one\none\n"


def test_what_waits_for_an_out_can_be_stopped(rig: Rig) -> None:
    rig.pipelines(
        train={"one": {"run": UNTIL_GO + "echo > out", "outs": ["out"]}},
        second={"two": {"run": "echo > out", "outs": ["out"]}},
    )
    first = rig.train()
    rig.until("started")
    second = rig.train(pipeline="second")
    log = rig.workspace.logs_dir / str(second) / "two.log"
    wait_for(log.exists)
    client.execute(rig.workspace, "stop_job", {"job": second})
    assert rig.until_ended(second).error != "It was stopped by force."
    assert (rig.job(second).state, rig.job(first).state) == (JobState.STOPPED, JobState.RUNNING)
    (rig.root / "go").touch()
    assert rig.until_ended(first).state is JobState.SUCCEEDED


@pytest.mark.parametrize("jump", [-3600, 7200])
def test_a_clock_that_jumps(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: int) -> None:
    """In all processes of the worker `time.time` adds what a file says."""
    offset = tmp_path / "offset"
    offset.write_text("0")
    (tmp_path / "sitecustomize.py").write_text(
        f"import time\nreal = time.time\ntime.time = lambda: real() + float(open({str(offset)!r}).read() or 0)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    rig = Rig(workspace)
    try:
        rig.stage(UNTIL_GO, timeout="60s")
        job_id = rig.train()
        rig.until("started")
        offset.write_text(str(jump))
        (rig.root / "go").touch()
        job = rig.until_ended(job_id)
        assert (job.state, rig.run(job_id).status) == (JobState.SUCCEEDED, RunStatus.SUCCEEDED)
        monkeypatch.delenv("PYTHONPATH")
        for kind in ("run", "job") if jump < 0 else ():
            asked = [sys.executable, "-m", "mlops_console", "--workspace", str(rig.root), kind, "list"]
            shown = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
            assert "succeeded" in shown
            assert "-3" not in shown.replace(rig.run(job_id).name, "")
    finally:
        client.stop_worker(workspace)
        wait_for(lambda: ended(rig))


def test_a_job_that_was_suspended_for_longer_than_its_heartbeat_is_not_lost(rig: Rig) -> None:
    rig.pipelines(train={"fit": {"run": UNTIL_GO}}, other={"fit": {"run": "true"}})
    job_id = rig.train()
    rig.until("started")
    process = rig.job(job_id).process
    assert process is not None
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        with rig.workspace.store.write() as tx:  # the last sign of life was an hour ago
            for table in ("jobs", "runs"):
                tx.execute(f"UPDATE {table} SET heartbeat_at = heartbeat_at - 3600 WHERE heartbeat_at IS NOT NULL")
        assert recover(rig.workspace) == ()
        assert rig.until_ended(rig.train(pipeline="other")).state is JobState.SUCCEEDED  # the worker has looked around
        assert (rig.job(job_id).state, rig.run(job_id).status) == (JobState.RUNNING, RunStatus.RUNNING)
    finally:
        os.killpg(process.pid, signal.SIGCONT)
    (rig.root / "go").touch()
    assert rig.until_ended(job_id).state is JobState.SUCCEEDED


def test_a_worker_that_is_killed_as_it_hands_a_job_over(workspace: Workspace) -> None:
    rig = Rig(workspace)
    try:
        rig.stage("echo x >> ran")
        for done in range(3):
            rig.until_ended(rig.train())
            wait_for(
                lambda: any(process.cmdline()[-2:-1] == ["mlops_console.worker.job"] for process in rig.processes())
            )
            worker = rig.worker_pid()
            job_id = rig.train()
            deadline = time.monotonic() + (0.004 * done if done % 2 else 10)
            while rig.job(job_id).state is JobState.QUEUED and time.monotonic() < deadline:
                pass
            os.kill(worker, signal.SIGKILL)
            wait_for(lambda: client.worker_status(workspace).state == "dead")
            client.start_worker(workspace)
            assert rig.until_ended(job_id).state is JobState.SUCCEEDED
            assert len((rig.root / "ran").read_text().split()) == 2 * done + 2  # neither lost nor done twice
    finally:
        client.stop_worker(workspace)
        wait_for(lambda: ended(rig))


def test_a_project_whose_folder_has_a_name_of_two_lines(tmp_path: Path) -> None:
    folder = tmp_path / "two\nlines \udcff"
    folder.mkdir()
    rig = Rig(open_workspace(folder))
    try:
        for _ in range(2):  # the second one is given to the process in waiting
            assert rig.log(rig.succeeds("echo here")) == "here\n"
            wait_for(
                lambda: any(process.cmdline()[-2:-1] == ["mlops_console.worker.job"] for process in rig.processes())
            )
        assert list(tmp_path.iterdir()) == [folder]
    finally:
        client.stop_worker(rig.workspace)
        wait_for(lambda: ended(rig))
        rig.workspace.store.close()


def test_a_store_that_another_process_locks_for_a_while(rig: Rig) -> None:
    rig.stage("touch started; sleep 0.1; echo done")
    job_id = rig.train()
    rig.until("started")
    db = sqlite3.connect(rig.workspace.store.path, isolation_level=None)
    try:
        db.execute("BEGIN IMMEDIATE")
        log = rig.workspace.logs_dir / str(job_id) / "fit.log"
        wait_for(lambda: log.read_text() == "done\n")
        free = time.monotonic() + 1.5
        wait_for(lambda: time.monotonic() > free)
        assert rig.job(job_id).state is JobState.RUNNING
    finally:
        db.execute("ROLLBACK")
        db.close()
    job = rig.until_ended(job_id)
    assert (job.state, rig.run(job_id).status) == (JobState.SUCCEEDED, RunStatus.SUCCEEDED)


def test_an_object_store_that_can_not_be_written(rig: Rig) -> None:
    """What is in the place of the folder stops root, too."""
    objects, aside = rig.workspace.objects.folder, rig.root / ".mlops/aside"
    objects.mkdir(exist_ok=True)
    objects.rename(aside)
    try:
        objects.touch()
        stage = {"deps": ["raw"], "outs": ["out"]}
        job = rig.succeeds("echo made > out # read-only", **stage)
        assert "its outs are not cached: " in rig.log(job)
        (rig.root / "out").write_text("by hand")
        rig.fails("can't run: Not a directory", "echo made > out # read-only", **stage)
        assert (rig.root / "out").read_text() == "by hand"
    finally:
        objects.unlink()
        aside.rename(objects)
    rig.succeeds("echo made > out # read-only", **stage)
    assert (rig.root / "out").read_text() == "made\n"


def test_the_mode_of_an_out_comes_back(rig: Rig) -> None:
    run = "mkdir out; for f in yes no; do echo > out/$f; done; chmod 750 out/yes; chmod 640 out/no"
    rig.succeeds(run, deps=["raw"], outs=["out"])
    (rig.root / "out/yes").chmod(0o640)
    (rig.root / "out/no").chmod(0o755)
    job = rig.succeeds(run, deps=["raw"], outs=["out"])
    assert rig.stages(job.id)[0].cached_from is not None
    assert [(rig.root / "out" / name).stat().st_mode & 0o777 for name in ("yes", "no")] == [0o750, 0o644]


def test_an_object_that_is_changed_through_a_hard_link_is_made_anew(rig: Rig) -> None:
    rig.succeeds("echo first > one", deps=["raw"], outs=["one"])
    kept = rig.workspace.objects.path(hashlib.sha256(b"first\n").hexdigest())
    assert kept.read_text() == "first\n"
    rig.succeeds(f"mkdir two; ln {kept} two/in; chmod u+w two/in; echo more >> two/in", deps=["raw"], outs=["two"])
    (rig.root / "one").unlink()
    job = rig.succeeds("echo first > one", deps=["raw"], outs=["one"])
    assert rig.stages(job.id)[0].why == "what it had made is damaged"
    assert (rig.root / "one").read_text() == kept.read_text() == "first\n"


def test_a_script_that_ends_its_own_job(rig: Rig) -> None:
    job = rig.fit("kill -9 $PPID")
    assert (job.state, job.error) == (JobState.LOST, f"The process of job {job.id} was ended by signal SIGKILL.")
    assert [stage.status for stage in rig.stages(job.id)] == [RunStatus.LOST]
