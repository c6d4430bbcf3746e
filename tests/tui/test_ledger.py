"""The ledger view: entries newest first, and whether the chain is whole."""

import sqlite3
import time

import pytest

from mlops_console.store import ledger
from mlops_console.store.workspace import Workspace
from mlops_console.tui.screens.ledger.rows import entry_facts, entry_rows
from mlops_console.tui.screens.ledger.view import check_chain, read_entries
from tests.tui.helpers import console, screen_text, until
from tests.tui.seed import CONFIG, HOSTILE, seed


def tamper(workspace: Workspace, seq: int) -> None:
    """What somebody does who may write the file."""
    with sqlite3.connect(workspace.home / "console.db") as db:
        db.execute("DROP TRIGGER ledger_is_append_only_update")
        db.execute("UPDATE ledger SET actor = 'mallory' WHERE seq = ?", (seq,))
    db.close()


def test_rows_are_newest_first_and_details_carry_the_hashes(workspace: Workspace) -> None:
    seed(workspace)
    entries = read_entries(workspace).entries
    rows = entry_rows(entries, time.time(), exact=False)
    assert [row.key for row in rows] == ["6", "5", "4", "3", "2", "1"]
    facts = {fact.name: fact.value for fact in entry_facts(entries[0])}
    assert facts["hash"] == entries[0].hash
    assert facts["follows"] == entries[1].hash
    assert facts["model"] == "fraud:3"


def test_a_changed_entry_breaks_the_chain(workspace: Workspace) -> None:
    seed(workspace)
    assert check_chain(workspace).broken is None
    tamper(workspace, 4)
    broken = check_chain(workspace).broken
    assert broken is not None
    assert broken.seq == 4


def test_entries_that_were_cut_off_break_it_too(workspace: Workspace) -> None:
    seed(workspace)
    with workspace.store.write() as tx:
        tx.execute("DROP TRIGGER ledger_is_append_only_delete")
        tx.execute("DELETE FROM ledger WHERE seq = 6")
    broken = check_chain(workspace).broken
    assert broken is not None
    assert broken.seq == 6


async def test_the_view_says_that_the_chain_is_whole_and_follows(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "ledger") as pilot:
        await until(pilot, "✓ chain whole · 6 entries checked")
        await until(pilot, "deploy")
        with workspace.store.write() as tx:
            ledger.append(tx, "bo", "rollback", "production", "live", {"to": 1})
        await until(pilot, "7 entries checked")
        await pilot.press("enter")
        await until(pilot, "follows")


async def test_a_broken_chain_is_told(workspace: Workspace) -> None:
    seed(workspace)
    tamper(workspace, 2)
    async with console(workspace, "ledger") as pilot:
        await until(pilot, "✗ chain broken at entry 2")


@pytest.mark.parametrize("size", [(20, 5), (60, 15), (200, 50)])
async def test_hostile_text_in_any_terminal(workspace: Workspace, size: tuple[int, int]) -> None:
    (workspace.root / "mlops.toml").write_text(CONFIG)
    with workspace.store.write() as tx:
        ledger.append(tx, HOSTILE, HOSTILE, HOSTILE, HOSTILE, {HOSTILE: HOSTILE, "deep": [{"a": HOSTILE}]})
    async with console(workspace, "ledger", size) as pilot:
        await until(pilot, "chain whole") if size[1] > 10 else await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause()
        assert not set("\x1b\x07\u202e") & set(screen_text(pilot))


async def test_an_empty_ledger_says_what_it_is_for(workspace: Workspace) -> None:
    async with console(workspace, "ledger") as pilot:
        await until(pilot, "Nothing was done yet")
