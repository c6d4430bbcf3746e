"""The head of the ledger beside the store: it may lag, never lead, and shows what was cut off."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from mlops_console.core.errors import StoreError
from mlops_console.core.ledger import Head
from mlops_console.store import ledger, ledger_head
from mlops_console.store.workspace import Workspace, open_workspace


def add(workspace: Workspace, count: int = 1) -> Head:
    for number in range(count):
        with workspace.store.write() as tx:
            ledger.append(tx, "ada", "deploy", "production", "succeeded", {"n": number, "figure": float("nan")})
    with workspace.store.read() as db:
        return ledger.head(db)


def tamper(workspace: Workspace, *statements: str) -> None:
    with workspace.store.write() as tx:
        tx.execute("DROP TRIGGER IF EXISTS ledger_is_append_only_update")
        tx.execute("DROP TRIGGER IF EXISTS ledger_is_append_only_delete")
        for statement in statements:
            tx.execute(statement)


def kept(workspace: Workspace) -> Head | None:
    return ledger_head.read(workspace.store.path)


def why_broken(workspace: Workspace, noted: dict[str, Head] | None = None) -> tuple[int, str] | None:
    found = ledger.verification(workspace.store, noted or {}).broken
    return (found.seq, found.why) if found else None


def test_each_transaction_that_adds_moves_the_head(workspace: Workspace) -> None:
    assert kept(workspace) is None
    assert kept(workspace) is None
    first = add(workspace)
    assert kept(workspace) == first
    with workspace.store.write() as tx:
        tx.execute("CREATE TABLE other (a)")
    assert kept(workspace) == first
    with workspace.store.write() as tx:
        ledger.append(tx, "ada", "train", "train", "succeeded")
        ledger.append(tx, "ada", "train", "train", "failed")
    assert (kept(workspace), first.seq) == (add(workspace, 0), 1)
    assert why_broken(workspace) is None


def test_a_transaction_that_is_undone_moves_nothing(workspace: Workspace) -> None:
    before = add(workspace)
    with pytest.raises(ZeroDivisionError), workspace.store.write() as tx:
        ledger.append(tx, "ada", "train", "train", "succeeded")
        raise ZeroDivisionError
    with workspace.store.write() as tx:
        tx.execute("CREATE TABLE other (a)")
    assert kept(workspace) == before


def test_entries_that_were_cut_off_are_told(workspace: Workspace) -> None:
    add(workspace, 5)
    tamper(workspace, "DELETE FROM ledger WHERE seq > 3")
    assert why_broken(workspace) == (4, "ledger.head knows of entry 5, but the ledger ends at 3: entries were cut off")
    tamper(workspace, "DELETE FROM ledger")
    assert why_broken(workspace) == (1, "ledger.head knows of entry 5, but the ledger ends at 0: entries were cut off")


def test_without_any_noted_head_a_cut_can_not_be_told(workspace: Workspace) -> None:
    noted = add(workspace, 5)
    tamper(workspace, "DELETE FROM ledger WHERE seq > 3")
    workspace.store.path.with_name(ledger_head.NAME).unlink()
    found = ledger.verification(workspace.store, {})
    assert (found.entries, found.broken, found.noted) == (3, None, ())
    assert why_broken(workspace, {"a ticket": noted}) is not None


def test_a_cut_ledger_that_goes_on_is_still_told(workspace: Workspace) -> None:
    """New entries have the numbers of those that are gone, and other hashes: the head of before stays beside it."""
    noted = add(workspace, 5)
    tamper(workspace, "DELETE FROM ledger WHERE seq > 3")
    for _ in range(4):
        add(workspace)
        assert kept(workspace) == noted
        found = why_broken(workspace)
        assert found is not None
        assert found[0] == 5


def test_a_head_that_lags_is_fine(workspace: Workspace) -> None:
    first = add(workspace)
    path = workspace.store.path.with_name(ledger_head.NAME)
    text = path.read_text()
    add(workspace, 4)
    path.write_text(text)
    [found] = ledger.verification(workspace.store, {}).noted
    assert (found.head, found.later) == (first, 4)
    add(workspace)
    [found] = ledger.verification(workspace.store, {}).noted
    assert found.later == 0


def test_a_damaged_head_is_told_and_stays(workspace: Workspace) -> None:
    add(workspace)
    path = workspace.store.path.with_name(ledger_head.NAME)
    path.write_text("nonsense")
    add(workspace)
    with pytest.raises(StoreError, match="holds no head"):
        ledger.verification(workspace.store, {})
    assert path.read_text() == "nonsense"


def test_a_head_that_can_not_be_written_costs_no_action(workspace: Workspace) -> None:
    path = workspace.store.path.with_name(ledger_head.NAME)
    path.mkdir()
    assert add(workspace, 2).seq == 2
    with pytest.raises(StoreError, match="can't be read"):
        ledger.verification(workspace.store, {})


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE ledger SET subject = 'staging' WHERE seq = 3", 3),
        ("DELETE FROM ledger WHERE seq = 2", 2),
        ("UPDATE ledger SET seq = 0 WHERE seq = 1", 1),
        ("UPDATE ledger SET seq = 99 WHERE seq = 2", 2),
        (
            "INSERT INTO ledger SELECT 6, at, 'eve', action, subject, outcome, detail, hash, hash FROM ledger "
            "WHERE seq = 5",
            6,
        ),
        ("UPDATE ledger SET hash = upper(hash) WHERE seq = 4", 4),
    ],
)
def test_the_first_broken_entry_is_named_in_the_store(workspace: Workspace, statement: str, broken: int) -> None:
    add(workspace, 5)
    tamper(workspace, statement)
    found = why_broken(workspace)
    assert found is not None
    assert found[0] == broken


def test_many_writers_leave_the_newest_head(workspace: Workspace) -> None:
    writers = [threading.Thread(target=add, args=(workspace, 20)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert kept(workspace) == add(workspace, 0)
    assert why_broken(workspace) is None


def test_whoever_is_killed_leaves_no_head_that_leads(workspace: Workspace) -> None:
    program = (
        "import sys; from pathlib import Path; from mlops_console.store import ledger; "
        "from mlops_console.store.workspace import open_workspace; store = open_workspace(Path(sys.argv[1])).store\n"
        "print(flush=True)\n"
        "while True:\n"
        "    with store.write() as tx: ledger.append(tx, 'ada', 'train', 'train', 'succeeded')\n"
    )
    for round in range(6):
        child = subprocess.Popen([sys.executable, "-c", program, str(workspace.root)], stdout=subprocess.PIPE)
        with child:
            assert child.stdout is not None
            child.stdout.readline()
            try:
                child.wait(timeout=0.02 + 0.013 * round)  # the moment of the kill, not a state to wait for
            except subprocess.TimeoutExpired:
                os.kill(child.pid, signal.SIGKILL)
        found = ledger.verification(open_workspace(workspace.root).store, {})
        assert found.broken is None
        assert all(noted.later in (0, 1) for noted in found.noted)
