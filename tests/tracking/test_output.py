"""What a program prints is kept in its run's file, and goes where it went before."""

import contextlib
import io
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_console.store import runs
from mlops_console.store.logs import output_log
from mlops_console.store.workspace import Workspace
from mlops_console.tracking import output
from mlops_console.tracking.output import Output
from tests.support import wait_for
from tests.tracking import programs

START = "run = mlops.start_run('a', capture_output=True)\n"


def _kept(workspace: Workspace) -> str:
    return (workspace.root / output_log(programs.only_run(workspace).id)).read_bytes().decode()


def test_everything_goes_both_ways(workspace: Workspace) -> None:
    body = """
import logging, sys, warnings
early = logging.StreamHandler()
print('before')
run = mlops.start_run('a', capture_output=True)
print('print', 1, end='; ')
print('to stderr', file=sys.stderr)
sys.stdout.writelines(['two ', 'parts\\n'])
logging.getLogger('x').addHandler(early)
logging.getLogger('x').warning('of a handler bound earlier')
warnings.warn('beware')
print('ünï \\udc80 \\U0001f600')
run.finish()
print('after')
"""
    done = programs.run(
        workspace, body, env={"PYTHONIOENCODING": "utf-8:backslashreplace", "PYTHONWARNINGS": "default"}
    )
    assert done.returncode == 0
    kept = _kept(workspace)
    assert "print 1; to stderr\ntwo parts\nof a handler bound earlier\n" in kept
    assert "UserWarning: beware" in kept
    assert "ünï \\udc80 😀\n" in kept
    assert "before" not in kept
    assert "after" not in kept
    assert done.stdout.startswith("before\nprint 1; two parts\n")
    assert done.stdout.endswith("after\n")
    assert done.stderr.startswith("to stderr\nof a handler bound earlier\n")


def test_nothing_is_kept_that_was_not_asked_for(workspace: Workspace) -> None:
    programs.run(workspace, "mlops.start_run('a')\nprint('x')")
    assert not (workspace.root / output_log(programs.only_run(workspace).id)).exists()


def test_the_streams_are_as_before(workspace: Workspace) -> None:
    body = """
import sys
def facts():
    streams = (sys.stdout, sys.stderr)
    return [(s, s.isatty(), s.encoding, s.fileno(), s.line_buffering, dict(vars(s))) for s in streams]
before = facts()
run = mlops.start_run('a', capture_output=True)
assert [fact[:5] for fact in facts()] == [fact[:5] for fact in before]
assert print('x') is None and sys.stdout.write('four') == 4
try:
    sys.stdout.write(5)
except TypeError as error:
    assert 'must be str' in str(error)
run.finish()
assert facts() == before
"""
    done = programs.run(workspace, body)
    assert (done.returncode, done.stdout, done.stderr) == (0, "x\nfour", "")
    assert _kept(workspace) == "x\nfour"


def test_a_terminal_stays_one(workspace: Workspace) -> None:
    """Progress bars ask for it, and write with carriage returns."""
    outer, inner = pty.openpty()
    script = workspace.root / "train.py"
    script.write_text(
        f"import sys, mlops_console as mlops\n{START}assert sys.stdout.isatty()\n"
        "for n in range(3): print(f'\\r{n}', end='', flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=workspace.root,
        env={**os.environ, "PYTHONPATH": str(programs.SOURCE)},
        stdout=inner,
        stderr=inner,
    )
    os.close(inner)
    assert process.wait(timeout=20) == 0
    assert os.read(outer, 100) == b"\r0\r1\r2"
    os.close(outer)
    assert _kept(workspace) == "\r0\r1\r2"


@pytest.mark.parametrize(
    "body",
    [
        START + "1 / 0",
        "with mlops.start_run('a', capture_output=True): 1 / 0",
        "def work():\n    1 / 0\nwith mlops.start_run('a', capture_output=True): work()",
    ],
)
def test_the_traceback_that_ends_a_run_is_kept(workspace: Workspace, body: str) -> None:
    done = programs.run(workspace, body)
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    kept = _kept(workspace)
    assert kept.count("Traceback (most recent call last)") == 1
    assert kept.endswith("ZeroDivisionError: division by zero\n")


def test_it_survives_kill_9(workspace: Workspace) -> None:
    """Even what Python still buffers for the pipe, as nobody has flushed it."""
    body = START + "print('printed and not flushed')\nopen('ready', 'w').close()\nimport signal; signal.pause()"
    process = programs.start(workspace, body, env={"PYTHONUNBUFFERED": ""})
    wait_for((workspace.root / "ready").exists)
    process.send_signal(signal.SIGKILL)
    printed, _ = process.communicate()
    assert printed == ""
    assert wait_for(lambda: list(workspace.logs_dir.glob("*/output.log")))[0].read_text() == "printed and not flushed\n"


def test_forked_children_write_to_it_too(workspace: Workspace) -> None:
    body = """
import multiprocessing
def work(number):
    for line in range(200):
        print(f'child {number} line {line}\\n', end='', flush=True)
with mlops.start_run('a', capture_output=True) as run:
    workers = [multiprocessing.get_context('fork').Process(target=work, args=(n,)) for n in range(4)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
    print('parent')
"""
    done = programs.run(workspace, body)
    assert (done.returncode, done.stderr) == (0, "")
    lines = _kept(workspace).splitlines()
    assert sorted(lines) == sorted([f"child {c} line {n}" for c in range(4) for n in range(200)] + ["parent"])
    assert sorted(done.stdout.splitlines()) == sorted(lines)


