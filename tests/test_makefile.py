"""`make` on machines that lack something: one sentence with the fix."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def python(folder: Path, script: str) -> str:
    """Something that looks like a Python to make."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def told(checkout: Path, *arguments: str, **env: str) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    found = subprocess.run(
        ["make", "demo", *arguments], cwd=checkout, env={**own, **env}, capture_output=True, text=True
    )
    assert found.returncode == 2
    assert not (checkout / ".venv").exists()
    [line] = found.stdout.splitlines()
    return line


def test_an_older_python_is_named(checkout: Path) -> None:
    older = python(checkout, "exit 1")
    assert told(checkout, f"PYTHON={older}").startswith("mlops-console needs Python 3.11 or newer, and")


def test_no_python_at_all(checkout: Path) -> None:
    tools = checkout / "bin"
    tools.mkdir()
    for name in ("make", "sh"):
        (tools / name).symlink_to(shutil.which(name) or "")
    assert "none was found" in told(checkout, PATH=str(tools))


def test_a_python_without_venv_is_told_how_to_get_it(checkout: Path) -> None:
    bare = python(checkout, 'case "$2" in *venv*) exit 1;; esac')
    assert "apt install python3-venv" in told(checkout, f"PYTHON={bare}")
