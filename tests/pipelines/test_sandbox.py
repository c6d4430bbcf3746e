"""A folder of its own for a trial."""

from pathlib import Path

import pytest

from mlops_console.pipelines.sandbox import sandbox


def test_the_project_is_there_and_its_outs_are_not(tmp_path: Path) -> None:
    root = tmp_path / "project"
    for name in ("src/a.py", "build/data/x", "build/keep", ".mlops/db", ".git/HEAD", "build/deep/out/y"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    with sandbox(root, tmp_path / "trial", ["build/data", "./build/deep/out", "new/model"]) as folder:
        assert (folder / "src/a.py").read_text() == "src/a.py"
        assert (folder / "build/keep").read_text() == "build/keep"
        assert not any((folder / name).exists() for name in ("build/data", "build/deep/out", ".mlops", ".git"))
        (folder / "build/data").mkdir()
        (folder / "build/data/x").write_text("mine")
        (folder / "build/beside").write_text("mine")
    assert not folder.exists()
    assert (root / "build/data/x").read_text() == "build/data/x"
    assert not (root / "build/beside").exists()
    assert (root / "src/a.py").exists()


def test_what_a_killed_trial_left_makes_room(tmp_path: Path) -> None:
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial/old").touch()
    (tmp_path / "project").mkdir()
    with pytest.raises(ZeroDivisionError), sandbox(tmp_path / "project", tmp_path / "trial", []) as folder:
        assert list(folder.iterdir()) == []
        1 / 0  # noqa: B018
    assert not (tmp_path / "trial").exists()
