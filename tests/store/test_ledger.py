"""The hash chain."""

import pytest

from mlops_console.core.errors import StoreError
from mlops_console.store import ledger
from mlops_console.store.workspace import Workspace


def fill(workspace: Workspace) -> None:
    for number in range(5):
        with workspace.store.write() as tx:
            ledger.append(tx, "ada", "deploy", "production", "succeeded", {"revision": number, "ü": 0.1})


def tamper(workspace: Workspace, statement: str) -> None:
    with workspace.store.write() as tx:
        tx.execute("DROP TRIGGER ledger_is_append_only_update")
        tx.execute("DROP TRIGGER ledger_is_append_only_delete")
        tx.execute(statement)


def first_broken(workspace: Workspace) -> int | None:
    broken = ledger.verification(workspace.store, {}).broken
    return broken.seq if broken else None


def test_a_whole_chain(workspace: Workspace) -> None:
    assert first_broken(workspace) is None
    fill(workspace)
    assert first_broken(workspace) is None
    with workspace.store.read() as db:
        assert [entry.seq for entry in ledger.entries(db)] == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE ledger SET actor = 'eve' WHERE seq = 3", 3),
        ("UPDATE ledger SET detail = '{}' WHERE seq = 2", 2),
        ("UPDATE ledger SET detail = 'no json' WHERE seq = 2", 2),
        ("UPDATE ledger SET detail = '[1]' WHERE seq = 2", 2),
        (f"UPDATE ledger SET detail = '{'[' * 100_000}' WHERE seq = 2", 2),
        ("UPDATE ledger SET at = at + 1 WHERE seq = 1", 1),
        ("DELETE FROM ledger WHERE seq = 4", 4),
        ("UPDATE ledger SET seq = CASE seq WHEN 2 THEN 30 ELSE seq END", 2),
    ],
)
def test_the_first_broken_entry_is_named(workspace: Workspace, statement: str, broken: int) -> None:
    fill(workspace)
    tamper(workspace, statement)
    assert first_broken(workspace) == broken
    with workspace.store.read() as db:
        assert all(dict(entry.detail) == entry.detail for entry in ledger.entries(db))


@pytest.mark.parametrize("statement", ["UPDATE ledger SET actor = 'eve'", "DELETE FROM ledger"])
def test_the_store_refuses_to_change_an_entry(workspace: Workspace, statement: str) -> None:
    fill(workspace)
    with pytest.raises(StoreError, match="append-only"), workspace.store.write() as tx:
        tx.execute(statement)
