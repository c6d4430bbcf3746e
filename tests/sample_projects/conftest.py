"""The sample projects, copied, run by hand, and their modules."""

import contextlib
import fcntl
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

from mlops_console.core.config import Stage, parse_config
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


@pytest.fixture(scope="session")
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test run have in common: each project is trained once."""
    if not hasattr(request.config, "workerinput"):
        return tmp_path_factory.mktemp("samples")
    folder = tmp_path_factory.getbasetemp().parent / "samples"
    folder.mkdir(exist_ok=True)
    return folder


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session", params=PROJECTS)
def project(request: pytest.FixtureRequest, samples: Path) -> Path:
    """A copy of each sample project, as it is in the repository."""
    made = shutil.ignore_patterns("build", "data", ".mlops", "__pycache__")
    folder = samples / request.param
    with locked(samples / f"{request.param}.lock"):
        if not folder.exists():
            shutil.copytree(shipped("sample_projects") / request.param, folder, ignore=made)
    return folder


@pytest.fixture(scope="session")
def prepared(project: Path) -> Path:
    """The project with the data that it trains on, made by hand, stage by stage."""
    done = project.with_suffix(".prepared")
    with locked(project.with_suffix(".lock")):
        if not done.exists():
            *before, _ = stages(project)
            for stage in before:
                run_stage(project, stage)
            done.touch()
    return project


@pytest.fixture(scope="session")
def figures(prepared: Path) -> dict[str, float]:
    """The project trained by hand; the test metrics that its last stage prints."""
    printed = prepared.with_suffix(".txt")
    with locked(prepared.with_suffix(".training")):
        if not printed.exists():
            *_, fit = stages(prepared)
            printed.write_text(run_stage(prepared, fit))
    pairs = (pair.rsplit(" ", 1) for pair in printed.read_text().strip().splitlines()[-1].split(", "))
    return {name: float(value) for name, value in pairs}


def stages(project: Path) -> list[Stage]:
    """Those of its training; `fit` is the last one."""
    return list(parse_config((project / "mlops.toml").read_text(encoding="utf-8")).pipelines["train"].stages.values())


def run_stage(project: Path, stage: Stage) -> str:
    """What it prints."""
    done = run(project, *shlex.split(stage.run)[1:])
    assert done.returncode == 0, done.stderr
    return done.stdout


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
