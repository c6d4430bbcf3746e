"""What the demo says at its end can be typed as it stands."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

SAY = """
import sys
from pathlib import Path
from mlops_console.cli import demo
from mlops_console.store.workspace import open_workspace
sys.argv[0] = {program!r}
demo._say_goodbye(open_workspace(Path({folder!r})))
"""


@pytest.mark.parametrize(
    ("program", "typed"),
    [
        ("/usr/lib/mlops_console/__main__.py", f"{shlex.quote(sys.executable)} -m mlops_console"),
        (".venv/bin/mlops-console", ".venv/bin/mlops-console"),
    ],
)
def test_the_commands_name_the_program_as_a_person_does(tmp_path: Path, program: str, typed: str) -> None:
    (tmp_path / "mlops.toml").write_text('[project]\nname = "p"\n')
    found = subprocess.run(
        [sys.executable, "-c", SAY.format(program=program, folder=str(tmp_path))],
        env={**os.environ, "PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    ).stdout
    assert f"Open the console:     {typed} --workspace {tmp_path}" in found
    assert f"Stop all that runs:   {typed} worker stop --workspace {tmp_path}" in found
    assert "__main__.py" not in found
    [stop] = [line.split(":", 1)[1] for line in found.splitlines() if line.startswith("Stop")]
    if typed.startswith(sys.executable):
        assert subprocess.run(shlex.split(stop), capture_output=True, check=False, timeout=50).returncode == 0
