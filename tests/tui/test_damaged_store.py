"""A store that can't be read is told of where the rows would be, for as long as nothing else can be shown."""

import contextlib
import sqlite3

import pytest
from textual.widgets._toast import Toast

from mlops_console.store.workspace import Workspace, open_workspace
from tests.tui.helpers import console, screen_text, until


@pytest.mark.parametrize("view", ["overview", "runs", "models", "deployments", "jobs"])
async def test_a_damaged_store_is_told_in_place_of_its_rows(workspace: Workspace, view: str) -> None:
    with contextlib.closing(sqlite3.connect(workspace.store.path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    workspace.store.close()
    for beside in ("-wal", "-shm"):  # in which a whole first page may stand, where a connection is still open
        workspace.store.path.with_name(f"console.db{beside}").unlink(missing_ok=True)
    whole = workspace.store.path.read_bytes()
    with workspace.store.path.open("r+b") as store:
        store.write(b"xxxx")
    async with console(open_workspace(workspace.root), view, size=(100, 24)) as pilot:
        await until(pilot, "Bring back a backup of it.")
        pilot.app.clear_notifications()
        while pilot.app.screen.query(Toast):
            await pilot.pause(0.02)
        text = await until(pilot, "Bring back a backup of it.")
        assert "damaged." in text
        assert "Reading…" not in text
        assert "No environment yet" not in text
        workspace.store.path.write_bytes(whole)
        pilot.app.main.view.reload(frozenset({"runs", "models", "environments", "jobs"}))  # type: ignore[attr-defined]
        while "Bring back a backup" in screen_text(pilot):
            await pilot.pause(0.02)
