"""The systemd unit: what it starts is a worker of this workspace, whatever its path looks like."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.worker import client, loop
from mlops_console.worker.unit import unit
from tests.support import wait_for


def start_line(text: str) -> list[str]:
    """The words of ExecStart, unquoted as systemd.syntax(7) says."""
    [line] = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    return [
        re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), word).replace("%%", "%").replace("$$", "$")
        for word in words
    ]


@pytest.mark.parametrize("name", ["project", "my project", "100%h $HOME", 'a "b" \\ c', "two\nlines"])
def test_the_unit_names_the_workspace_as_it_is(name: str) -> None:
    root = Path("/srv") / name
    text = unit(root)
    run = ["worker", "run", "--stay", "--workspace", str(root)]
    assert start_line(text) == [sys.executable, "-P", "-m", "mlops_console", *run]
    assert [line for line in text.splitlines() if line.startswith("[")] == ["[Unit]", "[Service]", "[Install]"]


def test_what_the_unit_starts_is_a_worker(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    process = subprocess.Popen(start_line(unit(workspace.root)), cwd="/", env=os.environ)
    try:
        wait_for(lambda: client.worker_status(workspace).state == "running")
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_systemd_starts_it_again_unless_it_was_told_to_stop(tmp_path: Path) -> None:
    """An exit status of 0 is no failure, so that a stop stays one."""
    workspace = open_workspace(tmp_path)
    assert "Restart=on-failure" in unit(workspace.root).splitlines()
    process = subprocess.Popen(start_line(unit(workspace.root)), cwd="/", env=os.environ)
    try:
        wait_for(lambda: client.worker_status(workspace).state == "running")
        assert client.stop_worker(workspace)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("stay", [False, True])
def test_only_a_worker_that_need_not_stay_ends_by_being_idle(workspace: Workspace, stay: bool) -> None:
    life = loop._Life(workspace, held=-1, pipe=-1, stop=threading.Event(), stay=stay)
    life.busy_at -= 1e6
    assert life._is_over() is not stay
