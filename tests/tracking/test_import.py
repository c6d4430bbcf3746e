"""Importing the package, and starting a run, loads no heavy library."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tracking.programs import SOURCE

HEAVY = ("numpy", "pandas", "scipy", "sklearn", "skops", "pydantic", "psutil", "sqlite_utils", "uvicorn", "textual")


@pytest.mark.parametrize("code", ["", "run = m.start_run(); run.log({'a': 1.0}); run.finish(); m.params"])
def test_nothing_heavy_is_loaded(tmp_path: Path, code: str) -> None:
    program = f"import sys, mlops_console as m\n{code}\nprint([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(SOURCE), "PATH": "", "MLOPS_WORKSPACE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == "[]\n"


def test_importing_loads_hardly_anything_of_our_own() -> None:
    program = "import sys, mlops_console\nprint(sorted(n for n in sys.modules if n.startswith('mlops_console')))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == "['mlops_console', 'mlops_console._version']\n"
