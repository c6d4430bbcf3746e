"""Fixtures of all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from mlops_console.store.workspace import Workspace, open_workspace

# A failing example is told as it was found: to make it smaller or to explain it outlasts the time limit of a test.
settings.register_profile("brief", phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.target))
settings.load_profile("brief")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's own settings reaches a test."""
    for name in (
        "MLOPS_WORKSPACE",
        "MLOPS_RUN_ID",
        "MLOPS_PARAMS",
        "MLOPS_WINDOW_ENVIRONMENT",
        "MLOPS_READ_ONLY",
        "NO_COLOR",
        "SSH_CONNECTION",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg-config"))


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A fresh workspace."""
    folder = tmp_path / "project"
    folder.mkdir()
    workspace = open_workspace(folder)
    yield workspace
    workspace.store.close()
