"""A console without a worker still looks after what was killed."""

import dataclasses

import pytest

from mlops_console.core.runs import RunStatus
from mlops_console.store import runs
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace
from mlops_console.tui import recovery
from tests.tui.helpers import console, until


async def test_a_run_whose_process_was_killed_becomes_lost(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "INTERVAL", 0.05)
    killed = dataclasses.replace(current_process(), started=0.0)
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="calm-otter", experiment="first", process=killed)
        tx.execute("UPDATE runs SET heartbeat_at = 1")
    async with console(workspace, "runs") as pilot:
        await until(pilot, "lost")
    with workspace.store.read() as db:
        assert runs.get(db, run_id).status is RunStatus.LOST
