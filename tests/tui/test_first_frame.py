"""What the first frame costs: which modules are there by then."""

import json
import subprocess
import sys
from pathlib import Path

from mlops_console.store.workspace import Workspace

HEAVY = {
    "numpy", "pandas", "scipy", "sklearn", "skops", "sqlite_utils", "uvicorn", "starlette", "typer", "pydantic",
    "watchfiles", "psutil", "textual_plot", "orjson", "mlops_console.core.config", "mlops_console.actions",
    "mlops_console.worker", "mlops_console.pipelines", "mlops_console.serving", "mlops_console.delivery",
}  # fmt: skip
PROGRAM = """
import json, sys
from pathlib import Path
from mlops_console.store.workspace import find_workspace
from mlops_console.tui.app import ConsoleApp

class Once(ConsoleApp):
    def _begin(self):  # called when the first frame was drawn
        self.modules = sorted(sys.modules)
        self.exit()

app = Once(find_workspace(Path(sys.argv[1])))
app.run(headless=True)
print(json.dumps(app.modules))
"""


def test_heavy_modules_wait_for_the_first_frame(workspace: Workspace) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(workspace.root)], capture_output=True, text=True, check=True, timeout=50
    )
    modules = set(json.loads(done.stdout.strip().splitlines()[-1]))
    assert "mlops_console.tui.screens.main" in modules
    assert modules & HEAVY == set()


def test_no_view_knows_a_heavy_library_at_import() -> None:
    package = Path(__file__).parents[2] / "src" / "mlops_console" / "tui"
    paths = [path.relative_to(package.parent).with_suffix("") for path in package.rglob("*.py")]
    names = [".".join(("mlops_console", *path.parts)) for path in paths]
    program = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=50)
    assert set(done.stdout.split()) & {"numpy", "pandas", "scipy", "sklearn", "skops", "uvicorn", "starlette"} == set()
