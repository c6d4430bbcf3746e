"""The sample projects, copied, run by hand, and their modules."""

import importlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from mlops_console.core.config import parse_config
from mlops_console.store.shipped import shipped

PROJECTS = ("breast_cancer", "fraud_detection", "predictive_maintenance")
SOURCES = Path(__file__).resolve().parents[2] / "src"


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A script of a project, run by hand in its folder; warnings are errors."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLOPS_")}
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=project,
        env=environment | {"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=55,
    )


@pytest.fixture(scope="session", params=PROJECTS)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of each sample project, as it is in the repository."""
    made = shutil.ignore_patterns("build", "data", ".mlops", "__pycache__")
    folder = tmp_path_factory.mktemp("samples") / request.param
    return Path(shutil.copytree(shipped("sample_projects") / request.param, folder, ignore=made))


@pytest.fixture(scope="session")
def figures(project: Path) -> dict[str, float]:
    """The project trained by hand, stage by stage; the test metrics that its last stage prints."""
    stages = parse_config((project / "mlops.toml").read_text(encoding="utf-8")).pipelines["train"].stages
    for stage in stages.values():
        done = run(project, *shlex.split(stage.run)[1:])
        assert done.returncode == 0, done.stderr
    pairs = (pair.rsplit(" ", 1) for pair in done.stdout.strip().splitlines()[-1].split(", "))
    return {name: float(value) for name, value in pairs}


@pytest.fixture(scope="session")
def run_by_hand() -> Callable[..., subprocess.CompletedProcess[str]]:
    return run


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path, str], ModuleType]]:
    """Import a module of a project; forgotten afterwards, as each project has a `replay` and a `fit`."""
    ours: set[str] = set()

    def load(folder: Path, name: str) -> ModuleType:
        monkeypatch.syspath_prepend(str(folder))
        ours.update(script.stem for script in folder.glob("*.py"))
        return importlib.import_module(name)

    yield load
    for name in ours & set(sys.modules):
        del sys.modules[name]
