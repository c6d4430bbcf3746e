"""Every example of docs/python-api.md does what it says."""

import re
from pathlib import Path

from mlops_console.store.workspace import Workspace
from tests.tracking import programs

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python-api.md"


def test_the_examples_run(workspace: Workspace) -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) == 9
    done = programs.run(workspace, "\n".join(examples))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(programs.all_runs(workspace)) == 6
