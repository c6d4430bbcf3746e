"""Opening, making, upgrading and breaking the store."""

import contextlib
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mlops_console.core.errors import StoreError, UsageError
from mlops_console.store import archive, jobs, migrations
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


class TestGone:
    """A store that is removed under those who use it."""

    def test_who_has_it_open_tells_and_makes_no_other(self, workspace: Workspace) -> None:
        store = workspace.store
        with store.write() as tx:
            tx.execute("INSERT INTO datasets (name) VALUES ('lost')")
        store.path.unlink()

        def use_in_another_thread() -> None:
            with pytest.raises(StoreError, match="is gone"), store.write():
                pass

        thread = threading.Thread(target=use_in_another_thread)
        thread.start()
        thread.join()
        with pytest.raises(StoreError, match="is gone") as told, store.write() as tx:
            tx.execute("INSERT INTO datasets (name) VALUES ('more')")
        assert "'mlops-console restore FILE'" in str(told.value.hint)
        with pytest.raises(StoreError, match="is gone"), store.read():
            pass
        with pytest.raises(StoreError, match="is gone"):
            store.data_version()
        assert not store.path.exists()

    def test_the_same_file_moved_away_and_back_goes_on(self, workspace: Workspace) -> None:
        before = workspace.store.data_version()
        away = workspace.store.path.rename(workspace.home / "away.db")
        with pytest.raises(StoreError, match="is gone"):
            workspace.store.data_version()
        away.rename(workspace.store.path)
        assert workspace.store.data_version() == before
        with workspace.store.write() as tx:
            tx.execute("INSERT INTO datasets (name) VALUES ('kept')")

    def test_another_file_in_its_place_is_taken_up(self, workspace: Workspace, tmp_path: Path) -> None:
        backup(workspace.store.path, tmp_path / "copy.db")
        with workspace.store.write() as tx:
            tx.execute("INSERT INTO datasets (name) VALUES ('later')")
        before = workspace.store.data_version()
        with workspace.store.read() as db:
            (tmp_path / "copy.db").rename(workspace.store.path)
            for path in workspace.home.glob("console.db-*"):
                path.unlink()
            with workspace.store.read() as same:  # what has begun sees one state
                assert same is db
                assert same.execute("SELECT count(*) FROM datasets").fetchone()[0] == 1
        assert workspace.store.data_version() != before
        with workspace.store.write() as tx:
            assert tx.execute("SELECT count(*) FROM datasets").fetchone()[0] == 0
            tx.execute("INSERT INTO datasets (name) VALUES ('new')")
        with Store(workspace.store.path).read() as db:
            assert [row["name"] for row in db.execute("SELECT name FROM datasets")] == ["new"]

    def test_a_restore_is_seen_by_who_has_the_store_open(self, workspace: Workspace, tmp_path: Path) -> None:
        with workspace.store.write() as tx:
            tx.execute("INSERT INTO datasets (name) VALUES ('kept')")
        archive.save(workspace, tmp_path / "backup.tar.gz")
        workspace.store.path.unlink()
        archive.restore(workspace.root, tmp_path / "backup.tar.gz")
        with workspace.store.read() as db:
            assert db.execute("SELECT name FROM datasets").fetchone()[0] == "kept"

    @pytest.mark.parametrize(
        "trace",
        ["ledger.head", "console-format-3.backup.db", "console.db-wal"],
    )
    def test_opening_makes_no_second_one(self, workspace: Workspace, trace: str) -> None:
        workspace.store.close()
        for path in workspace.home.glob("console.db*"):
            path.unlink()
        assert not Store(workspace.store.path).close()  # nothing tells that there was one
        workspace.store.path.unlink()
        (workspace.home / trace).write_bytes(b"something")
        with pytest.raises(StoreError, match="is gone") as told:
            open_workspace(workspace.root).store.data_version()
        assert f"move {workspace.home} away" in str(told.value.hint)
        assert not workspace.store.path.exists()
        workspace.home.rename(workspace.root / "away")
        assert open_workspace(workspace.root).store.data_version()
