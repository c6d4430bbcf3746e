"""Commands performed by the process in waiting: the same as ever, whoever dies in the middle."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.cli import app
from mlops_console.cli.warm.protocol import SOCKET, WARM, packed, unpacked
from mlops_console.core.jobs import JobState
from mlops_console.store import jobs, runs
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.worker import client
from tests.support import wait_for

COLD = 99
PROGRAM = f"""
import sys
from mlops_console.cli.warm.client import perform
status = perform(sys.argv[1:])
sys.exit({COLD} if status is None else status)
"""


def command(*words: str) -> list[str]:
    """A command that fails with `COLD` where it isn't performed by the process in waiting."""
    return [sys.executable, "-c", PROGRAM, *words]


def warm(workspace: Workspace, *words: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*words),
        cwd=workspace.root,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def server(workspace: Workspace) -> Iterator["subprocess.Popen[bytes]"]:
    popen = subprocess.Popen(
        [sys.executable, "-P", "-m", "mlops_console.cli.warm.server", str(workspace.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    with popen:  # it ends with its standard input
        wait_for((workspace.home / SOCKET).exists, timeout=20)
        yield popen


def children(server: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    return psutil.Process(server.pid).children()


@contextlib.contextmanager
def waiting(workspace: Workspace, server: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[str]"]:
    """A command that waits for a job of many seconds, its job running."""
    (workspace.root / "mlops.toml").write_text(
        '[project]\nname = "p"\n[pipelines.train.stages.fit]\nrun = "echo begun; sleep 60"\n'
    )
    with subprocess.Popen(
        command("train", "--wait"),
        cwd=workspace.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as popen:
        wait_for(lambda: [job for job in listing(workspace) if job.state is JobState.RUNNING], timeout=20)
        assert len(children(server)) == 1
        try:
            yield popen
        finally:
            popen.kill()
            client.stop_worker(workspace)


def listing(workspace: Workspace) -> list[jobs.Job]:
    with workspace.store.read() as db:
        return jobs.listing(db, 10)


@given(
    st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
    st.dictionaries(
        st.text(st.characters(exclude_characters="\0=", exclude_categories=["Cs"]), min_size=1),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    ),
)
def test_a_request_comes_as_it_was_sent(arguments: list[str], environment: dict[str, str]) -> None:
    head, _, request = packed(arguments, "/some where", 0o27, environment).partition(b"\n")
    assert len(request) == int(head)
    assert unpacked(request) == (arguments, "/some where", 0o27, environment)


def test_a_command_does_the_same(workspace: Workspace, server: "subprocess.Popen[bytes]") -> None:
    with workspace.store.write() as tx:
        runs.create(tx, name="über-otter", experiment="e", status=runs.RunStatus.SUCCEEDED)
    for words in (
        ["status", "--json"],
        ["run", "list"],
        ["run", "show", "nobody", "--json"],
        ["run", "--help"],
        ["job"],
        ["job", "nonsense"],
        ["job", "show", "--nonsense"],
    ):
        cold = subprocess.run(
            [sys.executable, "-m", "mlops_console", *words],
            cwd=workspace.root,
            env={**os.environ, "MLOPS_WORKSPACE": str(workspace.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        found = warm(workspace, *words)
        assert (found.returncode, found.stdout, found.stderr) == (cold.returncode, cold.stdout, cold.stderr), words
        assert found.returncode != COLD
    assert warm(workspace, "job", "show", "--nonsense").stderr.startswith("Usage: mlops-console job show ")


def test_it_is_the_command_of_its_caller(
    workspace: Workspace, server: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    (tmp_path / "a b").mkdir()
    other = open_workspace(tmp_path / "a b")
    with other.store.write() as tx:
        runs.create(tx, name="calm-otter", experiment="e")
    other.store.close()
    found = warm(workspace, "run", "list", "--json", "-w", "../a b")
    assert found.returncode == 0, "from the folder of the caller"
    assert [run["name"] for run in json.loads(found.stdout)["runs"]] == ["calm-otter"]
    elsewhere = warm(workspace, "status", "--json", env={"MLOPS_WORKSPACE": str(other.root)})
    assert elsewhere.returncode == COLD, "nobody waits there"
    workspace.config_path.write_text('[project]\nname = "p"\n[pipelines.train.stages.fit]\nrun = "true"\n')
    refused = warm(workspace, "train", env={"MLOPS_READ_ONLY": "1"})
    assert (refused.returncode, "read-only" in refused.stderr) == (3, True)


def test_a_reader_that_has_had_enough_makes_no_noise(workspace: Workspace, server: "subprocess.Popen[bytes]") -> None:
    words = ["sh", "-c", '("$@"; echo $? >&2) | true', "sh", *command("run", "list", "--json")]
    found = subprocess.run(words, cwd=workspace.root, stderr=subprocess.PIPE, text=True, check=False)
    assert found.stderr in ("0\n", "1\n", "120\n"), "the exit status alone"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_ends_it_there(
    workspace: Workspace, server: "subprocess.Popen[bytes]", number: int, status: int
) -> None:
    with waiting(workspace, server) as popen:
        popen.send_signal(number)
        assert popen.wait(20) == status
        wait_for(lambda: not children(server))
        assert listing(workspace)[0].state is JobState.RUNNING


def test_a_caller_that_is_killed_takes_it_along(workspace: Workspace, server: "subprocess.Popen[bytes]") -> None:
    with waiting(workspace, server) as popen:
        popen.kill()
        wait_for(lambda: not children(server))
        assert listing(workspace)[0].state is JobState.RUNNING


def test_its_death_is_told(workspace: Workspace, server: "subprocess.Popen[bytes]") -> None:
    with waiting(workspace, server) as popen:
        for child in children(server):
            child.kill()
        _, told = popen.communicate(timeout=20)
        assert (popen.returncode, "has died" in told) == (1, True)


def test_a_pause_is_its_pause(workspace: Workspace, server: "subprocess.Popen[bytes]") -> None:
    with waiting(workspace, server) as popen:
        (child,) = children(server)
        popen.send_signal(signal.SIGTSTP)
        wait_for(lambda: child.status() == psutil.STATUS_STOPPED)
        wait_for(lambda: psutil.Process(popen.pid).status() == psutil.STATUS_STOPPED)
        popen.send_signal(signal.SIGCONT)
        wait_for(lambda: child.status() != psutil.STATUS_STOPPED)


def test_what_speaks_against_it_lets_the_command_go_the_ordinary_way(
    workspace: Workspace, server: "subprocess.Popen[bytes]"
) -> None:
    assert warm(workspace, "status").returncode == 0
    assert warm(workspace, "worker", "status").returncode == COLD, "it starts what outlives it"
    assert warm(workspace, "--debug", "status").returncode == COLD
    assert warm(workspace, "status", env={"PYTHONHASHSEED": "7"}).returncode == COLD, "another interpreter"
    closed = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command("status")], cwd=workspace.root, check=False)
    assert closed.returncode == COLD
    server.kill()
    server.wait()
    assert (workspace.home / SOCKET).exists()
    assert warm(workspace, "status").returncode == COLD, "nobody listens"


def test_one_that_says_nothing_is_not_waited_for(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.home)  # as the path of a socket may not be long
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(SOCKET)
        silent.listen()
        assert warm(workspace, "status").returncode == COLD


def test_it_ends_with_who_started_it(workspace: Workspace, server: "subprocess.Popen[bytes]") -> None:
    assert server.stdin is not None
    server.stdin.close()
    assert server.wait(10) == 0


def test_the_worker_has_one_in_waiting(workspace: Workspace) -> None:
    (workspace.root / "mlops.toml").write_text('[project]\nname = "p"\n[pipelines.train.stages.fit]\nrun = "true"\n')
    job_id = client.execute(workspace, "train", {}).job_id
    assert job_id is not None
    client.wait(workspace, job_id, 30)
    wait_for(lambda: warm(workspace, "status").returncode == 0, timeout=20)
    assert client.stop_worker(workspace)
    assert warm(workspace, "status").returncode == COLD


def test_every_such_command_is_one() -> None:
    assert {command for commands in app._MODULES.values() for command in commands} >= WARM


def test_asking_for_one_costs_little() -> None:
    program = "import sys\nimport mlops_console.__main__, mlops_console.cli.warm.client\nprint(*sys.modules)"
    found = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, env=_with_source())
    heavy = {"typing", "pathlib", "json", "dataclasses", "subprocess", "threading", "typer", "pydantic", "sqlite3"}
    assert found.returncode == 0, found.stderr
    assert not heavy & set(found.stdout.split())


def _with_source() -> dict[str, str]:
    import mlops_console

    return {**os.environ, "PYTHONPATH": str(Path(mlops_console.__file__).parent.parent)}
