"""Opening, making, upgrading and breaking the store."""

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_console.core.errors import StoreError, UsageError
from mlops_console.store import jobs, migrations
from mlops_console.store.database import Store, backup
from mlops_console.store.workspace import Workspace, open_workspace

OPEN = """
import sys
from pathlib import Path
from mlops_console.store import runs
from mlops_console.store.workspace import open_workspace

sys.stdin.readline()
workspace = open_workspace(Path(sys.argv[1]))
with workspace.store.write() as tx:
    print(runs.create(tx, name="run", experiment="first"))
"""


def test_sixteen_processes_open_a_workspace_with_no_store_at_once(tmp_path: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(16)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = [child.communicate(timeout=30)[0].strip() for child in children]
    assert [child.returncode for child in children] == [0] * 16
    with open_workspace(tmp_path).store.read() as db:
        assert {row["id"] for row in db.execute("SELECT id FROM runs")} == set(answers)
        assert db.execute("SELECT count(*) FROM experiments").fetchone()[0] == 1
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    leftovers = [path.name for path in (tmp_path / ".mlops").iterdir() if path.name.startswith(".console")]
    assert leftovers == []


def test_the_store_is_private_and_in_wal_mode(workspace: Workspace) -> None:
    with workspace.store.read() as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert workspace.home.stat().st_mode & 0o777 == 0o700
    assert (workspace.home / ".gitignore").read_text() == "*\n"


def test_a_failed_write_leaves_nothing(workspace: Workspace) -> None:
    with pytest.raises(ZeroDivisionError), workspace.store.write() as tx:
        tx.execute("INSERT INTO datasets (name) VALUES ('half')")
        raise ZeroDivisionError
    with workspace.store.read() as db:
        assert db.execute("SELECT count(*) FROM datasets").fetchone()[0] == 0


def test_a_failed_commit_leaves_nothing_open(workspace: Workspace) -> None:
    with pytest.raises(StoreError, match="FOREIGN KEY"), workspace.store.write() as tx:
        tx.execute("PRAGMA defer_foreign_keys=ON")
        tx.execute("INSERT INTO tags (run_key, name, value) VALUES (7, 'of', 'nobody')")
    with workspace.store.write() as tx:
        tx.execute("INSERT INTO datasets (name) VALUES ('after')")
        assert tx.execute("SELECT count(*) FROM tags").fetchone()[0] == 0


def test_a_reader_cannot_write(workspace: Workspace) -> None:
    with pytest.raises(StoreError, match="can't be written"), workspace.store.read() as db:
        db.execute("INSERT INTO datasets (name) VALUES ('x')")


def test_a_reader_sees_one_state(workspace: Workspace) -> None:
    with workspace.store.read() as db:
        before = db.execute("SELECT count(*) FROM datasets").fetchone()[0]
        with workspace.store.write() as tx:
            tx.execute("INSERT INTO datasets (name) VALUES ('new')")
        assert db.execute("SELECT count(*) FROM datasets").fetchone()[0] == before


def test_a_store_of_a_newer_version_is_refused(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        tx.execute(f"PRAGMA user_version={migrations.newest() + 1}")
    with pytest.raises(StoreError, match="newer mlops-console"):
        Store(workspace.store.path).data_version()


def test_an_older_store_is_upgraded_after_a_backup(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workspace.store.write() as tx:
        tx.execute("INSERT INTO datasets (name) VALUES ('kept')")
    upgrade = tmp_path / "9999_more.sql"
    upgrade.write_text("CREATE TABLE more (x);\nINSERT INTO more VALUES (';');\n")
    scripts = {**migrations._scripts(), migrations.newest() + 1: upgrade}
    monkeypatch.setattr(migrations, "_scripts", lambda: scripts)
    upgraded = Store(workspace.store.path)
    with upgraded.read() as db:
        assert db.execute("SELECT x FROM more").fetchone()[0] == ";"
        assert db.execute("SELECT name FROM datasets").fetchone()[0] == "kept"
    assert (workspace.home / f"console-format-{max(scripts) - 1}.backup.db").is_file()
    with contextlib.closing(sqlite3.connect(workspace.store.path, isolation_level=None)) as late:
        migrations.migrate(late, before=lambda found: pytest.fail(f"format {found} is copied twice"))
    upgraded.close()


def test_a_migration_that_fails_changes_nothing(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = tmp_path / "9999_bad.sql"
    upgrade.write_text("CREATE TABLE more (x);\nCREATE TABLE runs (x);\n")
    assert workspace.store.data_version()
    scripts = {**migrations._scripts(), migrations.newest() + 1: upgrade}
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_scripts", lambda: scripts)
        with pytest.raises(StoreError, match="already exists"):
            Store(workspace.store.path)
    with Store(workspace.store.path).read() as db:
        assert migrations.version(db) == migrations.newest()
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone()[0] == 0


def test_nonsense_is_not_taken_for_a_store(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="no SQLite database"):
        Store(path)


def test_a_number_beyond_64_bits_is_bad_usage(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="64 bits"), workspace.store.read() as db:
        jobs.get(db, 2**64)
    with pytest.raises(UsageError, match="64 bits"), workspace.store.write() as tx:
        jobs.request_stop(tx, 2**64)
    assert workspace.store.data_version() > 0


def test_a_folder_that_cannot_be_written_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".mlops").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match=r"can't be made"):
        open_workspace(tmp_path)


def test_backup_is_whole(workspace: Workspace, tmp_path: Path) -> None:
    with workspace.store.write() as tx:
        tx.execute("INSERT INTO datasets (name) VALUES ('kept')")
    backup(workspace.store.path, tmp_path / "copy.db")
    copy = sqlite3.connect(tmp_path / "copy.db")
    assert copy.execute("SELECT name FROM datasets").fetchone()[0] == "kept"
    copy.close()


def test_data_version_tells_of_writes_by_others(workspace: Workspace) -> None:
    before = workspace.store.data_version()
    assert workspace.store.data_version() == before
    with workspace.store.write() as tx:
        tx.execute("INSERT INTO datasets (name) VALUES ('x')")
    assert workspace.store.data_version() != before
