"""A folder of its own for a trial."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlops_console.core.config import Stage
from mlops_console.pipelines.sandbox import sandbox

STAGES = (Stage(run="a", outs=("build/data", "./build/deep/out")), Stage(run="b", outs=("new/model",)))


def test_the_project_is_there_and_its_outs_are_not(tmp_path: Path) -> None:
    root = tmp_path / "project"
    for name in ("src/a.py", "build/data/x", "build/keep", ".mlops/db", ".git/HEAD", "build/deep/out/y"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    with sandbox(root, tmp_path / "trial", STAGES) as folder:
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


@pytest.mark.parametrize(
    ("script", "cwd"),
    [
        ("open('../build/m', 'w').write('mine')", "src/fit"),
        ("import pathlib; (pathlib.Path(__file__).resolve().parents[1] / 'build/m').write_text('mine')", "."),
    ],
)
def test_no_way_leads_into_the_project(tmp_path: Path, script: str, cwd: str) -> None:
    root = tmp_path / "project"
    for name in ("src/fit/fit.py", "src/build/m", "src/other.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(script)
    stage = Stage(run="fit", cwd=cwd, deps=("./src/fit/fit.py",), outs=("src/build/m",))
    with sandbox(root, tmp_path / "trial", [stage]) as folder:
        subprocess.run([sys.executable, folder / "src/fit/fit.py"], cwd=folder / cwd, check=True)
        assert (folder / "src/build/m").read_text() == "mine"
        assert (folder / "src/other.py").is_symlink()
    assert (root / "src/build/m").read_text() == script


def test_what_a_killed_trial_left_makes_room(tmp_path: Path) -> None:
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial/old").touch()
    (tmp_path / "project").mkdir()
    with pytest.raises(ZeroDivisionError), sandbox(tmp_path / "project", tmp_path / "trial", ()) as folder:
        assert list(folder.iterdir()) == []
        1 / 0  # noqa: B018
    assert not (tmp_path / "trial").exists()