def test_a_stage_of_a_worker_has_a_log_already(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="joined", experiment="e")
    done = programs.run(workspace, START + "print('x')", env={"MLOPS_RUN_ID": run_id})
    assert (done.returncode, done.stdout) == (0, "x\n")
    assert not (workspace.root / output_log(run_id)).exists()


def test_a_full_disk(workspace: Workspace) -> None:
    body = (
        """
import resource, signal
import mlops_console.tracking.output as output
"""
        + START
        + """
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
for n in range(100):
    print(f'{n:9}')
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print('back')
"""
    )
    done = programs.run(workspace, body)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 101
    assert done.stderr.count("TrackingWarning: mlops-console: Output is not kept in") == 1
    kept = _kept(workspace)
    assert kept.startswith(f"{0:9}\n")
    assert kept.endswith("output is missing here, as the file could not be written)\nback\n")


def test_a_folder_that_can_not_be_made(workspace: Workspace) -> None:
    workspace.logs_dir.rmdir()
    workspace.logs_dir.touch()
    done = programs.run(workspace, START + "print('x')\nrun.finish()")
    assert (done.returncode, done.stdout) == (0, "x\n")
    assert done.stderr.count("TrackingWarning") == 1


def test_warnings_that_are_errors_stop_nothing(workspace: Workspace) -> None:
    workspace.logs_dir.rmdir()
    workspace.logs_dir.touch()
    done = programs.run(workspace, START + "print('x')", env={"PYTHONWARNINGS": "error"})
    assert (done.returncode, done.stdout) == (0, "x\n")


def test_a_new_workspace_is_made_whole(tmp_path: Path) -> None:
    """The file may be there before anything else of the store is."""
    folder = tmp_path / "fresh"
    folder.mkdir()
    fresh = Workspace(folder)
    done = programs.run(fresh, START + "print('x')")
    assert (done.returncode, done.stderr) == (0, "")
    assert _kept(fresh) == "x\n"
    assert (fresh.home / ".gitignore").read_text() == "*\n"
    assert fresh.objects.folder.is_dir()
    assert fresh.home.stat().st_mode & 0o777 == 0o700
    fresh.store.close()


def test_two_runs_at_once_and_one_after_the_other(workspace: Workspace) -> None:
    body = """
import sys
a = mlops.start_run('a', capture_output=True)
b = mlops.start_run('b', capture_output=True)
print('both')
a.finish()
print('only b')
b.finish()
print('nobody')
with mlops.start_run('c', capture_output=True):
    print('c')
"""
    done = programs.run(workspace, body)
    assert (done.stdout, done.stderr) == ("both\nonly b\nnobody\nc\n", "")
    kept = {r.name: (workspace.root / output_log(r.id)).read_text() for r in programs.all_runs(workspace)}
    assert kept == {"a": "both\n", "b": "both\nonly b\n", "c": "c\n"}


@pytest.mark.parametrize("made", ["None", "Slotted()"])
def test_streams_of_an_unusual_kind(workspace: Workspace, made: str) -> None:
    body = f"""
import sys
class Slotted:
    __slots__ = ()
    def write(self, text): pass
    def flush(self): pass
sys.stdout = {made}
{START}
print('x')
sys.stderr.write('y')
"""
    done = programs.run(workspace, body)
    assert (done.returncode, done.stderr) == (0, "y")
    assert _kept(workspace) == "y"


@contextlib.contextmanager
def _captured(path: Path, stdout: io.StringIO, stderr: io.StringIO | None = None) -> Iterator[Output]:
    """A capture of what is written to these two in this process."""
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr or stdout):
        capture = Output(path, pytest.fail)
        yield capture
        capture.close()


def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "LIMIT", 1000)
    path, stream = tmp_path / "logs" / "output.log", io.StringIO()
    with _captured(path, stream, io.StringIO()), _captured(path, stream, io.StringIO()):
        for _ in range(200):
            sys.stdout.write("ten bytes\n")
    kept = path.read_text()
    assert kept.startswith("ten bytes\n")
    assert kept.count("the rest is not kept") == 1
    assert kept.endswith("the rest is not kept)\n")
    assert len(kept) < 1100
    assert stream.getvalue() == "ten bytes\n" * 200


def test_one_stream_for_both(tmp_path: Path) -> None:
    shared = io.StringIO()
    with _captured(tmp_path / "output.log", shared):
        sys.stderr.write("x\n")
    assert (tmp_path / "output.log").read_text() == "x\n"
    assert vars(shared) == {}


def test_somebody_elses_patch_on_top_stays(tmp_path: Path) -> None:
    stream, heard = io.StringIO(), []
    with _captured(tmp_path / "output.log", stream):
        ours = sys.stdout.write

        def theirs(text: str) -> int:
            heard.append(text)
            return ours(text)

        vars(stream)["write"] = theirs
        stream.write("a")
    stream.write("b")
    assert stream.write is theirs
    assert (heard, (tmp_path / "output.log").read_text(), stream.getvalue()) == (["a", "b"], "a", "ab")


def test_it_costs_little(tmp_path: Path) -> None:
    with _captured(tmp_path / "output.log", io.StringIO()):
        begin = time.perf_counter()
        for _ in range(10_000):
            sys.stdout.write("a line of usual length, with some figures: 0.12345\n")
        took = time.perf_counter() - begin
    assert took < 1.0
