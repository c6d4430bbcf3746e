"""The content of files and folders: right, remembered, and never remembered wrongly."""

import hashlib
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_console.core.errors import JobStopped, UsageError
from mlops_console.data import hashing
from mlops_console.data.hashing import Hasher, Progress, listing_sha256
from mlops_console.store import file_hashes
from mlops_console.store.workspace import Workspace


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def settle(path: Path) -> None:
    """As if it had been written a minute ago."""
    at = time.time_ns() - 60_000_000_123
    os.utime(path, ns=(at, at))


def known(workspace: Workspace, path: str = ".") -> set[str]:
    with workspace.store.read() as db:
        return set(file_hashes.known(db, path))


def test_a_file_has_the_hash_of_its_content(workspace: Workspace) -> None:
    (workspace.root / "a").write_bytes(b"content")
    tree = Hasher(workspace).tree("./a")
    assert tree is not None
    assert (tree.path, tree.sha256, tree.is_folder, tree.size) == ("a", sha256(b"content"), False, 7)
    assert Hasher(workspace).tree("none") is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(st.dictionaries(st.sampled_from(["a", "b/c", "b/d", "b/e/f", "g"]), st.binary(max_size=9), min_size=1))
def test_a_folder_has_the_hash_of_its_names_and_contents(workspace: Workspace, files: dict[str, bytes]) -> None:
    folder = workspace.root / os.urandom(4).hex()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    tree = Hasher(workspace).tree(folder.name)
    assert tree is not None
    pairs = [(f"{folder.name}/{name}", sha256(content)) for name, content in files.items()]
    assert tree.sha256 == listing_sha256(folder.name, pairs)
    other = folder.rename(folder.with_name(folder.name + "x"))
    moved = Hasher(workspace).tree(other.name)
    assert moved is not None
    assert moved.sha256 == tree.sha256
    (other / "new").touch()
    changed = Hasher(workspace).tree(other.name)
    assert changed is not None
    assert changed.sha256 != tree.sha256


def test_what_has_not_been_touched_is_not_read_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (workspace.root / name).write_text(name)
        settle(workspace.root / name)
    first = Hasher(workspace).tree(".")
    read: list[str] = []
    whole = hashing._Work._hash
    monkeypatch.setattr(hashing._Work, "_hash", lambda self, file: (read.append(file.path), whole(self, file))[1])
    assert Hasher(workspace).tree(".") == first
    assert read == []
    (workspace.root / "b").write_text("c")
    assert Hasher(workspace).tree(".") != first
    assert read == ["b"]


def test_what_was_written_a_moment_ago_is_not_remembered(workspace: Workspace) -> None:
    """It may be written again with the same size and mtime."""
    (workspace.root / "a").write_text("a")
    now = time.time_ns() + 5_000_000_001
    os.utime(workspace.root / "a", ns=(now, now))
    Hasher(workspace).tree("a")
    assert known(workspace) == set()


def test_what_is_gone_is_forgotten(workspace: Workspace) -> None:
    for name in ("folder/a", "folder-b/c", "folder/d"):
        (workspace.root / name).parent.mkdir(exist_ok=True)
        (workspace.root / name).touch()
        settle(workspace.root / name)
    for name in ("folder", "folder-b"):
        Hasher(workspace).tree(name)
    (workspace.root / "folder/a").unlink()
    Hasher(workspace).tree("folder")
    assert known(workspace) == {"folder/d", "folder-b/c"}
    assert known(workspace, "folder") == {"folder/d"}


def test_folders_that_change_by_themselves_are_left_out(workspace: Workspace) -> None:
    for name in (".git/HEAD", "src/__pycache__/a.pyc", "src/a.py"):
        (workspace.root / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.root / name).touch()
    tree = Hasher(workspace).tree(".")
    assert tree is not None
    assert [file.path for file in tree.files] == ["src/a.py"]


def test_a_whole_tree_has_what_is_left_out_otherwise(workspace: Workspace) -> None:
    for name in ("out/a.py", "out/.git/head", "out/sub/__pycache__/a.pyc"):
        (workspace.root / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.root / name).write_text(name)
        settle(workspace.root / name)
    (workspace.root / "out/empty/empty").mkdir(parents=True)
    part, whole = Hasher(workspace).tree("out"), Hasher(workspace).tree("out", whole=True)
    assert part is not None
    assert whole is not None
    assert ([file.path for file in part.files], part.empty) == (["out/a.py"], ())
    assert [file.path for file in whole.files] == ["out/.git/head", "out/a.py", "out/sub/__pycache__/a.pyc"]
    assert whole.empty == ("out/empty/empty",)
    (workspace.root / "out/empty/empty").rmdir()
    again = Hasher(workspace).tree("out", whole=True)
    assert again is not None
    assert (again.sha256 != whole.sha256, again.empty) == (True, ("out/empty",))
    assert Hasher(workspace).tree("out") == part
    assert known(workspace) == {file.path for file in whole.files}  # what was not looked for is not forgotten


def test_a_stop_raises_and_keeps_what_is_known(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_PORTION", 2)
    for at in range(10):
        (workspace.root / f"f{at}").write_text("x")
        settle(workspace.root / f"f{at}")
    looks = iter([False, False, True])
    with pytest.raises(JobStopped, match="was stopped"):
        Hasher(workspace, stopping=lambda: next(looks)).tree(".")
    assert len(known(workspace)) == 6


def test_large_files_are_read_in_threads_with_progress(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_BLOCK", 1024)
    monkeypatch.setattr(hashing, "_TELL_EVERY", 0.0)
    contents = {f"f{at}": os.urandom(500_000 + at) for at in range(4)}
    for name, content in contents.items():
        (workspace.root / name).write_bytes(content)
    told: list[Progress] = []
    tree = Hasher(workspace, told.append).tree(".")
    assert tree is not None
    assert {file.path: file.sha256 for file in tree.files} == {n: sha256(c) for n, c in contents.items()}
    assert told
    assert all(0 <= one.done <= one.total == 2_000_006 for one in told)
    assert [one.done for one in told] == sorted(one.done for one in told)


def test_a_stop_ends_the_reading_of_a_large_file(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_BLOCK", 1024)
    (workspace.root / "a").write_bytes(bytes(1_000_000))
    with pytest.raises(JobStopped):
        Hasher(workspace, stopping=lambda: True).tree("a")


def test_what_can_not_be_hashed_is_told(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.root / "loop").mkdir()
    (workspace.root / "loop/again").symlink_to("..")
    with pytest.raises(UsageError, match=r"is a link to a folder above it"):
        Hasher(workspace).tree("loop")
    (workspace.root / "out").symlink_to(tmp_path)
    with pytest.raises(UsageError, match=r"out is a symbolic link to .*, which is outside of the project"):
        Hasher(workspace).tree("out")
    os.mkfifo(workspace.root / "pipe")
    with pytest.raises(UsageError, match="pipe is neither a file nor a folder"):
        Hasher(workspace).tree("pipe")
    (workspace.root / "odd").mkdir()
    (workspace.root / "odd" / os.fsdecode(b"\xff")).touch()
    with pytest.raises(UsageError, match="is no UTF-8"):
        Hasher(workspace).tree("odd")


def test_links_inside_of_the_project_are_followed(workspace: Workspace) -> None:
    (workspace.root / "a").write_text("one")
    (workspace.root / "b").symlink_to("a")
    tree = Hasher(workspace).tree("b")
    assert tree is not None
    assert tree.sha256 == sha256(b"one")
