"""What is shipped: the wheel, its folders, its imports."""

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [found] = folder.glob("*.whl")
    return found


def test_the_wheel_holds_themes_and_sample_projects_and_nothing_made_by_running_them(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for expected in ("themes/dark.toml", "sample_projects/breast_cancer/mlops.toml"):
        assert f"mlops_console/_shipped/{expected}" in names
    for folder in ("themes", "sample_projects"):
        inside = {name.partition(f"_shipped/{folder}/")[2] for name in names if f"_shipped/{folder}/" in name}
        tracked = subprocess.run(
            ["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()
        if tracked:  # not in a checkout, as from a source archive: nothing to compare with
            assert inside == {name.removeprefix(f"{folder}/") for name in tracked}


@pytest.mark.timeout(120)
def test_a_wheel_in_an_empty_environment_finds_what_it_ships(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    venv.create(environment)
    python = environment / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, cwd=tmp_path)
    snippet = (
        "import json; from mlops_console.store.shipped import shipped; "
        "print(json.dumps([shipped(n).joinpath(p).is_file() for n, p in "
        "[('themes', 'dark.toml'), ('sample_projects', 'fraud_detection/mlops.toml')]]))"
    )
    found = subprocess.run([python, "-I", "-c", snippet], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert json.loads(found.stdout) == [True, True]
    assert (environment / "bin" / "mlops-console").is_file()


def test_no_file_names_a_machine_or_a_registry() -> None:
    patterns = ["-e", "(^|[^A-Za-z0-9_.])/(work|farm|root)/", "-e", "(pyp" + "i|pythonhoste" + r"d)\.(org|com)"]
    found = subprocess.run(["git", "grep", "-nIE", *patterns, "--", "."], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode != 0, found.stdout
