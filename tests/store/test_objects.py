"""Objects by their SHA-256."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_console.core.errors import StoreError
from mlops_console.store.workspace import Workspace


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=1000))
def test_what_is_put_in_comes_out(workspace: Workspace, content: bytes) -> None:
    sha256 = workspace.objects.put_bytes(content)
    assert workspace.objects.put_bytes(content) == sha256
    assert workspace.objects.read_checked(sha256) == content


def test_a_file(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "roc.png").write_bytes(b"picture")
    sha256, size = workspace.objects.put_file(tmp_path / "roc.png")
    assert size == 7
    assert workspace.objects.path(sha256).read_bytes() == b"picture"
    assert sha256 == workspace.objects.put_bytes(b"picture")


def test_a_damaged_object_is_found(workspace: Workspace) -> None:
    sha256 = workspace.objects.put_bytes(b"model")
    path = workspace.objects.path(sha256)
    path.chmod(0o644)
    path.write_bytes(b"mOdel")
    with pytest.raises(StoreError, match="is damaged"):
        workspace.objects.read_checked(sha256)
    path.unlink()
    with pytest.raises(StoreError, match="is missing"):
        workspace.objects.check(sha256)


def test_an_object_that_can_not_be_read_is_told(workspace: Workspace) -> None:
    sha256 = workspace.objects.put_bytes(b"model")
    workspace.objects.path(sha256).unlink()
    workspace.objects.path(sha256).mkdir()
    with pytest.raises(StoreError, match="can't be read: Is a directory"):
        workspace.objects.read_checked(sha256)
    with pytest.raises(StoreError, match="can't be read: Is a directory"):
        workspace.objects.check(sha256)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63])
def test_a_name_that_is_no_sha256_reaches_no_file(workspace: Workspace, name: str) -> None:
    with pytest.raises(StoreError, match="is no SHA-256"):
        workspace.objects.path(name)


@pytest.mark.parametrize("executable", [False, True])
def test_a_restored_file_is_no_link_to_what_is_kept(workspace: Workspace, tmp_path: Path, executable: bool) -> None:
    sha256 = workspace.objects.put_bytes(b"model")
    target = tmp_path / "folder" / "model"
    workspace.objects.restore(sha256, target, executable)
    assert target.stat().st_mode & 0o100 == 0o100 * executable
    target.write_bytes(b"changed")
    assert workspace.objects.read_checked(sha256) == b"model"


def test_what_is_damaged_is_not_restored(workspace: Workspace, tmp_path: Path) -> None:
    sha256 = workspace.objects.put_bytes(b"model")
    workspace.objects.path(sha256).chmod(0o600)
    workspace.objects.path(sha256).write_bytes(b"mOdel")
    (tmp_path / "model").write_bytes(b"before")
    with pytest.raises(StoreError, match="is damaged"):
        workspace.objects.restore(sha256, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["model"]
    assert (tmp_path / "model").read_bytes() == b"before"
